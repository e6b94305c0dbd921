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

#[doc(hidden)]
pub mod bare;
pub mod cache;
mod choice;
mod cuda;
mod error;
mod gpu;
mod model;
mod onnxruntime;
mod selection;
mod signature;
mod state;
mod tensorrt;
mod tract;

pub use choice::{EngineChoice, PrecisionChoice, Provider, UnknownEngine, UnknownPrecision};
pub use error::EngineError;
pub use gpu::{ProviderOptions, built_options, provider_options};
pub use model::{CONTEXT_FILE, Engine, EngineFiles, EngineOptions, GpuOptions, Model};
pub use onnxruntime::{built_providers, check_provider, library_version, load_library};
pub use selection::{Rejection, SelectError, Selected, select, start_verified};
pub(crate) use selection::{catch_panic, one_line};
pub use state::{Candidate, CandidateState, EngineKind, EngineStates, Serving, Stage};
