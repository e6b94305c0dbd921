//! Who may use the service: keys with roles, and its certificate.
//!
//! The service reads what is here, and the command `handful` writes it; both may run at once.

pub mod certificate;
pub mod keys;
mod role;

pub use role::{Role, UnknownRole};
