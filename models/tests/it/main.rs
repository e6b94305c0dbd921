//! Everything that is tested across modules, in one binary.

#![allow(clippy::unwrap_used)]

mod cases;
mod checkpoints;
mod datasets;
mod draw;
mod fixtures;
mod hostile_images;
mod images;
mod knowledge;
mod preprocess;
