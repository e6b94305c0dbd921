//! The history of a gallery: what was changed, and how to take it back.

use edge::Recognizer;
use edge::gallery;
use models::utc;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most entries of one answer.
const MAX_ENTRIES: usize = 1000;

/// The most devices of an undo.
pub const MAX_DEVICES: usize = 100;

/// The most characters of a summary and of an actor: other devices choose them.
const MAX_SUMMARY_CHARS: usize = 1000;
const MAX_ACTOR_CHARS: usize = 128;

/// Calls that changed a gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct History {
    /// Newest first.
    #[schema(max_items = 1000)]
    pub history: Vec<HistoryEntry>,
    /// The value of `after` for the older calls; null after the first one.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub next: Option<String>,
    /// The gallery's revision.
    pub revision: u64,
}

/// A call that changed a gallery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// The id of its change, by which it is undone.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: String,
    /// When it was made, by the clock of its device.
    #[schema(format = DateTime, example = "2026-11-30T13:05:09.250Z")]
    pub at: String,
    /// Who made it: `page`, `http` (another client of this service), `cli`, or `retention` (the
    /// service itself, which purges what is due).
    #[schema(max_length = 128, example = "page")]
    pub actor: String,
    /// The store that it was made in.
    #[schema(pattern = "^d_[0-9a-f]{32}$", example = "d_5b7d1ad1c7e94d2c8a3f21b4cd56ef78")]
    pub device: String,
    /// What it did, in words.
    #[schema(max_length = 1000, example = "enrolled 3 images in \"mug\"")]
    pub summary: String,
    /// True if it has no effect now, since a later call undid it.
    pub undone: bool,
    /// True if it undoes other calls. To undo it is to redo those.
    pub is_undo: bool,
}

/// What to undo.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// The id of the change, whole or 6 and more digits of its random half. Without it: the last
    /// change that is not undone.
    #[serde(default)]
    #[schema(
        pattern = "^ch_([0-9a-f]{32}|[0-9a-f]{6,16})$",
        example = "ch_0193b7a2c4d870008a3f21b4cd56ef78"
    )]
    pub change: Option<String>,
    /// In place of `change`: undo all that these devices did, such as all of an import, whose
    /// answer has them; at most 100.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub devices: Vec<String>,
    /// Also undo the later changes that depend on it.
    #[serde(default)]
    pub through: bool,
}

/// What to redo.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedoRequest {
    /// The id of the change that was made by an undo, whole or 6 and more digits of its random
    /// half. Without it: the last undo that is not undone.
    #[serde(default)]
    #[schema(
        pattern = "^ch_([0-9a-f]{32}|[0-9a-f]{6,16})$",
        example = "ch_0193b7a2c4d870008a3f21b4cd56ef78"
    )]
    pub change: Option<String>,
}

/// The response to an undo or a redo.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Undone {
    /// What was undone, the latest first, at most 1000 of them.
    #[schema(max_items = 1000)]
    pub undone: Vec<HistoryEntry>,
    /// The gallery's revision.
    pub revision: u64,
    /// The id of the change that this call made, by which it is undone in turn.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
}

/// What to purge.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeRequest {
    /// Purge what was removed this number of days ago or earlier, 0 to 36500. Without it: the
    /// gallery's `retention_days`.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 36500, example = 0)]
    pub older_than_days: Option<u32>,
}

/// The response to a purge.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Purged {
    /// How many removed examples were forgotten for good; for a deleted gallery, those of all
    /// deleted galleries of its name. Exported files and backups of the store are not touched.
    pub purged: usize,
    /// The gallery's revision; 0 for a deleted gallery.
    pub revision: u64,
    /// The id of the change that this call made; null if there was nothing to purge. A purge cannot
    /// be undone.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
}

/// The id of the change that the last write of this recognizer made.
#[must_use]
pub fn last_change(recognizer: &Recognizer) -> Option<String> {
    recognizer.last_change().map(|change| change.to_string())
}

impl History {
    /// At most `limit` of `found`, and whether older ones follow.
    #[must_use]
    pub fn new(found: &[gallery::HistoryEntry], limit: usize, revision: u64) -> Self {
        let history: Vec<_> = found.iter().take(limit).map(HistoryEntry::from).collect();
        let last = history.last().map(|entry| entry.change.clone());
        Self { next: last.filter(|_| found.len() > limit), history, revision }
    }
}

impl Undone {
    /// The response of a recognizer that has just undone these calls.
    #[must_use]
    pub fn new(undone: &[gallery::HistoryEntry], recognizer: &Recognizer) -> Self {
        let entries = undone.iter().take(MAX_ENTRIES);
        Self {
            // They were read before.
            undone: entries
                .map(|entry| HistoryEntry { undone: true, ..HistoryEntry::from(entry) })
                .collect(),
            revision: recognizer.revision(),
            change: last_change(recognizer),
        }
    }
}

impl From<&gallery::HistoryEntry> for HistoryEntry {
    fn from(entry: &gallery::HistoryEntry) -> Self {
        Self {
            change: entry.change.to_string(),
            at: utc::rfc3339(entry.at_ms),
            actor: entry.actor.chars().take(MAX_ACTOR_CHARS).collect(),
            device: entry.device.to_string(),
            summary: entry.summary.chars().take(MAX_SUMMARY_CHARS).collect(),
            undone: entry.is_undone,
            is_undo: entry.is_undo,
        }
    }
}
