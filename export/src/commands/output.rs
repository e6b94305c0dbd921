//! Prints answers on standard output.

use std::fmt::Display;

use indicatif::{ProgressBar, ProgressStyle};
use models::fault::Message;
use serde::Serialize;

/// Prints an answer as indented JSON or as text.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn show(answer: &(impl Display + Serialize), json: bool) -> Result<(), Message> {
    terminal::print(if json { to_json(answer) } else { answer.to_string() })
}

fn to_json(answer: &impl Serialize) -> String {
    serde_json::to_string_pretty(answer).expect("invariant: answers have only string keys")
}

/// A progress bar on standard error with rate and time left. It is hidden with JSON or without a
/// terminal.
pub(super) fn progress(what: &'static str, unit: &str, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    let style = format!("{{msg}} {{wide_bar}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left");
    let style = ProgressStyle::with_template(&style).expect("invariant: the template is valid");
    ProgressBar::new(0).with_style(style).with_message(what)
}

/// A number of bytes in MB.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
