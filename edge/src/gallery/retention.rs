//! How long a deleted gallery can be restored, and how what it held is forgotten then.
//!
//! The journal of the store says when a gallery was deleted and that it was purged. A purge drops
//! all rows of the gallery, its own journal included, in one transaction with that entry.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use super::change::{Change, What};
use super::commit::Data;
use super::error::GalleryError;
use super::galleries::{Galleries, GalleryEntry, unknown};
use super::id::{ClassId, GalleryId, GroupId};
use super::label::Label;
use super::lookup::shortened;
use super::settings::GallerySettings;
use super::state::ClassStatus;

/// A deleted gallery that was purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgedGallery {
    /// Its id.
    pub id: GalleryId,
    /// Its name.
    pub name: String,
    /// How many examples it had when it was deleted.
    pub examples: usize,
}

/// A deleted gallery in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedEntry {
    /// As it was when it was deleted. Its id restores it, also when others had its name.
    pub gallery: GalleryEntry,
    /// When it was deleted: milliseconds since 1970 (UTC), by the clock of its device.
    pub deleted_at_ms: u64,
    /// It can be restored until then, as its `retention_days` say, and for longer if the clock was
    /// behind or if nothing purges the store.
    pub kept_until_ms: u64,
}

/// A deleted gallery that can be restored.
struct DeletedGallery {
    label: Label,
    /// Where its deletion is in the journal of the store.
    deleted_at: usize,
    retention: Duration,
    entry: GalleryEntry,
}

impl DeletedGallery {
    /// The number of its examples, those of the background set included.
    fn n_examples(&self) -> usize {
        self.entry.examples + self.entry.background
    }

    fn listed(self, journal: &[Change]) -> DeletedEntry {
        let deleted_at_ms = journal.get(self.deleted_at).map_or(0, |change| change.at.ms);
        let retention = u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX);
        let kept_until_ms = deleted_at_ms.saturating_add(retention);
        DeletedEntry { gallery: self.entry, deleted_at_ms, kept_until_ms }
    }
}

impl Galleries {
    /// The deleted galleries that can be restored, the one that was deleted last first.
    ///
    /// # Errors
    /// [`GalleryError::Io`]; [`GalleryError::Broken`].
    pub fn list_deleted(&self) -> Result<Vec<DeletedEntry>, GalleryError> {
        let journal = self.directory.journal.changes()?;
        let mut deleted = self.deleted(&journal)?;
        deleted.sort_by_key(|gallery| Reverse(gallery.deleted_at));
        Ok(deleted.into_iter().map(|gallery| gallery.listed(&journal)).collect())
    }

    /// Forgets for good what the deleted galleries of this name, or the one with this id, held, if
    /// they were deleted so long ago; with `None`, as long ago as `retention_days` of each says.
    /// They cannot be restored, and their bytes are in no file of the store.
    ///
    /// # Errors
    /// [`GalleryError::NotDeleted`]; [`GalleryError::UnknownGallery`]; [`GalleryError::Purged`];
    /// [`GalleryError::StoreFull`]; [`GalleryError::NotCompacted`]: they are purged, but the store
    /// could not be written anew.
    pub fn purge(
        &mut self,
        name: &str,
        deleted_since: Option<Duration>,
    ) -> Result<Vec<PurgedGallery>, GalleryError> {
        self.directory.begin()?;
        let journal = self.directory.journal.changes()?;
        let named = self.deleted_by_name(name, &journal)?;
        let purged = self.purge_rows(named, &journal, deleted_since)?;
        self.directory.compact_purged()?;
        Ok(purged)
    }

    /// How many examples [`Galleries::purge`] of everything that has this name would forget.
    ///
    /// # Errors
    /// [`GalleryError::NotDeleted`]; [`GalleryError::UnknownGallery`]; [`GalleryError::Purged`].
    pub fn n_purgeable(&self, name: &str) -> Result<usize, GalleryError> {
        let journal = self.directory.journal.changes()?;
        let named = self.deleted_by_name(name, &journal)?;
        Ok(named.iter().map(DeletedGallery::n_examples).sum())
    }

    /// Purges each deleted gallery by its setting `retention_days`. The bytes may be in the file of
    /// the store until it is written anew, so that several purges need that only once.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnlyStore`]; [`GalleryError::StoreFull`].
    pub fn purge_due(&mut self) -> Result<Vec<PurgedGallery>, GalleryError> {
        self.directory.begin()?;
        let journal = self.directory.journal.changes()?;
        let deleted = self.deleted(&journal)?;
        self.purge_rows(deleted, &journal, None)
    }

    /// The id of the last change of the store, if the last call made one.
    #[must_use]
    pub fn last_change(&self) -> Option<GroupId> {
        self.directory.last_change()
    }

    /// The gallery with this id, or the one of this name that was deleted last, if it can be
    /// restored; and its name.
    pub(super) fn last_deleted(&self, name: &str) -> Result<(GalleryId, Label), GalleryError> {
        let journal = self.directory.journal.changes()?;
        let named = self.deleted_by_name(name, &journal)?.into_iter();
        let last = named.max_by_key(|gallery| gallery.deleted_at);
        last.map(|gallery| (gallery.entry.id, gallery.label)).ok_or_else(|| unknown(name))
    }

    /// The deleted galleries of this name, or the one with this id: at least one.
    fn deleted_by_name(
        &self,
        name: &str,
        journal: &[Change],
    ) -> Result<Vec<DeletedGallery>, GalleryError> {
        let name = Named::parse(name)?;
        let mut named = self.deleted(journal)?;
        named.retain(|gallery| name.is(gallery.entry.id, &gallery.label));
        match named.is_empty() {
            false => Ok(named),
            true => Err(self.missing(&name, journal)),
        }
    }

    /// Why there is no deleted gallery of this name.
    fn missing(&self, name: &Named, journal: &[Change]) -> GalleryError {
        let text = shortened(&name.to_string());
        if self.find(&text).is_ok() {
            return GalleryError::NotDeleted(text);
        }
        let mut purged = purged(journal).into_iter();
        let was_purged = purged.any(|id| {
            let class = self.directory.state.classes().get(&ClassId(id.0));
            class.is_some_and(|class| name.is(id, &class.label))
        });
        if was_purged { GalleryError::Purged(text) } else { unknown(&text) }
    }

    /// The deleted galleries that are not purged.
    fn deleted(&self, journal: &[Change]) -> Result<Vec<DeletedGallery>, GalleryError> {
        let rows = self.rows()?;
        let purged = purged(journal);
        let deletions = deletions(journal);
        let mut found = Vec::new();
        for (class, state) in self.directory.state.classes() {
            let id = GalleryId(class.0);
            if state.status != ClassStatus::Deleted || purged.contains(&id) {
                continue;
            }
            // One that was never written has no row.
            let row = rows.get(&id);
            let settings = row.map_or_else(GallerySettings::default, |row| row.settings);
            found.push(DeletedGallery {
                label: state.label.clone(),
                // A deleted gallery has a deletion; without it nothing shows that it is old.
                deleted_at: deletions.get(class).copied().unwrap_or(journal.len()),
                retention: settings.retention(),
                entry: GalleryEntry::of(id, state.label.to_string(), row),
            });
        }
        Ok(found)
    }

    fn purge_rows(
        &mut self,
        deleted: Vec<DeletedGallery>,
        journal: &[Change],
        since: Option<Duration>,
    ) -> Result<Vec<PurgedGallery>, GalleryError> {
        let mut purged = Vec::new();
        // Many galleries have the same retention.
        let mut n_old: HashMap<Duration, usize> = HashMap::new();
        for gallery in deleted {
            let age = since.unwrap_or(gallery.retention);
            let n_before = n_old.entry(age);
            let n_before = n_before.or_insert_with(|| self.directory.n_made_before(journal, age));
            if gallery.deleted_at < *n_before {
                let examples = gallery.n_examples();
                let GalleryEntry { id, name, .. } = gallery.entry;
                purged.push(PurgedGallery { id, name, examples });
            }
        }
        let changes = purged.iter().map(|gallery| What::PurgeGallery { gallery: gallery.id });
        self.directory.write(changes.collect(), Data::default())?;
        Ok(purged)
    }
}

/// What a caller calls a deleted gallery.
enum Named {
    Id(GalleryId),
    Label(Label),
}

impl Named {
    fn parse(name: &str) -> Result<Self, GalleryError> {
        // An id is no label.
        let id = name.parse::<GalleryId>().map(Self::Id);
        id.or_else(|_| Label::parse(name).map(Self::Label)).map_err(|_| unknown(name))
    }

    fn is(&self, id: GalleryId, label: &Label) -> bool {
        match self {
            Self::Id(named) => *named == id,
            Self::Label(named) => named.folded() == label.folded(),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => fmt::Display::fmt(id, f),
            Self::Label(label) => fmt::Display::fmt(label, f),
        }
    }
}

/// Where the last deletion of each gallery is in the journal of the store.
fn deletions(journal: &[Change]) -> HashMap<ClassId, usize> {
    let deletions = journal.iter().enumerate().filter_map(|(at, change)| match change.what {
        What::DeleteClass { class } => Some((class, at)),
        _ => None,
    });
    deletions.collect()
}

fn purged(journal: &[Change]) -> HashSet<GalleryId> {
    let purged = journal.iter().filter_map(|change| match change.what {
        What::PurgeGallery { gallery } => Some(gallery),
        _ => None,
    });
    purged.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::super::class::NewExample;
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn label(name: &str) -> Label {
        Label::parse(name).unwrap()
    }

    fn example() -> NewExample {
        let precision = "fp32".to_owned();
        NewExample {
            sha256: [1; 32],
            crop: None,
            embedding: vec![1.0, 2.0],
            precision,
            image: None,
        }
    }

    /// A store with a deleted gallery `Line 2` of one example, which is kept for so long.
    fn with_deleted(dir: &Path, retention_days: u32) -> Galleries {
        let mut galleries = Galleries::open(dir, "space").unwrap();
        galleries.create(&label("Line 2")).unwrap();
        let mut line = galleries.gallery("line 2").unwrap();
        line.enroll(&label("mug"), vec![example()], true).unwrap();
        let settings = GallerySettings { retention_days, ..GallerySettings::default() };
        line.set_settings(settings).unwrap();
        drop(line);
        galleries.delete("line 2").unwrap();
        galleries
    }

    #[test]
    fn a_purged_gallery_is_gone_and_the_history_of_the_store_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut galleries = with_deleted(dir.path(), 30);
        galleries.set_actor("retention");
        assert_eq!(galleries.n_purgeable("LINE 2").unwrap(), 1);
        let purged = galleries.purge("line 2", Some(Duration::ZERO)).unwrap();
        assert_eq!((purged[0].name.as_str(), purged[0].examples), ("Line 2", 1));
        let history = galleries.directory.history(1, None).unwrap();
        assert_eq!(history[0].summary, "purged \"Line 2\"");
        assert_eq!(history[0].actor, "retention");
        assert_eq!(Some(history[0].change), galleries.last_change());
        drop(galleries);
        let mut again = Galleries::open(dir.path(), "space").unwrap();
        for _ in 0..2 {
            assert!(matches!(again.restore("line 2"), Err(GalleryError::Purged(_))));
            assert!(matches!(again.purge("line 2", None), Err(GalleryError::Purged(_))));
        }
        let rows = again.file.as_ref().unwrap().galleries().unwrap();
        assert!(rows.iter().all(|(id, _)| *id != purged[0].id));
        // The name is free, and the new gallery is another one.
        again.create(&label("line 2")).unwrap();
        assert_eq!(again.gallery("line 2").unwrap().n_classes(), 0);
        assert!(matches!(again.purge("line 2", None), Err(GalleryError::NotDeleted(_))));
    }

    #[test]
    fn a_deleted_gallery_is_due_after_its_own_retention() {
        let dir = tempfile::tempdir().unwrap();
        let mut galleries = with_deleted(dir.path(), 1);
        assert_eq!(galleries.purge_due().unwrap(), []);
        assert_eq!(galleries.purge("line 2", Some(DAY)).unwrap(), []);
        galleries.restore("line 2").unwrap();
        assert_eq!(galleries.gallery("line 2").unwrap().n_examples(), 1, "all of it is there");
        let mut line = galleries.gallery("line 2").unwrap();
        let none = GallerySettings { retention_days: 0, ..GallerySettings::default() };
        line.set_settings(none).unwrap();
        drop(line);
        assert_eq!(galleries.purge_due().unwrap(), [], "it is not deleted");
        galleries.delete("line 2").unwrap();
        assert_eq!(galleries.purge_due().unwrap().len(), 1);
        assert_eq!(galleries.purge_due().unwrap(), []);
        let needed = galleries.directory.journal.needs_compaction();
        assert!(needed.unwrap(), "several purges need one compaction");
        assert!(galleries.directory.compact_purged().unwrap());
        assert!(!galleries.directory.compact_purged().unwrap());
    }

    #[test]
    fn deleted_galleries_are_listed_and_restored_by_id() {
        let dir = tempfile::tempdir().unwrap();
        let mut galleries = with_deleted(dir.path(), 3);
        let (second, _) = galleries.create(&label("LINE 2")).unwrap();
        galleries.delete("line 2").unwrap();
        let deleted = galleries.list_deleted().unwrap();
        let names: Vec<_> = deleted.iter().map(|one| one.gallery.name.as_str()).collect();
        assert_eq!(names, ["LINE 2", "Line 2"], "the last one first");
        assert_eq!(deleted[0].gallery.id, second);
        assert_eq!((deleted[1].gallery.classes, deleted[1].gallery.examples), (1, 1));
        assert_eq!(deleted[1].gallery.revision, 2);
        assert_eq!(deleted[1].kept_until_ms - deleted[1].deleted_at_ms, 3 * 86_400_000);
        assert!(deleted[0].deleted_at_ms >= deleted[1].deleted_at_ms);
        let first = deleted[1].gallery.id.to_string();
        assert_eq!(galleries.deleted_revision(&first).unwrap(), 2);
        assert_eq!(galleries.restore(&first).unwrap(), deleted[1].gallery.id);
        assert!(matches!(galleries.restore(&first), Err(GalleryError::NotDeleted(_))));
        let second = second.to_string();
        assert!(matches!(galleries.restore(&second), Err(GalleryError::NameInUse(_))));
        assert_eq!(galleries.list_deleted().unwrap(), deleted[..1]);
        assert_eq!(galleries.purge(&second, Some(Duration::ZERO)).unwrap().len(), 1);
        assert!(matches!(galleries.restore(&second), Err(GalleryError::Purged(_))));
        assert!(galleries.find("line 2").is_ok(), "the other one of its name stays");
        let unknown = format!("g_{}", "0".repeat(32));
        assert!(matches!(galleries.restore(&unknown), Err(GalleryError::UnknownGallery(_))));
    }

    #[test]
    fn a_gallery_that_is_open_is_not_written_after_its_purge() {
        let dir = tempfile::tempdir().unwrap();
        let mut galleries = with_deleted(dir.path(), 30);
        galleries.restore("line 2").unwrap();
        let mut line = galleries.gallery("line 2").unwrap();
        galleries.delete("line 2").unwrap();
        galleries.purge("line 2", Some(Duration::ZERO)).unwrap();
        let refused = line.enroll(&label("cup"), Vec::new(), true);
        assert!(matches!(refused, Err(GalleryError::Broken { .. })), "{refused:?}");
        let rows = galleries.file.as_ref().unwrap().galleries().unwrap();
        assert_eq!(rows.len(), 2, "default and the directory");
    }

    #[test]
    fn the_one_that_was_deleted_last_is_restored() {
        let dir = tempfile::tempdir().unwrap();
        let mut galleries = with_deleted(dir.path(), 30);
        let (second, _) = galleries.create(&label("line 2")).unwrap();
        galleries.delete("line 2").unwrap();
        assert_eq!(galleries.restore("line 2").unwrap(), second);
        galleries.delete("line 2").unwrap();
        let purged = galleries.purge("line 2", Some(Duration::ZERO)).unwrap();
        assert_eq!(purged.len(), 2, "all of this name");
        assert_eq!(galleries.list_deleted().unwrap(), []);
        assert!(matches!(galleries.n_purgeable("nobody"), Err(GalleryError::UnknownGallery(_))));
    }
}
