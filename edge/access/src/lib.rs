//! Who may use the service: keys with roles, and its certificate.
