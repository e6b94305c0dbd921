//! Everything that is tested across modules, in one binary.

#![allow(clippy::unwrap_used)]

mod cases;
mod checkpoints;
mod datasets;
mod draw;
mod fixtures;
mod found_images;
mod hostile_images;
mod images;
mod jpeg_matrix;
mod knowledge;
#[path = "../shared/libjpeg.rs"]
mod libjpeg;
mod pillow;
mod preprocess;
#[path = "../shared/sent_trees.rs"]
mod sent_trees;
mod short_images;
