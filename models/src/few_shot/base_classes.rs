//! The base classes that knowledge is learned from: classes of pictures, and the rows of a classifier's last layer.
//!
//! A row of a classifier points to where its network puts a class, so an ImageNet classifier is a thousand base classes
//! without a picture. Rows are weights and no embeddings: they are taken from the rows' own mean, as pictures are from the
//! mean of the classes of pictures, and only the directions meet.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::kernel::{KernelCompleter, KnownAs};
use super::space::{Space, normalized};
use crate::knowledge::wordnet::SynsetId;

/// Parts that the classes are cut into; each is asked of a completer fitted to the others.
const FOLDS: usize = 8;

/// A base class as knowledge sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseClass {
    /// What it is.
    pub synset: SynsetId,
    /// Its words, and what it is a kind of.
    pub known: KnownAs,
}

/// Classes of pictures, from which the space is measured, and others that only point somewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseClasses {
    pictured: Vec<BaseClass>,
    /// Their raw prototypes, `[K, s]`.
    prototypes: Array2<f32>,
    /// Whether `pictured` teach beside measuring.
    pictures_teach: bool,
    rows: Vec<BaseClass>,
    /// Of the rows, of length 1, `[R, s]`.
    directions: Array2<f32>,
}

impl BaseClasses {
    /// Classes of pictures with their raw prototypes, `[K, s]`.
    pub fn of_pictures(pictured: Vec<BaseClass>, prototypes: Array2<f32>) -> Self {
        let directions = Array2::zeros((0, prototypes.ncols()));
        Self { pictured, prototypes, pictures_teach: true, rows: Vec::new(), directions }
    }

    /// With the rows of a classifier, `[R, s]`, one for each of `classes`.
    #[must_use]
    pub fn with_classifier(self, classes: Vec<BaseClass>, rows: ArrayView2<'_, f32>) -> Self {
        let center = rows.mapv(f64::from).mean_axis(Axis(0)).map(|mean| mean.mapv(|x| x as f32));
        let directions =
            center.map_or_else(|| rows.to_owned(), |center| normalized(&rows - &center));
        Self { rows: classes, directions, ..self }
    }

    /// With pictures that only measure the space: knowledge is learned from the classifier alone.
    #[must_use]
    pub fn taught_by_classifier(self) -> Self {
        Self { pictures_teach: false, ..self }
    }

    /// Without the rows that `is_out` names. The others stay where they are: their mean is that of the whole classifier.
    #[must_use]
    pub fn without_rows(&self, is_out: impl Fn(&BaseClass) -> bool) -> Self {
        self.filtered(|_| true, |class| !is_out(class))
    }

    /// Without every class of these synsets, pictured or not.
    fn without(&self, synsets: &BTreeSet<SynsetId>) -> Self {
        let is_in = |class: &BaseClass| !synsets.contains(&class.synset);
        self.filtered(is_in, is_in)
    }

    fn filtered(
        &self,
        pictured: impl Fn(&BaseClass) -> bool,
        rows: impl Fn(&BaseClass) -> bool,
    ) -> Self {
        let kept = |classes: &[BaseClass], is_in: &dyn Fn(&BaseClass) -> bool| -> Vec<usize> {
            (0..classes.len()).filter(|&class| is_in(&classes[class])).collect()
        };
        let of = |classes: &[BaseClass], kept: &[usize]| -> Vec<BaseClass> {
            kept.iter().map(|&class| classes[class].clone()).collect()
        };
        let (pictured, rows) = (kept(&self.pictured, &pictured), kept(&self.rows, &rows));
        Self {
            pictured: of(&self.pictured, &pictured),
            prototypes: self.prototypes.select(Axis(0), &pictured),
            pictures_teach: self.pictures_teach,
            rows: of(&self.rows, &rows),
            directions: self.directions.select(Axis(0), &rows),
        }
    }

    /// How many classes teach.
    pub fn len(&self) -> usize {
        self.rows.len() + if self.pictures_teach { self.pictured.len() } else { 0 }
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Learns from all that teach; `None` if none does, or no pictures measure the space. Without a `ridge` the best is
    /// chosen among some.
    pub fn completer(&self, ridge: Option<f64>) -> Option<KernelCompleter> {
        if self.is_empty() || self.pictured.is_empty() {
            return None;
        }
        let space = Space::around(self.prototypes.view());
        let pictured = space.directions(self.prototypes.view());
        let (pictured, teachers) = match self.pictures_teach {
            true => (pictured, self.pictured.as_slice()),
            false => (Array2::zeros((0, pictured.ncols())), [].as_slice()),
        };
        let directions = concatenate(Axis(0), &[pictured.view(), self.directions.view()])
            .expect("invariant: rows and prototypes are of one backbone");
        let teachers = teachers.iter().chain(&self.rows);
        let known: Vec<KnownAs> = teachers.map(|class| class.known.clone()).collect();
        Some(KernelCompleter::fit_directions(&known, directions.view(), space, ridge))
    }

    /// What knowledge says of each class of pictures, raw, `[K, s]`, by completers of this `ridge` that learned from no
    /// class of its synset. `None` where nothing is left to learn from: another synset is needed.
    pub fn left_out(&self, ridge: f64) -> Option<Array2<f32>> {
        let mut semantic = Array2::zeros(self.prototypes.dim());
        let folds = FOLDS.min(self.pictured.len());
        for fold in 0..folds {
            let asked: Vec<usize> = (fold..self.pictured.len()).step_by(folds).collect();
            let synsets: BTreeSet<SynsetId> =
                asked.iter().map(|&class| self.pictured[class].synset).collect();
            let others = self.without(&synsets);
            let completer = others.completer(Some(ridge))?;
            let known: Vec<KnownAs> =
                asked.iter().map(|&class| self.pictured[class].known.clone()).collect();
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
        let known = KnownAs { word: Array1::from(word.to_vec()), line: vec![SynsetId(synset)] };
        BaseClass { synset: SynsetId(synset), known }
    }

    fn pictured() -> BaseClasses {
        let classes = vec![class(1, [1.0, 0.0]), class(2, [0.0, 1.0]), class(3, [-1.0, 0.0])];
        BaseClasses::of_pictures(classes, array![[9.0, 5.0], [5.0, 9.0], [1.0, 5.0]])
    }

    fn with_rows() -> BaseClasses {
        let rows = vec![class(4, [0.0, -1.0]), class(2, [0.0, 1.0])];
        pictured().with_classifier(rows, array![[0.1, -0.2], [0.1, 0.2]].view())
    }

    #[test]
    fn rows_teach_directions_and_pictures_measure_the_space() {
        let (plain, with_rows) = (pictured(), with_rows());
        let asked = [class(9, [0.0, -1.0]).known];
        let direction = |classes: &BaseClasses| {
            let completer = classes.completer(Some(0.1)).unwrap();
            let raw = completer.semantic(&asked);
            (completer.space().clone(), completer.space().directions(raw.view()))
        };
        let ((space, _), (same, taught)) = (direction(&plain), direction(&with_rows));
        assert_eq!(space, same);
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
        // Only its own row or picture could teach class 2 its direction.
        let semantic = with_rows().left_out(0.1).unwrap();
        let space = Space::around(pictured().prototypes.view());
        assert!(space.directions(semantic.view())[[1, 1]] < 0.5, "{semantic}");
        let only_one = pictured().without(&BTreeSet::from([SynsetId(1), SynsetId(3)]));
        assert!(only_one.completer(None).is_some() && only_one.left_out(0.1).is_none());
        let no_rows = with_rows().without_rows(|class| class.synset == SynsetId(2));
        assert_eq!((no_rows.pictured.len(), no_rows.rows.len()), (3, 1));
        let none = with_rows().taught_by_classifier().without_rows(|_| true);
        assert!(none.is_empty() && none.completer(None).is_none());
    }
}
