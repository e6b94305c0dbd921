//! A class that has another prototype for a while, as if an example of it were not enrolled.

use std::sync::Arc;

use ndarray::{ArrayView1, ArrayView2, NdFloat};

use super::blocks::ClassView;
use super::{Decision, GalleryDecision, Question, Replaced};
use crate::decision::images::Images;
use crate::metric::inverse;

impl<F: NdFloat> GalleryDecision<F> {
    /// This gallery where the class at a position has another prototype, raw `[s]`, and another
    /// number of images. What was measured stays.
    #[must_use]
    pub fn with_replaced(&self, class: usize, prototype: ArrayView1<'_, F>, images: usize) -> Self {
        let length = prototype.dot(&prototype).sqrt();
        let unit = &prototype * inverse(length);
        let view = ClassView::new(&unit * length, &self.model);
        let replaced = Replaced { class, unit, images, view };
        Self { replaced: Some(Arc::new(replaced)), ..self.clone() }
    }

    /// Decides about each image, where its `similarities` to the enrolled prototypes are known
    /// already, `[q, n]`.
    pub fn decide_replaced(
        &self,
        images: &Images<F>,
        similarities: ArrayView2<'_, F>,
        question: Question,
    ) -> Vec<Decision<F>> {
        let mut similarities = similarities.to_owned();
        if let Some(replaced) = &self.replaced {
            let column = images.unit.dot(&replaced.unit);
            similarities.column_mut(replaced.class).assign(&column);
        }
        self.decide_similar(images, similarities.view(), question)
    }

    pub(super) fn replaced_class(&self, class: usize) -> Option<&Replaced<F>> {
        self.replaced.as_deref().filter(|replaced| replaced.class == class)
    }
}
