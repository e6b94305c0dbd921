//! `handful` as a process in fresh folders.

#![allow(clippy::unwrap_used)]

mod archive;
mod archive_memory;
mod bad_input;
mod board;
mod commands;
mod crops;
#[path = "../../../tests/it/decided.rs"]
mod decided;
#[path = "../../../tests/it/decision_bytes.rs"]
mod decision_bytes;
mod engines;
mod evaluate;
#[path = "../../../tests/shared/faked_boards.rs"]
mod faked_boards;
#[path = "../../../tests/it/files.rs"]
mod files;
mod galleries;
mod gallery_command;
mod gallery_doctor;
mod gallery_examples;
mod history;
mod keys;
mod names;
mod quality;
mod reembed;
mod rejecting;
#[path = "../../../tests/shared/rejecting_table.rs"]
mod rejecting_table;
mod salvage;
mod sandbox;
mod sent;
#[path = "../../../../models/tests/shared/sent_trees.rs"]
mod sent_trees;
mod streams;
mod unknown;
