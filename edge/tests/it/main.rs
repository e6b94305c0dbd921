//! The crate from outside: engines on committed ONNX files, galleries on a real disk.

#![allow(clippy::unwrap_used)]

mod background;
mod batches;
mod board;
mod bundles;
mod conformance;
mod crash;
mod crop_photographs;
mod crops;
mod decided;
mod decision_bytes;
mod doctor;
mod doctor_photographs;
mod engines;
#[path = "../shared/faked_boards.rs"]
mod faked_boards;
mod files;
mod fixtures;
mod inference;
mod jpeg_embeddings;
mod kept_images;
mod knowing;
mod labels;
#[path = "../../../models/tests/shared/libjpeg.rs"]
mod libjpeg;
mod purge;
mod quality;
mod recognition;
mod reembed;
mod same_scores;
mod settings;
mod slot;
mod snapshots;
mod store;
