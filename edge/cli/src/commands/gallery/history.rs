//! `handful gallery history`, `undo` and `redo`.

use std::collections::BTreeSet;
use std::fmt;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use edge::Recognizer;
use edge::device::Device;
use edge::gallery::{DeviceId, GalleryError, HistoryEntry, UndoTarget};
use edge::recognizer::{Precondition, RecognizerError};
use models::fault::{AnyFault, Message};
use models::utc;
use serde::Serialize;

use super::hint::with_hint;
use super::store::open_existing;
use crate::commands::changed::{Changed, Reversal};
use crate::text::{Align, show, table};

const HISTORY_EXAMPLES: &str = "\
Examples:
  handful gallery history                    the last 20 changes, newest first
  handful gallery history --limit 100
  handful gallery history --after ch_8a3f21  the changes before this one
  handful gallery history --json | jq -r '.history[].summary'

Each change is one call: it is undone as a whole, with `handful gallery undo CHANGE`.";

const UNDO_EXAMPLES: &str = "\
Examples:
  handful gallery undo                      the last change
  handful gallery undo ch_8a3f21            this one, as `handful gallery history` shows it
  handful gallery undo ch_8a3f21 --through  and the later ones that depend on it
  handful gallery undo --device d_5b7d…     all that another device did, as an import shows it

Later changes of other classes stay. A purge cannot be undone. `handful gallery redo` takes an undo
back.";

const REDO_EXAMPLES: &str = "\
Examples:
  handful gallery redo            take the last undo back
  handful gallery redo ch_51c09e  take this undo back, as `handful gallery history` shows it";

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List the changes of the gallery, newest first
    History(HistoryOptions),
    /// Undo a change
    Undo(UndoOptions),
    /// Take an undo back
    Redo(RedoOptions),
}

#[derive(Debug, Args)]
#[command(after_help = HISTORY_EXAMPLES)]
pub(super) struct HistoryOptions {
    /// Most changes to list, 1 to 10000
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    limit: usize,

    /// List those that are older than this change
    #[arg(long, value_name = "CHANGE")]
    after: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = UNDO_EXAMPLES)]
pub(super) struct UndoOptions {
    /// Id of the change [default: the last one that is not undone]
    change: Option<String>,

    /// Undo all that this device did, such as all of an import; can be repeated
    #[arg(long, value_name = "ID", conflicts_with = "change")]
    device: Vec<DeviceId>,

    /// Also undo the later changes that depend on it
    #[arg(long)]
    through: bool,
}

#[derive(Debug, Args)]
#[command(after_help = REDO_EXAMPLES)]
pub(super) struct RedoOptions {
    /// Id of the undo [default: the last one]
    change: Option<String>,
}

pub(super) fn run(action: &Action, json: bool, device: &Device) -> Result<(), AnyFault> {
    match action {
        Action::History(options) => history(options, json, device),
        Action::Undo(options) => undo(options, json, device),
        Action::Redo(options) => redo(options, json, device),
    }
}

/// A change in an answer, with the names of the HTTP API.
#[derive(Debug, Serialize)]
struct ChangeAnswer {
    change: String,
    #[serde(skip)]
    // Only in text: people type the first digits.
    short_id: String,
    at: String,
    #[serde(skip)]
    // Only in text: minutes are enough for people.
    minute: String,
    actor: String,
    device: String,
    summary: String,
    /// It has no effect now.
    undone: bool,
    /// It undoes other changes.
    is_undo: bool,
}

#[derive(Debug, Serialize)]
struct Listed {
    /// Newest first.
    history: Vec<ChangeAnswer>,
    /// The value of `--after` that lists the next ones; null if there are none.
    next: Option<String>,
    revision: u64,
}

fn history(options: &HistoryOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    let recognizer = open_existing(device)?;
    let after = options.after.as_deref().map(|id| recognizer.change(id)).transpose();
    let after = after.map_err(with_hint)?;
    // One more shows whether there are older ones.
    let mut found = recognizer.history(options.limit + 1, after.map(|entry| entry.change))?;
    let is_more = found.len() > options.limit;
    found.truncate(options.limit);
    let last = found.last().filter(|_| is_more);
    let next = last.map(|entry| entry.change.to_string());
    let history = found.into_iter().map(ChangeAnswer::of).collect();
    show(&Listed { history, next, revision: recognizer.revision() }, json)
}

#[derive(Debug, Serialize)]
struct Undone {
    #[serde(skip)]
    // Only in text: a program knows what it asked for.
    done: &'static str,
    /// What has no effect now, latest first.
    undone: Vec<ChangeAnswer>,
    revision: u64,
}

fn undo(options: &UndoOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = open_existing(device)?;
    let target = match options.change.as_deref() {
        Some(id) => UndoTarget::Group(recognizer.change(id).map_err(with_hint)?.change),
        None => UndoTarget::Last,
    };
    let undone = match options.device.is_empty() {
        true => recognizer.undo(target, options.through, Precondition::Anything),
        false => {
            let devices: BTreeSet<DeviceId> = options.device.iter().copied().collect();
            recognizer.undo_devices(&devices, options.through, Precondition::Anything)
        }
    };
    let undone = undone.map_err(|error| undo_refusal(error, options.through))?;
    let answer = Undone::new("undone:", undone, &recognizer);
    let change = recognizer.last_change();
    show(&Changed::new(answer, change, Reversal::Redo, &recognizer.selected()), json)
}

fn redo(options: &RedoOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = open_existing(device)?;
    let target = match options.change.as_deref() {
        Some(id) => UndoTarget::Group(undo_to_take_back(&recognizer, id)?.change),
        None => UndoTarget::LastUndo,
    };
    let undone = recognizer.undo(target, false, Precondition::Anything);
    let undone = undone.map_err(redo_refusal)?;
    let answer = Undone::new("taken back:", undone, &recognizer);
    show(&Changed::by(&recognizer, answer), json)
}

fn undo_to_take_back(recognizer: &Recognizer, id: &str) -> Result<HistoryEntry, AnyFault> {
    let entry = recognizer.change(id).map_err(with_hint)?;
    if entry.is_undo {
        return Ok(entry);
    }
    Err(Message::input(format!(
        "`{}` ({}) is not an undo, so it cannot be taken back; undo it with `handful gallery undo \
         {}`, or name an undo of `handful gallery history`",
        entry.change.short(),
        entry.summary,
        entry.change.short()
    ))
    .into())
}

fn undo_refusal(error: RecognizerError, through: bool) -> AnyFault {
    let hint = match through {
        true => "`handful gallery history` lists the changes",
        false => "--through also undoes later changes that depend on it",
    };
    match error {
        // Only what stands in the way can be undone too.
        RecognizerError::Gallery(GalleryError::CannotUndo { ref reason, .. })
            if reason.contains("depend on it") =>
        {
            Message::input(format!("{error}; {hint}")).into()
        }
        error => error.into(),
    }
}

fn redo_refusal(error: RecognizerError) -> AnyFault {
    match error {
        RecognizerError::Gallery(GalleryError::CannotUndo { .. }) => Message::input(format!(
            "{error}; `handful gallery undo CHANGE` undoes a change that stands in the way"
        ))
        .into(),
        error => error.into(),
    }
}

impl ChangeAnswer {
    fn of(entry: HistoryEntry) -> Self {
        Self {
            change: entry.change.to_string(),
            short_id: entry.change.short(),
            at: utc::rfc3339(entry.at_ms),
            minute: utc::minute(entry.at_ms),
            actor: entry.actor,
            device: entry.device.to_string(),
            summary: entry.summary,
            undone: entry.is_undone,
            is_undo: entry.is_undo,
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let mark = if self.undone { "undone" } else { "" };
        vec![
            self.short_id.clone(),
            self.minute.clone(),
            self.actor.clone(),
            self.summary.clone(),
            mark.to_owned(),
        ]
    }
}

impl Undone {
    fn new(done: &'static str, undone: Vec<HistoryEntry>, recognizer: &Recognizer) -> Self {
        // The entries are those before the call.
        let undone = undone.into_iter().map(|entry| HistoryEntry { is_undone: true, ..entry });
        let undone = undone.map(ChangeAnswer::of).collect();
        Self { done, undone, revision: recognizer.revision() }
    }
}

const COLUMNS: [(&str, Align); 5] = [
    ("change", Align::Left),
    ("when (UTC)", Align::Left),
    ("who", Align::Left),
    ("what", Align::Left),
    ("", Align::Left),
];

fn rows(changes: &[ChangeAnswer]) -> Vec<Vec<String>> {
    changes.iter().map(ChangeAnswer::row).collect()
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(last) = self.history.last() else {
            return writeln!(f, "there are no changes");
        };
        f.write_str(&table(&COLUMNS, &rows(&self.history)))?;
        match self.next {
            Some(_) => {
                writeln!(f, "older ones: handful gallery history --after {}", last.short_id)
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the last column: all of them are undone now.
        write!(f, "{}\n{}", self.done, table(&COLUMNS[..4], &rows(&self.undone)))
    }
}
