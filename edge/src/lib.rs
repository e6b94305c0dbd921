//! Recognition on the device: engines that run an exported network, the gallery of enrolled
//! classes, and the classifier that compares the two.
//!
//! This is the only crate that names an inference engine. Nothing of an engine crosses
//! [`engine::Engine`]; which one was chosen, and why the others were not, are values.
//!
//! The path of an image: [`embedder`] (bytes to embedding), then [`gallery`] (to enroll it) or
//! [`classifier`] (to name it) and [`explain`] (to say why).

pub mod attention;
pub mod classifier;
pub mod embedder;
pub mod engine;
pub mod evaluate;
pub mod explain;
mod fault;
pub mod gallery;
pub mod knowledge;
pub mod locate;
pub mod precision;
