//! Builds every stage of a Handful run on libtorch.
//!
//! The only crate that knows `tch`. A network comes as a [`models::graph::Graph`] and is interpreted in
//! [`net`]; each stage is one page in [`stages`], read top to bottom.

pub mod augment;
pub mod chart;
pub mod completer_learner;
pub mod config;
pub mod device;
pub mod embed;
pub mod embeddings;
pub mod error;
pub mod fusion;
pub mod loader;
pub mod meta_learner;
pub mod metrics;
pub mod net;
pub mod optimizer;
pub mod pretrainer;
pub mod pth;
pub mod run;
pub mod stages;
pub mod svg;
