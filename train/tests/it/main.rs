//! Everything about training that is tested through the crate's public face or its program.
#![allow(clippy::unwrap_used)]

mod completer;
mod conformance;
#[path = "../../../edge/tests/it/decision_bytes.rs"]
mod decision_bytes;
mod ensemble;
mod finetune;
mod fixture;
mod gradients;
mod import;
mod knowledge;
mod live;
mod pretrain;
mod program;
mod scene;
mod sent;
#[path = "../../../models/tests/shared/sent_trees.rs"]
mod sent_trees;
mod signals;
mod streams;
mod support;
mod unpickle;
