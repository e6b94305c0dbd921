//! The mathematics of few-shot recognition, in three layers.
//!
//! The modules of the crate's root are what a device computes. [`evaluation`] measures accuracy
//! over episodes with the functions that a device calls. [`fit`] learns on base classes, in closed
//! form. Each layer uses only those before it.
//!
//! A similarity is always greater for closer embeddings. Embeddings are raw: as the backbone made
//! them. Nothing draws random numbers of its own; the seed is an argument.

pub mod class_prototypes;
pub mod completer;
pub mod decision;
pub mod embedding_frame;
pub mod evaluation;
pub mod fit;
pub mod fusion;
pub mod kernel;
pub mod metric;
pub mod name_bias;
pub mod name_prior;
pub mod name_trust;
pub mod protocomnet;
pub mod prototype;
mod tensor_file;
