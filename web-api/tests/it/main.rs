//! The service from outside: the program as a process, requests over sockets, the page in a
//! browser. The bundle is the tiny one of `edge`, the engine tract.
#![allow(clippy::unwrap_used)]

mod access;
mod answer_page;
mod archive;
mod archive_page;
mod attack;
mod bad_input;
mod browser;
mod classes;
mod client;
mod conditions;
mod crop;
mod crop_page;
mod dashboard;
mod decisions;
mod doctor;
#[path = "../../../models/tests/it/draw.rs"]
#[allow(dead_code, reason = "the drawings of another crate's tests; not all are needed here")]
mod draw;
mod engines;
mod examples;
mod exposure;
mod first_page;
mod frame_page;
mod galleries;
mod galleries_page;
mod guide_examples;
mod health;
mod history;
mod history_page;
mod idempotency;
mod image_list;
mod images;
mod inference;
mod keys_page;
mod list_page;
mod load;
mod measure;
mod memory;
mod metrics;
mod names;
mod openapi;
mod operations;
mod overload;
mod page_accessible;
mod phone_page;
mod process;
mod proxy;
mod quality;
mod reembed;
mod reembed_page;
mod rejecting;
#[path = "../../../edge/tests/shared/rejecting_table.rs"]
mod rejecting_table;
mod screenshots;
mod search;
mod service;
mod service_doctor;
mod sockets;
mod teach_page;
mod things;
mod tls;
mod unknown_page;
mod webdriver;
