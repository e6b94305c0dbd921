//! Few-shot image recognition on the device: engines that run an exported network, the gallery of
//! enrolled classes, and the classifier that compares an image with them.
//!
//! [`Recognizer`] is the front door: it opens a bundle, an engine and a gallery, enrolls images and
//! classifies others. The path of an image is [`decoder`] (bytes to network input), [`embedder`]
//! (to embedding), then [`gallery`] to enroll it or [`classifier`] to classify it.
//!
//! This is the only crate that names an inference engine. No type of an engine crosses
//! [`engine::Engine`]; which engine was chosen, and why the others were not, are values.

pub mod attention;
pub mod backbone;
pub mod board;
pub mod built;
pub mod classifier;
pub mod decision;
pub mod decoder;
pub mod device;
pub mod doctor;
pub mod embedder;
pub mod engine;
pub mod evaluate;
pub mod explain;
mod fault;
pub mod gallery;
pub mod lexicon;
pub mod locate;
pub mod pipeline;
pub mod quality;
pub mod recognizer;
mod similarity;
pub mod slot;

pub use recognizer::Recognizer;
