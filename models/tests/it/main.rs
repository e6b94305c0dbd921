//! Everything that is tested across modules, in one binary.

#![allow(clippy::unwrap_used)]

mod cases;
mod checkpoints;
mod compare;
mod datasets;
mod draw;
mod episodes;
mod evaluate;
mod fixtures;
mod hostile_pictures;
mod knowledge;
mod knowledge_fixtures;
mod pictures;
mod preprocess;
