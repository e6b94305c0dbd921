//! The crate from outside: engines on committed ONNX files, galleries on a real disk, `handful` as a
//! process in fresh folders.

#![allow(clippy::unwrap_used)]

mod bundles;
mod cli;
mod cli_bad_input;
mod conformance;
mod crash;
mod engines;
mod fixtures;
mod knowing;
mod recognition;
mod store;
