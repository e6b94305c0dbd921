//! The settings of the service and the command: flag, environment variable and key of a TOML file.
//!
//! A setting is one field of [`Device`] (both programs) or [`Service`] (`handful-server`). Its doc
//! comment is the help text; its attributes name the environment variable and the default. The
//! field `max_files` is the flag `--max-files`, the variable `HANDFUL_MAX_FILES` and the key
//! `max_files` of the file. A flag overrides the environment, the environment overrides the file,
//! the file overrides the default.
//!
//! `confique` derives of each struct a layer, in which everything is optional. [`Flags`] lets clap
//! read flags and environment into a layer, [`SettingsFile`] reads TOML into the same type, and
//! the layers are laid over each other. Where more than `confique` does is needed:
//!
//! * clap reads the environment, so that lists, booleans and empty variables mean the same as in a
//!   flag, and an error names the flag.
//! * The structs are beside each other, not nested: the keys of the file have no sections, and an
//!   error in the file keeps its line, which serde's `flatten` would lose.
//! * [`SettingsFile`] knows the keys of both structs, so that both programs can use one file, and
//!   refuses every other key.
//!
//! # Examples
//! ```
//! use clap::Parser;
//! use settings::{Device, Flags};
//!
//! #[derive(Parser)]
//! struct Arguments {
//!     #[command(flatten)]
//!     device: Flags<Device>,
//! }
//!
//! let arguments = Arguments::parse_from(["handful", "--store", "./store"]);
//! let device = arguments.device.over(None)?;
//! assert_eq!(device.store.as_deref(), Some("./store".as_ref()));
//! assert_eq!(device.max_pixels, 40_000_000);
//! # Ok::<(), settings::SettingsError>(())
//! ```

mod base_path;
#[cfg(test)]
mod cases;
mod device;
mod error;
mod file;
mod flags;
mod listen;
mod service;
mod template;
mod tls;
mod trusted_proxy;

pub use base_path::{BasePath, BasePathError};
pub use device::Device;
pub use error::SettingsError;
pub use file::SettingsFile;
pub use flags::{Flags, variables};
pub use listen::{Listen, ListenError};
pub use service::Service;
pub use template::template;
pub use tls::TlsFiles;
pub use trusted_proxy::{TrustedProxy, TrustedProxyError};
