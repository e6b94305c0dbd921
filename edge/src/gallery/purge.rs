//! Forgetting for good: what was removed can be restored until it is purged.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::Gallery;
use super::change::{Change, What};
use super::commit::Data;
use super::error::GalleryError;
use super::id::{DeviceId, ExampleId, GroupId};
use super::state::{ExampleStatus, State};
use super::undone::removed;
use super::write::in_parts;

impl Gallery {
    /// Forgets the embeddings and images of examples that were removed so long ago, also with their
    /// class, and that no undo has touched since. They cannot be restored, and their bytes are in
    /// no file of the store. Returns how many there were.
    ///
    /// It also finishes an earlier purge that returned [`GalleryError::NotCompacted`], or whose
    /// process ended.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::StoreFull`]; [`GalleryError::NotCompacted`]: the
    /// examples are purged, but the store could not be written anew beside the former one, which
    /// needs its size again for a moment.
    pub fn purge(&mut self, removed_since: Duration) -> Result<usize, GalleryError> {
        let n = self.purge_rows(removed_since)?;
        self.compact_purged()?;
        Ok(n)
    }

    /// Purges by the setting `retention_days`. The bytes may be in the file of the store until
    /// [`Gallery::compact_purged`], so that several galleries need it only once.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::StoreFull`].
    pub fn purge_due(&mut self) -> Result<usize, GalleryError> {
        self.purge_rows(self.settings().retention())
    }

    /// Writes the store anew if bytes of what was purged may be in its file; answers whether it
    /// was.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::NotCompacted`].
    pub fn compact_purged(&mut self) -> Result<bool, GalleryError> {
        let is_needed = self.journal.needs_compaction().map_err(not_compacted)?;
        if is_needed {
            self.compact_after_purge()?;
        }
        Ok(is_needed)
    }

    fn purge_rows(&mut self, removed_since: Duration) -> Result<usize, GalleryError> {
        self.begin()?;
        let journal = self.journal.changes()?;
        let purgeable = self.removed(&journal, removed_since);
        let n = purgeable.len();
        if n > 0 {
            let changes = self.changes(in_parts(purgeable, |examples| What::Purge { examples }));
            // A new fold, since an example may be the same as one that is gone now.
            self.state.replace(State::fold(journal.iter().chain(&changes)));
            self.commit(&changes, Data::default())?;
        }
        Ok(n)
    }

    /// How many examples [`Gallery::purge`] would forget.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::Io`]; [`GalleryError::Broken`].
    pub fn n_purgeable(&self, removed_since: Duration) -> Result<usize, GalleryError> {
        Ok(self.removed(&self.journal.changes()?, removed_since).len())
    }

    fn removed(&self, journal: &[Change], since: Duration) -> BTreeSet<ExampleId> {
        purgeable(journal, self.n_made_before(journal, since), &self.state)
    }

    /// How many of these changes, which are all of this journal, were surely made so long ago.
    pub(super) fn n_made_before(&self, journal: &[Change], age: Duration) -> usize {
        if age.is_zero() {
            return journal.len();
        }
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        n_made_at(journal, self.clock.now_ms().saturating_sub(age))
    }

    /// Writes the store anew, so that it takes no more room than needed and holds no bytes of what
    /// was purged.
    ///
    /// # Errors
    /// [`GalleryError::ReadOnly`]; [`GalleryError::StoreFull`].
    pub fn compact(&mut self) -> Result<(), GalleryError> {
        self.begin()?;
        self.journal.compact()
    }

    pub(super) fn compact_after_purge(&mut self) -> Result<(), GalleryError> {
        self.journal.compact().map_err(not_compacted)
    }
}

fn not_compacted(error: GalleryError) -> GalleryError {
    GalleryError::NotCompacted(Box::new(error))
}

/// How many of these changes, from the first one on, were surely made at the cutoff already.
fn n_made_at(journal: &[Change], cutoff: u64) -> usize {
    let n_before = journal.partition_point(|change| change.at.ms <= cutoff);
    let mut n_sure = n_before;
    // A change whose clock was behind was made later than it says, and before the next change of
    // the same device whose clock was right.
    let mut shown: HashSet<DeviceId> = HashSet::new();
    for (at, change) in journal[..n_before].iter().enumerate().rev() {
        if !change.is_clock_behind {
            shown.insert(change.device);
        } else if !shown.contains(&change.device) {
            n_sure = at;
        }
    }
    n_sure
}

/// The examples that the first `n_before` changes removed, and that nothing has restored since.
fn purgeable(journal: &[Change], n_before: usize, now: &State) -> BTreeSet<ExampleId> {
    let all: Vec<&Change> = journal.iter().collect();
    let Some(touched) = touched_by_undo(&all, &all[n_before..]) else {
        return BTreeSet::new();
    };
    let before = &all[..n_before];
    let then = State::fold(before.iter().copied());
    let mut gone = removed(before);
    gone.extend(then.examples().keys().filter(|id| is_dropped(&then, **id)));
    gone.retain(|id| !now.examples().contains_key(id) || is_dropped(now, *id));
    for purged in journal.iter().filter_map(|change| match &change.what {
        What::Purge { examples } => Some(examples),
        _ => None,
    }) {
        for id in purged {
            gone.remove(id);
        }
    }
    gone.retain(|id| !touched.contains(id));
    gone
}

/// Whether an example counts no more, since its class was deleted.
fn is_dropped(state: &State, id: ExampleId) -> bool {
    match state.examples().get(&id).map(|one| one.status) {
        Some(ExampleStatus::Dropped) => true,
        // It takes the place of the other when that is removed, and is gone with it otherwise.
        Some(ExampleStatus::SameAs(first)) => is_dropped(state, first),
        Some(ExampleStatus::In(_)) | None => false,
    }
}

/// The examples that the calls are about that these `undos` undid or redid; `None` if it may be any
/// example.
fn touched_by_undo(all: &[&Change], undos: &[&Change]) -> Option<BTreeSet<ExampleId>> {
    let mut groups: HashMap<GroupId, Vec<&Change>> = HashMap::new();
    for change in all {
        groups.entry(change.group).or_default().push(change);
    }
    let mut touched = BTreeSet::new();
    let mut waiting: Vec<&Change> = undos.to_vec();
    while let Some(change) = waiting.pop() {
        let What::Undo { group } = change.what else { continue };
        // Once, however often it was undone and redone.
        for change in groups.remove(&group).into_iter().flatten() {
            match &change.what {
                What::Enroll { examples, .. } => touched.extend(examples.iter().map(|new| new.id)),
                What::Remove { examples } | What::Move { examples, .. } => {
                    touched.extend(examples.iter().copied());
                }
                // Examples come into a class in many ways, so that each may be one of them.
                What::DeleteClass { .. } | What::Merge { .. } | What::Rename { .. } => return None,
                What::Undo { .. } => waiting.push(change),
                _ => {}
            }
        }
    }
    Some(touched)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::class::NewExample;
    use super::super::clock::Clock;
    use super::super::clock::tests::Seeded;
    use super::super::history::UndoTarget;
    use super::super::journal::{Contents, Memory};
    use super::super::label::Label;
    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    const START_MS: u64 = 1_750_000_000_000;

    /// A gallery in memory whose clock is set by hand.
    fn gallery() -> (Gallery, Arc<AtomicU64>) {
        let source = Seeded::new(1);
        let now = Arc::clone(&source.now_ms);
        let mut clock = Clock::new(source);
        let journal = Memory::new(DeviceId(clock.random_uuid()));
        (Gallery::new(Contents::default(), journal, clock), now)
    }

    fn enroll(gallery: &mut Gallery, name: &str, number: u8) {
        let embedding = vec![f32::from(number), 1.0];
        let precision = "fp32".to_owned();
        let image =
            NewExample { sha256: [number; 32], crop: None, embedding, precision, image: None };
        gallery.enroll(&Label::parse(name).unwrap(), vec![image], true).unwrap();
    }

    #[test]
    fn the_age_of_a_removal_counts_from_the_time_that_the_clock_showed() {
        let (mut gallery, now) = gallery();
        now.store(START_MS, Ordering::Relaxed);
        enroll(&mut gallery, "mug", 1);
        gallery.delete("mug").unwrap();
        now.store(START_MS + 30 * DAY_MS - 1, Ordering::Relaxed);
        assert_eq!(gallery.n_purgeable(MONTH).unwrap(), 0);
        now.store(START_MS + 31 * DAY_MS, Ordering::Relaxed);
        assert_eq!(gallery.purge(MONTH).unwrap(), 1);
    }

    #[test]
    fn a_clock_that_starts_in_1970_makes_nothing_old() {
        let (mut gallery, now) = gallery();
        // A new store on a device without a battery.
        now.store(5_000, Ordering::Relaxed);
        enroll(&mut gallery, "mug", 1);
        gallery.delete("mug").unwrap();
        now.store(START_MS, Ordering::Relaxed);
        assert_eq!(gallery.n_purgeable(MONTH).unwrap(), 0, "deleted a moment ago");
        enroll(&mut gallery, "cup", 2);
        now.store(START_MS + 31 * DAY_MS, Ordering::Relaxed);
        assert_eq!(gallery.n_purgeable(MONTH).unwrap(), 1, "a later change shows the time");
        // The same with a store that has seen later times: its time stands still meanwhile.
        now.store(5_000, Ordering::Relaxed);
        gallery.delete("cup").unwrap();
        now.store(START_MS + 60 * DAY_MS, Ordering::Relaxed);
        assert_eq!(gallery.purge(MONTH).unwrap(), 1, "only what was known to be old");
        assert_eq!(gallery.n_purgeable(MONTH).unwrap(), 0, "deleted at an unknown time");
        now.store(START_MS + 91 * DAY_MS, Ordering::Relaxed);
        assert_eq!(gallery.purge(MONTH).unwrap(), 1, "the purge told the time");
    }

    #[test]
    fn nothing_is_purged_by_its_age_after_a_deletion_was_undone() {
        let (mut gallery, now) = gallery();
        now.store(START_MS, Ordering::Relaxed);
        enroll(&mut gallery, "mug", 1);
        enroll(&mut gallery, "cup", 2);
        gallery.delete("mug").unwrap();
        now.store(START_MS + 31 * DAY_MS, Ordering::Relaxed);
        assert_eq!(gallery.n_purgeable(MONTH).unwrap(), 1);
        gallery.delete("cup").unwrap();
        gallery.undo(UndoTarget::Last, false).unwrap();
        assert_eq!(gallery.n_purgeable(MONTH).unwrap(), 0);
        now.store(START_MS + 62 * DAY_MS, Ordering::Relaxed);
        assert_eq!(gallery.purge(MONTH).unwrap(), 1, "the undo is old too");
        assert!(gallery.class("cup").is_ok());
    }

    #[test]
    fn an_undo_of_other_calls_keeps_only_what_they_are_about() {
        let (mut gallery, now) = gallery();
        now.store(START_MS, Ordering::Relaxed);
        enroll(&mut gallery, "mug", 1);
        gallery.delete("mug").unwrap();
        now.store(START_MS + 31 * DAY_MS, Ordering::Relaxed);
        enroll(&mut gallery, "cup", 2);
        gallery.undo(UndoTarget::Last, false).unwrap();
        assert_eq!(gallery.purge(MONTH).unwrap(), 1);
    }

    #[test]
    fn a_purge_of_everything_needs_no_time() {
        let (mut gallery, now) = gallery();
        now.store(5_000, Ordering::Relaxed);
        enroll(&mut gallery, "mug", 1);
        gallery.delete("mug").unwrap();
        assert_eq!(gallery.purge(Duration::ZERO).unwrap(), 1);
    }

    #[test]
    fn another_device_does_not_tell_the_time_of_a_clock_that_was_behind() {
        let (mut gallery, now) = gallery();
        now.store(START_MS, Ordering::Relaxed);
        enroll(&mut gallery, "mug", 1);
        let mut journal = gallery.journal.changes().unwrap();
        let mut other = journal[0].clone();
        other.device = DeviceId(gallery.clock.random_uuid());
        other.is_clock_behind = true;
        other.at.ms = START_MS - DAY_MS;
        journal.insert(0, other.clone());
        assert_eq!(n_made_at(&journal, START_MS + DAY_MS), 0);
        other.is_clock_behind = false;
        other.at.ms = START_MS + 1;
        journal.push(other);
        assert_eq!(n_made_at(&journal, START_MS), 0);
        assert_eq!(n_made_at(&journal, START_MS + 1), journal.len());
    }
}
