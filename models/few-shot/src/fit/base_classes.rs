//! The base classes that the name regressor learns from: classes of images, and the rows of the
//! last layer of a classifier.
//!
//! A row of a classifier points to where its network puts a class, so an ImageNet classifier is a
//! thousand base classes without an image. Rows are weights, not embeddings: their directions start
//! at their own mean, those of images at the mean of the classes of images.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::decision::background::Background;
use crate::embedding_frame::{EmbeddingFrame, normalized};
use crate::kernel::NameRegressor;
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::wordnet::SynsetId;

/// Parts that the classes are cut into; each is predicted by a regressor fitted to the others.
// A fit costs the cube of the number of classes, so one for each class would take too long.
pub(super) const FOLDS: usize = 8;

/// A base class.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseClass {
    /// Its sense.
    pub synset: SynsetId,
    /// Its word vector and its hypernyms.
    pub descriptor: SemanticDescriptor,
}

/// Classes of images, which give the embedding frame, and the rows of a classifier.
///
/// # Examples
/// ```
/// use few_shot::fit::base_classes::{BaseClass, BaseClasses};
/// use models::knowledge::descriptor::SemanticDescriptor;
/// use models::knowledge::wordnet::SynsetId;
/// use ndarray::array;
///
/// let descriptor = SemanticDescriptor { word_vector: array![1.0], hypernyms: vec![SynsetId(1)] };
/// let class = BaseClass { synset: SynsetId(1), descriptor };
/// let base = BaseClasses::of_images(vec![class], array![[3.0, 4.0]]);
/// assert_eq!(base.len(), 1);
/// assert!(base.name_regressor(Some(0.3)).is_some());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BaseClasses {
    with_images: Vec<BaseClass>,
    /// Their raw prototypes, `[K, s]`.
    prototypes: Array2<f32>,
    /// Whether the regressor learns from `with_images`; if not, they only give the frame.
    learns_from_images: bool,
    rows: Vec<BaseClass>,
    /// The directions of the rows, of length 1, `[R, s]`.
    directions: Array2<f32>,
}

impl BaseClasses {
    /// Classes of images with their raw prototypes, `[K, s]`.
    pub fn of_images(with_images: Vec<BaseClass>, prototypes: Array2<f32>) -> Self {
        let directions = Array2::zeros((0, prototypes.ncols()));
        Self { with_images, prototypes, learns_from_images: true, rows: Vec::new(), directions }
    }

    /// The same with the rows of a classifier, `[R, s]`, one for each of `classes`.
    #[must_use]
    pub fn with_classifier(self, classes: Vec<BaseClass>, rows: ArrayView2<'_, f32>) -> Self {
        let center = rows.mapv(f64::from).mean_axis(Axis(0)).map(|mean| mean.mapv(|x| x as f32));
        let directions =
            center.map_or_else(|| rows.to_owned(), |center| normalized(&rows - &center));
        Self { rows: classes, directions, ..self }
    }

    /// The same where the regressor learns from the classifier only; images only give the frame.
    #[must_use]
    pub fn from_classifier_only(self) -> Self {
        Self { learns_from_images: false, ..self }
    }

    /// The same without the rows for which `is_out` is true. The directions of the others do not
    /// change: they start at the mean of the whole classifier.
    #[must_use]
    pub fn without_rows(&self, is_out: impl Fn(&BaseClass) -> bool) -> Self {
        self.filtered(|_| true, |class| !is_out(class))
    }

    /// The same without every class of these synsets, of images or of the classifier.
    fn without(&self, synsets: &BTreeSet<SynsetId>) -> Self {
        self.filtered(
            |class| !synsets.contains(&class.synset),
            |class| !synsets.contains(&class.synset),
        )
    }

    fn filtered(
        &self,
        keeps_images: impl Fn(&BaseClass) -> bool,
        keeps_row: impl Fn(&BaseClass) -> bool,
    ) -> Self {
        let with_images = kept(&self.with_images, keeps_images);
        let rows = kept(&self.rows, keeps_row);
        Self {
            with_images: with_images.iter().map(|&i| self.with_images[i].clone()).collect(),
            prototypes: self.prototypes.select(Axis(0), &with_images),
            learns_from_images: self.learns_from_images,
            rows: rows.iter().map(|&i| self.rows[i].clone()).collect(),
            directions: self.directions.select(Axis(0), &rows),
        }
    }

    /// The number of classes that the regressor learns from.
    pub fn len(&self) -> usize {
        self.rows.len() + if self.learns_from_images { self.with_images.len() } else { 0 }
    }

    /// Whether it learns from none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fits a name regressor; `None` without a class to learn from or without images for the frame.
    /// Without a `ridge` the best of some is chosen.
    pub fn name_regressor(&self, ridge: Option<f64>) -> Option<NameRegressor> {
        if self.is_empty() || self.with_images.is_empty() {
            return None;
        }
        let frame = EmbeddingFrame::around(self.prototypes.view());
        let mut classes: Vec<&BaseClass> = Vec::new();
        let mut directions = vec![self.directions.view()];
        // The order of the directions is that of `classes`: images first.
        let of_images = frame.directions(self.prototypes.view());
        if self.learns_from_images {
            classes.extend(&self.with_images);
            directions.insert(0, of_images.view());
        }
        classes.extend(&self.rows);
        let directions = concatenate(Axis(0), &directions)
            .expect("invariant: rows and prototypes are of one backbone");
        let descriptors: Vec<SemanticDescriptor> =
            classes.into_iter().map(|class| class.descriptor.clone()).collect();
        Some(NameRegressor::fit_directions(&descriptors, directions.view(), frame, ridge))
    }

    /// Background directions of a decision: those of the classifier's rows.
    pub fn background(&self) -> Background<f32> {
        let frame = EmbeddingFrame::around(self.prototypes.view());
        Background::new(frame.center().clone(), self.directions.clone())
    }

    /// The semantic prototypes of the classes of images, raw, `[K, s]`, each by a regressor with
    /// this `ridge` that learned from no class of the same synset. `None` where nothing is left to
    /// learn from: another synset is needed.
    pub fn left_out(&self, ridge: f64) -> Option<Array2<f32>> {
        let mut semantic = Array2::zeros(self.prototypes.dim());
        let folds = FOLDS.min(self.with_images.len());
        for fold in 0..folds {
            // Every eighth class, as neighbors in the order of a data set are often alike.
            let positions: Vec<usize> = (fold..self.with_images.len()).step_by(folds).collect();
            let classes = positions.iter().map(|&position| &self.with_images[position]);
            let synsets = classes.clone().map(|class| class.synset).collect();
            // By synset, since a classifier's row of the same synset would give the class away.
            let regressor = self.without(&synsets).name_regressor(Some(ridge))?;
            let descriptors: Vec<SemanticDescriptor> =
                classes.map(|class| class.descriptor.clone()).collect();
            for (&class, row) in positions.iter().zip(regressor.semantic(&descriptors).rows()) {
                semantic.row_mut(class).assign(&row);
            }
        }
        Some(semantic)
    }
}

/// The positions of the classes that are kept.
fn kept(classes: &[BaseClass], keeps: impl Fn(&BaseClass) -> bool) -> Vec<usize> {
    (0..classes.len()).filter(|&position| keeps(&classes[position])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::{Array1, array};

    /// A class whose word points where its embedding does.
    fn class(synset: u32, word: [f32; 2]) -> BaseClass {
        let descriptor = SemanticDescriptor {
            word_vector: Array1::from(word.to_vec()),
            hypernyms: vec![SynsetId(synset)],
        };
        BaseClass { synset: SynsetId(synset), descriptor }
    }

    fn with_images() -> BaseClasses {
        let classes = vec![class(1, [1.0, 0.0]), class(2, [0.0, 1.0]), class(3, [-1.0, 0.0])];
        BaseClasses::of_images(classes, array![[9.0, 5.0], [5.0, 9.0], [1.0, 5.0]])
    }

    fn with_rows() -> BaseClasses {
        let rows = vec![class(4, [0.0, -1.0]), class(2, [0.0, 1.0])];
        with_images().with_classifier(rows, array![[0.1, -0.2], [0.1, 0.2]].view())
    }

    /// The predicted direction of a class with the word of the classifier's first row.
    fn direction(classes: &BaseClasses) -> Array2<f32> {
        let regressor = classes.name_regressor(Some(0.1)).unwrap();
        let semantic = regressor.semantic(&[class(9, [0.0, -1.0]).descriptor]);
        regressor.frame().directions(semantic.view())
    }

    #[test]
    fn rows_give_directions_and_images_give_the_frame() {
        let regressor = with_images().name_regressor(Some(0.1)).unwrap();
        let with_rows = with_rows();
        assert_eq!(
            with_rows.name_regressor(Some(0.1)).unwrap().frame(),
            regressor.frame(),
            "rows do not change the frame"
        );
        assert!(direction(&with_rows)[[0, 1]] < -0.9);
        assert!(direction(&with_rows.clone().from_classifier_only())[[0, 1]] < -0.9);
        assert_eq!((with_images().len(), with_rows.len()), (3, 5));
        assert_eq!(with_rows.from_classifier_only().len(), 2);
    }

    #[test]
    fn a_class_is_left_out_of_images_and_rows() {
        let out = with_rows().without(&BTreeSet::from([SynsetId(2)]));
        assert_eq!((out.len(), out.prototypes.nrows(), out.directions.nrows()), (3, 2, 1));
        // Only the row or the images of class 2 have its direction.
        let semantic = with_rows().left_out(0.1).unwrap();
        let frame = EmbeddingFrame::around(with_images().prototypes.view());
        assert!(frame.directions(semantic.view())[[1, 1]] < 0.5, "{semantic}");
        let only_one = with_images().without(&BTreeSet::from([SynsetId(1), SynsetId(3)]));
        assert!(only_one.name_regressor(None).is_some() && only_one.left_out(0.1).is_none());
        let no_rows = with_rows().without_rows(|class| class.synset == SynsetId(2));
        assert_eq!((no_rows.with_images.len(), no_rows.rows.len()), (3, 1));
        let none = with_rows().from_classifier_only().without_rows(|_| true);
        assert!(none.is_empty() && none.name_regressor(None).is_none());
        assert_eq!((with_rows().background().len(), with_images().background().len()), (2, 0));
    }
}
