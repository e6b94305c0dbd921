//! One module per command: its options, its output (text and JSON), and the work.

pub(crate) mod bench;
pub(crate) mod calibrate;
mod changed;
pub(crate) mod classify;
mod consent;
pub(crate) mod doctor;
mod embedding;
pub(crate) mod engines;
pub(crate) mod enroll;
pub(crate) mod evaluate;
mod exported;
mod file_error;
pub(crate) mod galleries;
pub(crate) mod gallery;
mod inputs;
pub(crate) mod keys;
pub(crate) mod senses;
pub(crate) mod tls;

use std::path::Path;

use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::engine::Rejection;
use edge::gallery::{Gallery, GalleryError};
use edge::recognizer::{Availability, EngineInfo, GallerySummary, RecognizerError};
use models::actor;
use models::fault::{AnyFault, Blame, Message};
use serde::Serialize;
use terminal::note;

pub(crate) use file_error::FileError;

use crate::text::{one_line, print_error};

/// The model that produced the output.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ModelInfo {
    bundle: String,
    precision: String,
    provider: String,
    refused: Vec<Refused>,
}

/// An engine that was tried before and rejected.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refused {
    provider: String,
    reason: String,
}

impl Refused {
    fn of(rejection: &Rejection) -> Self {
        let Rejection { provider, reason } = rejection;
        Self { provider: provider.to_string(), reason: reason.clone() }
    }
}

impl ModelInfo {
    /// Starts the engine of the backbone if it has not started.
    fn of(recognizer: &mut Recognizer) -> Result<Self, AnyFault> {
        let bundle = recognizer.manifest().name.clone();
        let EngineInfo { provider, precision, rejected } = recognizer.start_backbone()?;
        Ok(Self {
            bundle,
            precision: precision.to_string(),
            provider: provider.to_string(),
            refused: rejected.iter().map(Refused::of).collect(),
        })
    }
}

/// Opens the recognizer, and warns about name knowledge that cannot be used.
fn open(device: &Device, access: StoreAccess) -> Result<Recognizer, AnyFault> {
    let opened = device.recognizer(access);
    let mut recognizer = opened.map_err(|error| match error {
        RecognizerError::Gallery(GalleryError::UnknownGallery(_)) => {
            Message::input(format!("{error}; `handful galleries list` shows them")).into()
        }
        error => AnyFault::from(error),
    })?;
    recognizer.set_actor(actor::CLI);
    if let Availability::Failed(reason) = recognizer.name_availability() {
        // Standard output is for the answer, which a program may read as JSON.
        note!("warning: names: off ({})", one_line(reason));
    }
    Ok(recognizer)
}

/// Refuses a command that needs a store where there is none.
fn check_store(device: &Device) -> Result<(), AnyFault> {
    let store = device.store_dir()?;
    if Gallery::store_exists(&store) {
        return Ok(());
    }
    let store = store.display();
    Err(Message::input(format!(
        "there is no store in {store} yet; enroll images first with `handful enroll DIR`"
    ))
    .into())
}

/// Refuses a gallery without a class that can be recognized: every answer would be empty.
fn check_classes(gallery: &GallerySummary, store: &Path) -> Result<(), Message> {
    let store = store.display();
    let what = match gallery {
        GallerySummary { classes: 0, .. } => format!("no class is enrolled in {store}"),
        GallerySummary { recognizable: 0, .. } => {
            format!("no class in {store} can be recognized yet: none has images or a known name")
        }
        _ => return Ok(()),
    };
    Err(Message::input(format!("{what}; enroll images with `handful enroll DIR`")))
}

/// Why the bundle rejects no unknown image, and what to do; `None` if it rejects them.
fn decision_off(recognizer: &Recognizer) -> Option<String> {
    let name = &recognizer.manifest().name;
    let reason = match recognizer.decision_availability() {
        Availability::Ready => return None,
        Availability::Failed(reason) => one_line(reason),
        Availability::Absent | Availability::NotStarted => {
            format!("the bundle `{name}` has no decision")
        }
    };
    Some(format!(
        "{reason}, so it rejects no image; use a bundle with a decision, or add one with \
         `handful-export fit-decision`"
    ))
}

/// Prints each file's error and returns the command's: an engine's failure outweighs a bad file.
/// The error of an only file is the command's, with the consequence.
fn report_errors(errors: &[FileError], total: usize, consequence: &str) -> Result<(), AnyFault> {
    if let [only] = errors
        && total == 1
    {
        // A count of one file would only repeat the line.
        return Err(only.fault_with(consequence));
    }
    for error in errors {
        print_error(&error.fault());
    }
    let summary = format!("{} of {total} files could not be used{consequence}", errors.len());
    match errors.iter().all(|error| error.blame == Blame::Input) {
        _ if errors.is_empty() => Ok(()),
        true => Err(Message::input(summary).into()),
        false => Err(Message::machine(summary).into()),
    }
}
