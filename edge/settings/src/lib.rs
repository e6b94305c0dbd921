//! The settings of the service and the command: flag, environment and TOML file.
