//! The mathematics of few-shot recognition; no other module of the project knows it.
//!
//! Similarity is always "greater is closer". Embeddings come in raw, as the backbone made them. Nothing here
//! draws a random number of its own: chance enters as a seed.

pub mod base_classes;
pub mod compare;
pub mod completer;
pub mod embedding_frame;
pub mod episode;
pub mod errors;
pub mod evaluate;
pub mod fusion;
pub mod gallery;
pub mod kernel;
pub mod metric;
pub mod name_bias;
pub mod name_prior;
pub mod name_trust;
pub mod protocomnet;
pub mod prototype;
pub mod statistics;
