//! The galleries of a recognizer beside the selected one.

use super::snapshot::Snapshots;
use crate::gallery::{Galleries, Gallery, GalleryId};

/// The galleries of a store, and those that are open.
pub(super) struct OpenGalleries {
    pub(super) all: Galleries,
    pub(super) selected: GalleryId,
    /// Open, and not the selected one; the one that was selected last comes last.
    pub(super) others: Vec<(GalleryId, Gallery, Snapshots)>,
}

impl OpenGalleries {
    /// Closes those that were selected longest ago, until the others have at most so many classes
    /// and examples together.
    pub(super) fn close_beyond(&mut self, most: usize) {
        // What is in memory only would be lost.
        if self.all.are_in_memory() {
            return;
        }
        let mut taken = 0;
        let latest_first = self.others.iter().rev();
        let kept = latest_first.take_while(|(_, gallery, _)| {
            // One without a class takes some room too.
            taken += 1 + gallery.n_classes() + gallery.n_examples();
            taken <= most
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
    fn open(mut all: Galleries) -> OpenGalleries {
        let selected = all.find(Galleries::DEFAULT).unwrap();
        let mut others = Vec::new();
        for name in ["a", "b", "c"] {
            let (id, _) = all.create(&label(name)).unwrap();
            let mut gallery = all.gallery(name).unwrap();
            gallery.enroll(&label("mug"), Vec::new(), true).unwrap();
            others.push((id, gallery, Snapshots::default()));
        }
        OpenGalleries { all, selected, others }
    }

    fn names(open: &OpenGalleries) -> Vec<String> {
        open.others.iter().map(|(id, ..)| open.all.name(*id).unwrap()).collect()
    }

    #[test]
    fn the_least_recently_used_are_closed() {
        let dir = tempfile::tempdir().unwrap();
        let mut open = open(Galleries::open(dir.path(), "space").unwrap());
        open.close_beyond(6);
        assert_eq!(names(&open), ["a", "b", "c"], "each counts 2");
        open.close_beyond(5);
        assert_eq!(names(&open), ["b", "c"]);
        open.close_beyond(1);
        assert_eq!(names(&open), [""; 0]);
        let again = open.all.gallery("a").unwrap();
        assert_eq!(again.n_classes(), 1, "what was closed is opened again");
    }

    #[test]
    fn those_in_memory_stay_open() {
        let mut open = open(Galleries::in_memory());
        open.close_beyond(0);
        assert_eq!(names(&open), ["a", "b", "c"]);
    }
}
