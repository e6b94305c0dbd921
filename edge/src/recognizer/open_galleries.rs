//! The galleries of a recognizer beside the selected one.

use super::snapshot::Snapshots;
use crate::gallery::{Galleries, Gallery, GalleryId};

/// The most classes and examples that the open galleries beside the selected one have together:
/// with embeddings of 1,280 values, about half a gigabyte.
const MAX_OPEN: usize = 50_000;

/// The galleries of a store, and those that are open.
pub(super) struct OpenGalleries {
    pub(super) all: Galleries,
    pub(super) selected: GalleryId,
    /// Open, and not the selected one; the one that was selected last comes last.
    pub(super) others: Vec<(GalleryId, Gallery, Snapshots)>,
    /// The classes and examples that they may have together.
    pub(super) max_open: usize,
}

impl OpenGalleries {
    /// Those of a store, of which one is open and selected.
    pub(super) fn new(all: Galleries, selected: GalleryId) -> Self {
        Self { all, selected, others: Vec::new(), max_open: MAX_OPEN }
    }

    /// Whether a gallery is open.
    pub(super) fn is_open(&self, id: GalleryId) -> bool {
        self.selected == id || self.others.iter().any(|(other, ..)| *other == id)
    }

    /// Closes those that were selected longest ago, until the others have no more classes and
    /// examples together than they may.
    pub(super) fn close_beyond_limit(&mut self) {
        // What is in memory only would be lost.
        if self.all.are_in_memory() {
            return;
        }
        let mut taken = 0;
        let latest_first = self.others.iter().rev();
        let kept = latest_first.take_while(|(_, gallery, _)| {
            // One without a class takes some room too.
            taken += 1 + gallery.n_classes() + gallery.n_examples();
            taken <= self.max_open
        });
        let closed = self.others.len() - kept.count();
        self.others.drain(..closed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::gallery::Label;

    fn label(name: &str) -> Label {
        Label::parse(name).unwrap()
    }

    /// Three open galleries, each with one class.
    fn open(all: Galleries) -> OpenGalleries {
        let selected = all.find(Galleries::DEFAULT).unwrap();
        let mut open = OpenGalleries::new(all, selected);
        for name in ["a", "b", "c"] {
            let (id, _) = open.all.create(&label(name)).unwrap();
            let mut gallery = open.all.gallery(name).unwrap();
            gallery.enroll(&label("mug"), Vec::new(), true).unwrap();
            open.others.push((id, gallery, Snapshots::default()));
        }
        open
    }

    fn close_beyond(open: &mut OpenGalleries, most: usize) {
        open.max_open = most;
        open.close_beyond_limit();
    }

    fn names(open: &OpenGalleries) -> Vec<String> {
        open.others.iter().map(|(id, ..)| open.all.name(*id).unwrap()).collect()
    }

    #[test]
    fn the_least_recently_used_are_closed() {
        let dir = tempfile::tempdir().unwrap();
        let mut open = open(Galleries::open(dir.path(), "space").unwrap());
        close_beyond(&mut open, 6);
        assert_eq!(names(&open), ["a", "b", "c"], "each counts 2");
        let first = open.all.find("a").unwrap();
        assert!(open.is_open(first) && open.is_open(open.selected));
        close_beyond(&mut open, 5);
        assert_eq!(names(&open), ["b", "c"]);
        assert!(!open.is_open(first));
        close_beyond(&mut open, 1);
        assert_eq!(names(&open), [""; 0]);
        let again = open.all.gallery("a").unwrap();
        assert_eq!(again.n_classes(), 1, "what was closed is opened again");
    }

    #[test]
    fn those_in_memory_stay_open() {
        let mut open = open(Galleries::in_memory());
        close_beyond(&mut open, 0);
        assert_eq!(names(&open), ["a", "b", "c"]);
    }
}
