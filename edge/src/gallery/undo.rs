//! The calls that take changes back, of everyone or of one actor. They are changes themselves.

use std::collections::BTreeSet;

use super::Gallery;
use super::change::{Change, What};
use super::commit::Data;
use super::error::GalleryError;
use super::history::{History, HistoryEntry, UndoTarget};
use super::id::DeviceId;
use super::state::State;

impl Gallery {
    /// Undoes a call: the gallery becomes what it would be without it. With `through`, later calls
    /// that depend on it are undone too. Returns what was undone, latest first. To redo, undo the
    /// undo.
    ///
    /// # Errors
    /// [`GalleryError::CannotUndo`] names what stands in the way; [`GalleryError::NothingToUndo`];
    /// [`GalleryError::UnknownChange`]; [`GalleryError::ReadOnly`]; [`GalleryError::StoreFull`].
    pub fn undo(
        &mut self,
        target: UndoTarget,
        through: bool,
    ) -> Result<Vec<HistoryEntry>, GalleryError> {
        self.undo_of(None, target, through)
    }

    /// The same for an `actor` who may take back only its own changes: all that would be undone,
    /// also by `through`, must have been made by it, in this store.
    ///
    /// # Errors
    /// [`GalleryError::NotOwn`]; those of [`Gallery::undo`].
    pub fn undo_own(
        &mut self,
        actor: &str,
        target: UndoTarget,
        through: bool,
    ) -> Result<Vec<HistoryEntry>, GalleryError> {
        self.undo_of(Some(actor), target, through)
    }

    fn undo_of(
        &mut self,
        owner: Option<&str>,
        target: UndoTarget,
        through: bool,
    ) -> Result<Vec<HistoryEntry>, GalleryError> {
        self.begin()?;
        let journal = self.journal.changes()?;
        let undone = History::new(&journal).plan_undo(target, through)?;
        if let Some(owner) = owner {
            check_own(&undone, owner, self.journal.device())?;
        }
        self.undo_planned(&journal, &undone)?;
        Ok(undone)
    }

    /// Undoes all that these devices did, as one change: the gallery becomes what it would be
    /// without any call of theirs, except for purges. So an import is undone as a whole; see
    /// [`Imported::devices`](super::Imported::devices). With `through`, calls of others that are
    /// about classes which these devices made are undone too. Returns what has no effect any more,
    /// latest first. To redo, undo the undo.
    ///
    /// # Errors
    /// Those of [`Gallery::undo`].
    pub fn undo_devices(
        &mut self,
        devices: &BTreeSet<DeviceId>,
        through: bool,
    ) -> Result<Vec<HistoryEntry>, GalleryError> {
        self.begin()?;
        let journal = self.journal.changes()?;
        let mut undone = History::new(&journal).plan_undo_of(devices, through)?;
        self.undo_planned(&journal, &undone)?;
        undone.retain(|entry| !entry.is_undone);
        Ok(undone)
    }

    fn undo_planned(
        &mut self,
        journal: &[Change],
        planned: &[HistoryEntry],
    ) -> Result<(), GalleryError> {
        let undos = planned.iter().map(|entry| What::Undo { group: entry.change });
        let changes = self.changes(undos.collect());
        let next = State::fold(journal.iter().chain(&changes));
        self.limits.check_growth(&self.state, &next)?;
        self.check_embedded(&next, planned)?;
        self.state.replace(next);
        self.commit(&changes, Data::default())
    }

    /// Refuses an undo that would bring examples back without embeddings.
    fn check_embedded(&self, next: &State, planned: &[HistoryEntry]) -> Result<(), GalleryError> {
        let n = self.n_without_embedding(next)?;
        // What stands in the way is undone first: the last one is the call that was meant.
        let Some(meant) = planned.last().filter(|_| n > 0) else { return Ok(()) };
        let reason = format!(
            "the model that would be in use then has no embedding for {n} of the images: they were \
             not kept, or were added with another model"
        );
        let HistoryEntry { change, summary, .. } = meant.clone();
        Err(GalleryError::CannotUndo { change, summary, reason })
    }
}

/// Refuses if one of the calls was made by another actor, or in the store of another device, where
/// the same name may be that of another user.
fn check_own(calls: &[HistoryEntry], actor: &str, device: DeviceId) -> Result<(), GalleryError> {
    let other = calls.iter().find(|call| call.actor != actor || call.device != device);
    let Some(call) = other else { return Ok(()) };
    let made_by = match call.device == device {
        true => format!("`{}`", call.actor),
        false => format!("`{}` on another device", call.actor),
    };
    let actor = actor.to_owned();
    Err(GalleryError::NotOwn { change: call.change, summary: call.summary.clone(), made_by, actor })
}
