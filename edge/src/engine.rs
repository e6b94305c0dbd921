//! Engines: each loads the bytes of an ONNX file and runs the network on named inputs.
//!
//! [`select`] tries engines strictly, one by one: a provider that cannot run the network is an
//! error, not a quiet fall back to another one. Each refusal is kept with its reason.
//!
//! # Examples
//! ```
//! use edge::engine::{EngineChoice, Provider};
//!
//! assert_eq!("tract".parse(), Ok(EngineChoice::Only(Provider::Tract)));
//! assert_eq!(EngineChoice::Auto.providers().first(), Some(&Provider::TensorRt));
//! ```

mod choice;
mod error;
mod model;
mod onnxruntime;
mod selection;
mod signature;
mod tract;

pub use choice::{EngineChoice, PrecisionChoice, Provider, UnknownEngine, UnknownPrecision};
pub use error::EngineError;
pub use model::{Engine, EngineOptions, Model};
pub use onnxruntime::{built_providers, library_version, load_library};
pub use selection::{Rejection, SelectError, Selected, select, start_verified};
