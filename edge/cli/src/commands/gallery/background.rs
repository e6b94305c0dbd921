//! `handful gallery background`: lists and removes the examples of "none of these".

use std::fmt;

use clap::Subcommand;
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::gallery::GalleryError;
use edge::recognizer::{Precondition, RecognizerError};
use models::fault::{AnyFault, Message};
use serde::Serialize;

use super::example_answer::{ExampleAnswer, table_of};
use crate::commands::changed::Changed;
use crate::commands::open;
use crate::text::show;

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the background examples, in the order of enrollment
    List,
    /// Remove background examples
    Remove {
        /// Ids of the examples, as `handful gallery background list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
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

pub(super) fn run(action: &Action, json: bool, device: &Device) -> Result<(), AnyFault> {
    match action {
        Action::List => {
            let recognizer = open(device, StoreAccess::Snapshot)?;
            let examples = ExampleAnswer::background(&recognizer);
            show(&Answer::new(false, examples, &recognizer), json)
        }
        Action::Remove { ids } => {
            let mut recognizer = open(device, StoreAccess::Existing)?;
            let examples = remove(&mut recognizer, ids)?;
            let answer = Answer::new(true, examples, &recognizer);
            show(&Changed::by(&recognizer, answer), json)
        }
    }
}

/// Removes all or none.
fn remove(recognizer: &mut Recognizer, ids: &[String]) -> Result<Vec<ExampleAnswer>, AnyFault> {
    for id in ids {
        let example = recognizer.example(id).map_err(with_hint)?;
        if example.label.is_some() {
            let of_a_class = GalleryError::UnknownExample(id.clone());
            return Err(with_hint(of_a_class.into()));
        }
    }
    let removed = recognizer.remove_examples(ids, Precondition::Anything)?;
    Ok(removed.iter().map(|example| ExampleAnswer::of_background(example)).collect())
}

/// Adds the command that shows what exists.
fn with_hint(error: RecognizerError) -> AnyFault {
    match error {
        RecognizerError::Gallery(GalleryError::UnknownExample(id)) => Message::input(format!(
            "there is no example `{id}` in the background set of this gallery; \
             `handful gallery background list` shows them; nothing was removed"
        ))
        .into(),
        error => error.into(),
    }
}

impl Answer {
    /// After the call.
    fn new(is_removed: bool, examples: Vec<ExampleAnswer>, recognizer: &Recognizer) -> Self {
        let background = recognizer.background().len();
        Self { is_removed, examples, background, revision: recognizer.revision() }
    }
}

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
        f.write_str(&table_of(&self.examples))?;
        if self.is_removed {
            writeln!(f, "left in the background set: {}", self.background)?;
        }
        Ok(())
    }
}
