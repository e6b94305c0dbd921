//! `handful gallery show`, `move` and `remove`: the examples of a gallery, one by one.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::recognizer::{ExampleInfo, Precondition, RecognizerError};
use models::fault::AnyFault;
use serde::Serialize;

use super::class_answer::ClassAnswer;
use super::example_answer::{ExampleAnswer, table_of, table_with_classes};
use super::hint::with_hint;
use super::saved::Saved;
use super::store::open_existing;
use crate::commands::changed::Changed;
use crate::commands::open;
use crate::text::{counted, show};

const SHOW_EXAMPLES: &str = "\
Examples:
  handful gallery show mug                     the examples of a class: id, time (UTC), hash
  handful gallery show mug --save mug-images/  save the images that were kept
  handful gallery show --background            the examples of \"none of these\"

`handful gallery settings --keep-images` sets what is kept of the images that are enrolled next.";

const MOVE_EXAMPLES: &str = "\
Examples:
  handful gallery move e_8a3f21 e_9c04d7 --to cup  two examples into the class cup
  handful gallery move e_8a3f21 --to-background    an example of \"none of these\"

If one id is unknown, nothing is moved. `handful gallery show CLASS` lists the ids.";

const REMOVE_EXAMPLES: &str = "\
Examples:
  handful gallery remove e_8a3f21 e_9c04d7

If one id is unknown, nothing is removed. `handful gallery show CLASS` lists the ids. What is
removed can be restored with `handful gallery undo`, until it is purged.";

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List the examples of a class, or save their images
    Show(ShowOptions),
    /// Move examples to another class, or to the background set
    Move(MoveOptions),
    /// Remove examples
    Remove(RemoveOptions),
}

#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(super) struct ShowOptions {
    /// Label or id of the class
    #[arg(required_unless_present = "background", conflicts_with = "background")]
    class: Option<String>,

    /// List the examples of "none of these"
    #[arg(long)]
    background: bool,

    /// Save the images that were kept in this folder; files that are there stay as they are
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = MOVE_EXAMPLES)]
pub(super) struct MoveOptions {
    /// Ids of the examples
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,

    /// Label or id of the class to move them to
    #[arg(long, value_name = "CLASS", required_unless_present = "to_background")]
    to: Option<String>,

    /// Move them to the background set, the examples of "none of these"
    #[arg(long, conflicts_with = "to")]
    to_background: bool,
}

#[derive(Debug, Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(super) struct RemoveOptions {
    /// Ids of the examples
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

pub(super) fn run(action: &Action, json: bool, device: &Device) -> Result<(), AnyFault> {
    match action {
        Action::Show(options) => list(options, json, device),
        Action::Move(options) => move_to(options, json, device),
        Action::Remove(options) => remove(options, json, device),
    }
}

#[derive(Debug, Serialize)]
struct Shown {
    /// Null: the background set.
    class: Option<ClassAnswer>,
    examples: Vec<ExampleAnswer>,
    /// Only with `--save`.
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<Saved>,
    revision: u64,
}

fn list(options: &ShowOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    let recognizer = match options.save {
        // Images are read from the store while it is open.
        Some(_) => open_existing(device)?,
        None => open(device, StoreAccess::Snapshot)?,
    };
    let class = options.class.as_deref().map(|class| recognizer.class(class));
    let class = class.transpose().map_err(with_hint)?.map(ClassAnswer::of);
    let examples = match &options.class {
        Some(class) => of_class(&recognizer, class)?,
        None => ExampleAnswer::background(&recognizer),
    };
    let saved = options.save.as_deref();
    let saved = saved.map(|folder| Saved::write(&recognizer, &examples, folder)).transpose()?;
    show(&Shown { class, examples, saved, revision: recognizer.revision() }, json)
}

fn of_class(recognizer: &Recognizer, class: &str) -> Result<Vec<ExampleAnswer>, AnyFault> {
    let examples = recognizer.examples(class).map_err(with_hint)?;
    Ok(examples.into_iter().map(ExampleAnswer::from).collect())
}

#[derive(Debug, Serialize)]
struct Moved {
    /// How many were elsewhere.
    moved: usize,
    #[serde(skip)]
    // Only in text: a program knows what it asked for.
    already_there: usize,
    /// Where they are now; null: in the background set.
    to: Option<ClassAnswer>,
    /// Number of background examples after the call.
    background: usize,
    revision: u64,
}

fn move_to(options: &MoveOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = open_existing(device)?;
    let named = named(&recognizer, &options.ids).map_err(with_hint)?;
    let to = options.to.as_deref();
    let moved = recognizer.move_examples(&options.ids, to, Precondition::Anything);
    let moved = moved.map_err(with_hint)?;
    let class = to.map(|class| recognizer.class(class)).transpose().map_err(with_hint)?;
    let answer = Moved {
        moved,
        already_there: named.len() - moved,
        to: class.map(ClassAnswer::of),
        background: recognizer.background().len(),
        revision: recognizer.revision(),
    };
    show(&Changed::by(&recognizer, answer), json)
}

#[derive(Debug, Serialize)]
struct Removed {
    examples: Vec<ExampleAnswer>,
    revision: u64,
}

fn remove(options: &RemoveOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = open_existing(device)?;
    let removed = named(&recognizer, &options.ids).map_err(with_hint)?;
    let removed = removed.into_iter().map(ExampleAnswer::from).collect();
    recognizer.remove_examples(&options.ids, Precondition::Anything).map_err(with_hint)?;
    let answer = Removed { examples: removed, revision: recognizer.revision() };
    show(&Changed::by(&recognizer, answer), json)
}

/// Each of these examples once.
fn named(recognizer: &Recognizer, ids: &[String]) -> Result<Vec<ExampleInfo>, RecognizerError> {
    let mut seen = BTreeSet::new();
    let mut examples = Vec::new();
    for id in ids {
        let example = recognizer.example(id)?;
        if seen.insert(example.id) {
            examples.push(example);
        }
    }
    Ok(examples)
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.class {
            Some(class) => writeln!(f, "{class}")?,
            None => {
                let examples = counted(self.examples.len());
                writeln!(f, "background set (\"none of these\"): {examples}")?;
            }
        }
        if !self.examples.is_empty() {
            f.write_str(&table_of(&self.examples))?;
        }
        self.saved.as_ref().map_or(Ok(()), |saved| write!(f, "{saved}"))
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "moved: {}; were there already: {}", self.moved, self.already_there)?;
        match &self.to {
            Some(class) => writeln!(f, "{class}"),
            None => writeln!(f, "background set (\"none of these\"): {}", counted(self.background)),
        }
    }
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "removed:\n{}", table_with_classes(&self.examples))
    }
}
