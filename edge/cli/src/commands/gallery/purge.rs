//! `handful gallery purge` and `compact`: what was removed is forgotten, and its room is freed.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use edge::device::Device;
use edge::gallery::GroupId;
use models::disk;
use models::fault::AnyFault;
use serde::Serialize;
use terminal::note;

use super::store::open_existing;
use crate::commands::consent;
use crate::text::{counted, show};

const PURGE_EXAMPLES: &str = "\
Examples:
  handful gallery purge                       what was removed before the retention time
  handful gallery purge --older-than 0        everything that was removed
  handful gallery purge --older-than 7 --yes  without a question, for scripts

A purge removes embeddings and images of removed examples from the files of the store. It cannot be
undone. Backups and exported files are not changed: delete them yourself.
`handful gallery settings --retention-days N` sets the retention time. Only handful-server purges by
itself what is older, once a day.";

const COMPACT_EXAMPLES: &str = "\
Examples:
  handful gallery compact

The store is written anew beside the former file, so for a moment it needs its size again.";

/// A hundred years.
const MAX_DAYS: u32 = 36_500;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Forget for good what was removed; it cannot be restored then
    Purge(PurgeOptions),
    /// Write the store anew, so that it takes no more room than needed
    #[command(after_help = COMPACT_EXAMPLES)]
    Compact,
}

#[derive(Debug, Args)]
#[command(after_help = PURGE_EXAMPLES)]
pub(super) struct PurgeOptions {
    /// Only what was removed that many days ago or earlier, 0 to 36500 [default: the retention
    /// time of the gallery]
    #[arg(long, value_name = "DAYS", value_parser = parse_days)]
    older_than: Option<u32>,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Reads the value of a number of days.
pub(super) fn parse_days(text: &str) -> Result<u32, String> {
    let days = text.parse::<u32>().ok().filter(|days| *days <= MAX_DAYS);
    days.ok_or_else(|| format!("expected a whole number of days, 0 to {MAX_DAYS}"))
}

pub(super) fn run(action: &Action, json: bool, device: &Device) -> Result<(), AnyFault> {
    match action {
        Action::Purge(options) => purge(options, json, device),
        Action::Compact => compact(json, device),
    }
}

#[derive(Debug, Serialize)]
struct Purged {
    /// Number of examples.
    purged: usize,
    older_than_days: u32,
    /// Null if there was nothing to purge. It cannot be undone.
    change: Option<GroupId>,
    revision: u64,
}

fn purge(options: &PurgeOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    consent::check_possible(options.yes)?;
    let mut recognizer = open_existing(device)?;
    let older_than_days = options.older_than.unwrap_or(recognizer.settings().retention_days);
    let age = Duration::from_secs(u64::from(older_than_days) * SECONDS_PER_DAY);
    if !options.yes {
        let examples = counted(recognizer.n_purgeable(age)?);
        let gallery = recognizer.selected();
        let what = removed(older_than_days);
        note!("To forget for good: {examples} of the gallery `{gallery}` (what {what}).");
        consent::ask()?;
    }
    let purged = recognizer.purge(age)?;
    let change = recognizer.last_change();
    show(&Purged { purged, older_than_days, change, revision: recognizer.revision() }, json)
}

/// What a purge is about, in words.
fn removed(older_than_days: u32) -> String {
    match older_than_days {
        0 => "was removed".to_owned(),
        days => format!("was removed {days} or more days ago"),
    }
}

#[derive(Debug, Serialize)]
struct Compacted {
    /// Size of the files of the store, in bytes.
    bytes_before: u64,
    bytes_after: u64,
    revision: u64,
}

fn compact(json: bool, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = open_existing(device)?;
    let store = device.store_dir()?;
    let bytes_before = bytes_in(&store)?;
    recognizer.compact()?;
    let bytes_after = bytes_in(&store)?;
    show(&Compacted { bytes_before, bytes_after, revision: recognizer.revision() }, json)
}

/// The size of all files in a folder.
fn bytes_in(folder: &Path) -> Result<u64, AnyFault> {
    let files = disk::list(folder)?;
    // A file that is gone meanwhile has no size.
    Ok(files.iter().filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum())
}

impl fmt::Display for Purged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = removed(self.older_than_days);
        writeln!(f, "purged: {} (what {what})", counted(self.purged))?;
        writeln!(f, "backups and exported files are not changed: delete them yourself")
    }
}

impl fmt::Display for Compacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = [self.bytes_before, self.bytes_after].map(|bytes| bytes as f64 / 1e6);
        writeln!(f, "the store takes {after:.2} MB; it took {before:.2} MB")
    }
}
