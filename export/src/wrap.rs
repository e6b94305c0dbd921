//! Wraps a network that another program wrote as ONNX in a bundle without name knowledge.
//!
//! The steps: check the [file](OnnxNetwork), read the [recipe] from image to input, embed noise
//! with tract, and hold every other engine of the machine to what tract computed. The file itself
//! stays as it is; only metadata are added.

mod bundle;
mod candidate;
mod error;
pub mod images;
mod network;
pub mod recipe;

pub use bundle::{ImageReport, WrapChoices, Wrapped};
pub use error::WrapError;
pub use images::Spread;
pub use network::{NetworkError, OPSETS, OnnxNetwork};
