//! Integration tests of the export: the files it writes, on every engine, and its errors.
#![allow(clippy::unwrap_used)]

mod command;
mod committed;
mod engines;
mod fit_decision;
mod folding;
mod python;
mod refusals;
mod sample;
mod sent;
#[path = "../../../models/tests/shared/sent_trees.rs"]
mod sent_trees;
mod streams;
mod verification;
mod wrap;
