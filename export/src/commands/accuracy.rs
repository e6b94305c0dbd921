//! Accuracy reports: reads those of `--accuracy`, and those that a bundle carries.

use std::path::Path;

use few_shot::evaluation::report::Report;
use models::bundle::{Accuracy, Precision};
use models::disk;
use models::fault::Message;
use serde::Deserialize;

const MAX_REPORT_BYTES: u64 = 1 << 20;

/// The engine of a report that names none: `handful-train evaluate` runs on libtorch.
const TRAINING_ENGINE: &str = "libtorch";

/// Reads `[ENGINE[:PRECISION]=]FILE` and the file.
pub(super) fn read(given: &str) -> Result<Accuracy, Message> {
    read_file(given).map_err(|reason| Message::input(format!("--accuracy {given}: {reason}")))
}

fn read_file(given: &str) -> Result<Accuracy, String> {
    let (engine, file) = given.split_once('=').unwrap_or((TRAINING_ENGINE, given));
    let (engine, word) = engine.split_once(':').unwrap_or((engine, "fp32"));
    let precision =
        Precision::ALL.into_iter().find(|precision| precision.to_string() == word).ok_or_else(
            || format!("unknown precision `{word}`: expected fp32, fp16, int8-u8 or int8-s8"),
        )?;
    let bytes = disk::read(Path::new(file), MAX_REPORT_BYTES).map_err(|e| e.to_string())?;
    // Parsed now, so that a wrong file is refused before the export runs.
    let report: Report = serde_json::from_slice(&bytes)
        .map_err(|e| format!("not a report of `evaluate --json`: {e}"))?;
    // A bundle's format does not know evaluations: it carries the report as any JSON value.
    let report = serde_json::to_value(report).expect("invariant: a report has only string keys");
    Ok(Accuracy { engine: engine.to_owned(), precision, report })
}

/// Whether `--accuracy` names a report of the training engine.
pub(super) fn is_of_training(given: &str) -> bool {
    !given.contains('=') || given.starts_with(TRAINING_ENGINE)
}

/// The report that a bundle carries.
///
/// # Errors
/// One sentence, if another version of `evaluate --json` wrote the report.
pub(super) fn report(accuracy: &Accuracy) -> Result<Report, String> {
    Report::deserialize(&accuracy.report).map_err(|e| {
        format!("unreadable report ({e}): inspect it with the version that wrote the bundle")
    })
}
