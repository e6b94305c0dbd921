//! The stages of a Handful run on libtorch: training, completion, evaluation and import.
//!
//! This is the only crate that uses `tch`. [`net`] interprets a [`models::graph::Graph`];
//! [`stages`] has a module for each stage.

// They end the program when the stream cannot be written: `terminal` has what is used instead.
#![warn(clippy::print_stderr, clippy::print_stdout)]

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
pub mod stop;
