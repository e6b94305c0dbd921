//! `handful gallery background`: lists and removes the examples of "none of these".

use std::collections::BTreeSet;
use std::fmt;

use clap::Subcommand;
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::gallery::{Example, ExampleId, GalleryError};
use edge::recognizer::RecognizerError;
use models::fault::{AnyFault, Message};
use models::hex;
use serde::Serialize;

use crate::commands::open;
use crate::text::{Align, show, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the background examples, in the order of enrollment
    List,
    /// Remove background examples
    Remove {
        /// Ids of the examples, as `handful gallery background list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<ExampleId>,
    },
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(skip)]
    // Only in text: a program knows what it asked for.
    is_removed: bool,
    /// The examples that are listed, or those that were removed.
    examples: Vec<ExampleAnswer>,
    /// Number of background examples after the call.
    background: usize,
    revision: u64,
}

#[derive(Debug, Serialize)]
struct ExampleAnswer {
    id: String,
    sha256: String,
    precision: String,
}

pub(super) fn run(action: &Action, json: bool, device: &Device) -> Result<(), AnyFault> {
    let access = match action {
        Action::List => StoreAccess::Snapshot,
        Action::Remove { .. } => StoreAccess::Existing,
    };
    let mut recognizer = open(device, access)?;
    let examples = match action {
        Action::List => recognizer.background().iter().map(ExampleAnswer::of).collect(),
        Action::Remove { ids } => remove(&mut recognizer, &ids.iter().copied().collect())?,
    };
    let answer = Answer {
        is_removed: matches!(action, Action::Remove { .. }),
        examples,
        background: recognizer.background().len(),
        revision: recognizer.revision(),
    };
    show(&answer, json)
}

fn remove(
    recognizer: &mut Recognizer,
    ids: &BTreeSet<ExampleId>,
) -> Result<Vec<ExampleAnswer>, AnyFault> {
    let known: BTreeSet<ExampleId> = recognizer.background().iter().map(|one| one.id).collect();
    // All before the first write: one wrong id must not leave half of them removed.
    if let Some(unknown) = ids.difference(&known).next() {
        let error = GalleryError::UnknownExample(*unknown);
        let hint = "`handful gallery background list` shows them";
        return Err(Message::input(format!("{error}; {hint}; nothing was removed")).into());
    }
    let removed = ids.iter().map(|&id| recognizer.remove_background(id));
    let removed: Result<Vec<Example>, RecognizerError> = removed.collect();
    Ok(removed?.iter().map(ExampleAnswer::of).collect())
}

impl ExampleAnswer {
    fn of(example: &Example) -> Self {
        Self {
            id: example.id.to_string(),
            sha256: hex::encode(&example.sha256),
            precision: example.precision.clone(),
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        vec![self.id.clone(), self.precision.clone(), self.sha256.clone()]
    }
}

const COLUMNS: [(&str, Align); 3] =
    [("id", Align::Left), ("precision", Align::Left), ("sha256 of the file", Align::Left)];

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.examples.is_empty() {
            return f.write_str(
                "the background set is empty; add images of none of the classes with \
                 `handful enroll --background FILE`",
            );
        }
        if self.is_removed {
            writeln!(f, "removed:")?;
        }
        let rows: Vec<_> = self.examples.iter().map(ExampleAnswer::row).collect();
        f.write_str(&table(&COLUMNS, &rows))?;
        if self.is_removed {
            writeln!(f, "left in the background set: {}", self.background)?;
        }
        Ok(())
    }
}
