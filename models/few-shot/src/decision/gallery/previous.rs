//! The views that a gallery takes from the one before the last change.

use std::sync::{Arc, OnceLock};

use ndarray::NdFloat;

use super::{ClassView, GalleryDecision, Previous};

impl<F: NdFloat> Previous<'_, F> {
    /// There is no gallery before.
    pub const NONE: Self = Self { gallery: None, positions: &[] };

    /// The views of the classes of `gallery`: those of classes whose prototype is the same, and
    /// others that are not computed yet.
    pub(super) fn views(&self, gallery: &GalleryDecision<F>) -> Vec<OnceLock<Arc<ClassView<F>>>> {
        let classes = 0..gallery.image_counts.len();
        classes.map(|class| self.view(gallery, class).unwrap_or_default()).collect()
    }

    fn view(
        &self,
        gallery: &GalleryDecision<F>,
        class: usize,
    ) -> Option<OnceLock<Arc<ClassView<F>>>> {
        let previous = self.gallery?;
        let position = (*self.positions.get(class)?)?;
        let is_same = previous.lengths[position] == gallery.lengths[class]
            && previous.prototypes.row(position) == gallery.prototypes.row(class);
        is_same.then(|| previous.views[position].clone())
    }
}
