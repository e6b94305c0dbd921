//! The base classes that knowledge is learned from: classes of images, and the rows of a classifier's last layer.
//!
//! A row of a classifier points to where its network puts a class, so an ImageNet classifier is a thousand base classes
//! without an image. Rows are weights and no embeddings: they are taken from the rows' own mean, as images are from the
//! mean of the classes of images, and only the directions meet.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::embedding_frame::{EmbeddingFrame, normalized};
use super::kernel::NameRegressor;
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::wordnet::SynsetId;

/// Parts that the classes are cut into; each is asked of a completer fitted to the others.
const FOLDS: usize = 8;

/// A base class as knowledge sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseClass {
    /// What it is.
    pub synset: SynsetId,
    /// Its words, and what it is a kind of.
    pub descriptor: SemanticDescriptor,
}

/// Classes of images, from which the space is measured, and others that only point somewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseClasses {
    with_images: Vec<BaseClass>,
    /// Their raw prototypes, `[K, s]`.
    prototypes: Array2<f32>,
    /// Whether `with_images` teach beside measuring.
    images_teach: bool,
    rows: Vec<BaseClass>,
    /// Of the rows, of length 1, `[R, s]`.
    directions: Array2<f32>,
}

impl BaseClasses {
    /// Classes of images with their raw prototypes, `[K, s]`.
    pub fn of_images(with_images: Vec<BaseClass>, prototypes: Array2<f32>) -> Self {
        let directions = Array2::zeros((0, prototypes.ncols()));
        Self { with_images, prototypes, images_teach: true, rows: Vec::new(), directions }
    }

    /// With the rows of a classifier, `[R, s]`, one for each of `classes`.
    #[must_use]
    pub fn with_classifier(self, classes: Vec<BaseClass>, rows: ArrayView2<'_, f32>) -> Self {
        let center = rows.mapv(f64::from).mean_axis(Axis(0)).map(|mean| mean.mapv(|x| x as f32));
        let directions =
            center.map_or_else(|| rows.to_owned(), |center| normalized(&rows - &center));
        Self { rows: classes, directions, ..self }
    }

    /// With images that only measure the space: knowledge is learned from the classifier alone.
    #[must_use]
    pub fn taught_by_classifier(self) -> Self {
        Self { images_teach: false, ..self }
    }

    /// Without the rows that `is_out` names. The others stay where they are: their mean is that of the whole classifier.
    #[must_use]
    pub fn without_rows(&self, is_out: impl Fn(&BaseClass) -> bool) -> Self {
        self.filtered(|_| true, |class| !is_out(class))
    }

    /// Without every class of these synsets, with_images or not.
    fn without(&self, synsets: &BTreeSet<SynsetId>) -> Self {
        let is_in = |class: &BaseClass| !synsets.contains(&class.synset);
        self.filtered(is_in, is_in)
    }

    fn filtered(
        &self,
        with_images: impl Fn(&BaseClass) -> bool,
        rows: impl Fn(&BaseClass) -> bool,
    ) -> Self {
        let kept = |classes: &[BaseClass], is_in: &dyn Fn(&BaseClass) -> bool| -> Vec<usize> {
            (0..classes.len()).filter(|&class| is_in(&classes[class])).collect()
        };
        let of = |classes: &[BaseClass], kept: &[usize]| -> Vec<BaseClass> {
            kept.iter().map(|&class| classes[class].clone()).collect()
        };
        let (with_images, rows) = (kept(&self.with_images, &with_images), kept(&self.rows, &rows));
        Self {
            with_images: of(&self.with_images, &with_images),
            prototypes: self.prototypes.select(Axis(0), &with_images),
            images_teach: self.images_teach,
            rows: of(&self.rows, &rows),
            directions: self.directions.select(Axis(0), &rows),
        }
    }

    /// How many classes teach.
    pub fn len(&self) -> usize {
        self.rows.len() + if self.images_teach { self.with_images.len() } else { 0 }
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Learns from all that teach; `None` if none does, or no images measure the space. Without a `ridge` the best is
    /// chosen among some.
    pub fn completer(&self, ridge: Option<f64>) -> Option<NameRegressor> {
        if self.is_empty() || self.with_images.is_empty() {
            return None;
        }
        let frame = EmbeddingFrame::around(self.prototypes.view());
        let with_images = frame.directions(self.prototypes.view());
        let (with_images, class_source) = match self.images_teach {
            true => (with_images, self.with_images.as_slice()),
            false => (Array2::zeros((0, with_images.ncols())), [].as_slice()),
        };
        let directions = concatenate(Axis(0), &[with_images.view(), self.directions.view()])
            .expect("invariant: rows and prototypes are of one backbone");
        let class_source = class_source.iter().chain(&self.rows);
        let known: Vec<SemanticDescriptor> =
            class_source.map(|class| class.descriptor.clone()).collect();
        Some(NameRegressor::fit_directions(&known, directions.view(), frame, ridge))
    }

    /// What knowledge says of each class of images, raw, `[K, s]`, by completers of this `ridge` that learned from no
    /// class of its synset. `None` where nothing is left to learn from: another synset is needed.
    pub fn left_out(&self, ridge: f64) -> Option<Array2<f32>> {
        let mut semantic = Array2::zeros(self.prototypes.dim());
        let folds = FOLDS.min(self.with_images.len());
        for fold in 0..folds {
            let asked: Vec<usize> = (fold..self.with_images.len()).step_by(folds).collect();
            let synsets: BTreeSet<SynsetId> =
                asked.iter().map(|&class| self.with_images[class].synset).collect();
            let others = self.without(&synsets);
            let completer = others.completer(Some(ridge))?;
            let known: Vec<SemanticDescriptor> =
                asked.iter().map(|&class| self.with_images[class].descriptor.clone()).collect();
            for (&class, row) in asked.iter().zip(completer.semantic(&known).rows()) {
                semantic.row_mut(class).assign(&row);
            }
        }
        Some(semantic)
    }
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

    #[test]
    fn rows_teach_directions_and_images_measure_the_space() {
        let (plain, with_rows) = (with_images(), with_rows());
        let asked = [class(9, [0.0, -1.0]).descriptor];
        let direction = |classes: &BaseClasses| {
            let completer = classes.completer(Some(0.1)).unwrap();
            let raw = completer.semantic(&asked);
            (completer.frame().clone(), completer.frame().directions(raw.view()))
        };
        let ((frame, _), (same, taught)) = (direction(&plain), direction(&with_rows));
        assert_eq!(frame, same);
        assert!(taught[[0, 1]] < -0.9, "{taught}");
        let (_, rows_alone) = direction(&with_rows.clone().taught_by_classifier());
        assert!(rows_alone[[0, 1]] < -0.9, "{rows_alone}");
        assert_eq!((plain.len(), with_rows.len()), (3, 5));
        assert_eq!(with_rows.taught_by_classifier().len(), 2);
    }

    #[test]
    fn a_class_is_taken_out_wherever_its_synset_stands() {
        let out = with_rows().without(&BTreeSet::from([SynsetId(2)]));
        assert_eq!((out.len(), out.prototypes.nrows(), out.directions.nrows()), (3, 2, 1));
        // Only its own row or image could teach class 2 its direction.
        let semantic = with_rows().left_out(0.1).unwrap();
        let frame = EmbeddingFrame::around(with_images().prototypes.view());
        assert!(frame.directions(semantic.view())[[1, 1]] < 0.5, "{semantic}");
        let only_one = with_images().without(&BTreeSet::from([SynsetId(1), SynsetId(3)]));
        assert!(only_one.completer(None).is_some() && only_one.left_out(0.1).is_none());
        let no_rows = with_rows().without_rows(|class| class.synset == SynsetId(2));
        assert_eq!((no_rows.with_images.len(), no_rows.rows.len()), (3, 1));
        let none = with_rows().taught_by_classifier().without_rows(|_| true);
        assert!(none.is_empty() && none.completer(None).is_none());
    }
}
