//! `handful galleries list --deleted`.

use std::fmt;

use edge::gallery::DeletedEntry;
use models::utc;
use serde::Serialize;

use crate::text::{Align, table};

/// The deleted galleries that can be restored, with the fields of `list` and their times.
#[derive(Debug, Serialize)]
pub(super) struct DeletedAnswer {
    /// The one that was deleted last first.
    galleries: Vec<Deleted>,
}

#[derive(Debug, Serialize)]
struct Deleted {
    gallery: String,
    id: String,
    classes: usize,
    examples: usize,
    background: usize,
    revision: u64,
    deleted_at: String,
    /// It can be restored until then.
    kept_until: String,
    #[serde(skip)]
    // Only in text: minutes are enough for people.
    minutes: [String; 2],
}

impl DeletedAnswer {
    pub(super) fn of(deleted: Vec<DeletedEntry>) -> Self {
        Self { galleries: deleted.into_iter().map(Deleted::of).collect() }
    }
}

impl Deleted {
    fn of(DeletedEntry { gallery, deleted_at_ms, kept_until_ms }: DeletedEntry) -> Self {
        Self {
            gallery: gallery.name,
            id: gallery.id.to_string(),
            classes: gallery.classes,
            examples: gallery.examples,
            background: gallery.background,
            revision: gallery.revision,
            deleted_at: utc::rfc3339(deleted_at_ms),
            kept_until: utc::rfc3339(kept_until_ms),
            minutes: [deleted_at_ms, kept_until_ms].map(utc::minute),
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let counts = [self.classes, self.examples].map(|count| count.to_string());
        let name = vec![self.gallery.clone()];
        [name, counts.to_vec(), self.minutes.to_vec(), vec![self.id.clone()]].concat()
    }
}

const COLUMNS: [(&str, Align); 6] = [
    ("gallery", Align::Left),
    ("classes", Align::Right),
    ("examples", Align::Right),
    ("deleted (UTC)", Align::Left),
    ("kept until (UTC)", Align::Left),
    ("id", Align::Left),
];

impl fmt::Display for DeletedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(last) = self.galleries.first() else {
            return writeln!(f, "there is no deleted gallery that can be restored");
        };
        let rows: Vec<_> = self.galleries.iter().map(Deleted::row).collect();
        f.write_str(&table(&COLUMNS, &rows))?;
        // By its id: another gallery may have had its name.
        writeln!(f, "restore one by its name or id: handful galleries restore {}", last.id)
    }
}
