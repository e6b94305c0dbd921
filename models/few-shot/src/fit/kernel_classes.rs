//! The base classes of a name regressor that is already fitted, as a device has it.
//!
//! # Examples
//! ```
//! use few_shot::fit::kernel_classes::KernelClasses;
//! use few_shot::kernel::NameRegressor;
//! use models::knowledge::descriptor::SemanticDescriptor;
//! use models::knowledge::wordnet::SynsetId;
//! use ndarray::array;
//!
//! let cat = SemanticDescriptor { word_vector: array![1.0, 0.0], hypernyms: vec![SynsetId(1)] };
//! let car = SemanticDescriptor { word_vector: array![0.0, 1.0], hypernyms: vec![SynsetId(2)] };
//! let prototypes = array![[4.0, 0.0], [0.0, 4.0]];
//! let regressor = NameRegressor::fit(&[cat.clone(), car], prototypes.view());
//! let base = KernelClasses::of(&regressor);
//! // The first class has images; the second one is a row of a classifier.
//! assert_eq!(base.leading(&[cat]), 1);
//! assert_eq!(base.background(1).len(), 1);
//! ```

use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;

use crate::decision::background::Background;
use crate::embedding_frame::{EmbeddingFrame, normalized};
use crate::kernel::NameRegressor;
use models::knowledge::descriptor::SemanticDescriptor;

use super::base_classes::FOLDS;

/// Base classes and the directions that a regressor was fitted to.
#[derive(Debug, Clone)]
pub struct KernelClasses {
    classes: Vec<SemanticDescriptor>,
    /// Of length 1, `[K, s]`.
    directions: Array2<f32>,
    frame: EmbeddingFrame,
    ridge: f64,
}

impl KernelClasses {
    /// Those of a fitted regressor. Its file has dual coefficients and no directions, but the fit
    /// can be reversed.
    pub fn of(regressor: &NameRegressor) -> Self {
        let regression = regressor.regression();
        Self {
            classes: regression.base().to_vec(),
            directions: normalized(regression.targets()),
            frame: regressor.frame().clone(),
            ridge: regressor.ridge(),
        }
    }

    /// How many of `classes` the regressor begins with: all of them or none. It learned first from
    /// the images of a data set, then from the rows of a classifier.
    pub fn leading(&self, classes: &[SemanticDescriptor]) -> usize {
        let begins = classes.len() <= self.classes.len()
            && self.classes.iter().zip(classes).all(|(own, class)| is_same(own, class));
        if begins { classes.len() } else { 0 }
    }

    /// Background directions: those of all classes but the first `with_images`, which are known
    /// from images.
    pub fn background(&self, with_images: usize) -> Background<f32> {
        let rows: Vec<usize> = (with_images..self.classes.len()).collect();
        Background::new(self.frame.center().clone(), self.directions.select(Axis(0), &rows))
    }

    /// Semantic prototypes of these classes, raw, `[n, s]`, each by a regressor that learned from
    /// no class of the same synset. `None` where nothing is left to learn from.
    pub fn left_out(&self, classes: &[SemanticDescriptor]) -> Option<Array2<f32>> {
        let mut semantic = self.without(&[])?.semantic(classes);
        let learned: Vec<usize> = (0..classes.len())
            .filter(|&class| self.classes.iter().any(|own| is_same(own, &classes[class])))
            .collect();
        let folds = FOLDS.min(learned.len());
        let folds = (0..folds).into_par_iter().map(|fold| {
            let fold: Vec<usize> = learned.iter().copied().skip(fold).step_by(folds).collect();
            let left_out: Vec<SemanticDescriptor> =
                fold.iter().map(|&class| classes[class].clone()).collect();
            let rows = self.without(&left_out)?.semantic(&left_out);
            let rows = rows.rows().into_iter().map(|row| row.to_owned());
            Some(fold.into_iter().zip(rows).collect())
        });
        for fold in folds.collect::<Option<Vec<Vec<(usize, Array1<f32>)>>>>()? {
            for (class, row) in fold {
                semantic.row_mut(class).assign(&row);
            }
        }
        Some(semantic)
    }

    /// A regressor that learned from all classes but those of the same synsets as `left_out`.
    fn without(&self, left_out: &[SemanticDescriptor]) -> Option<NameRegressor> {
        let kept: Vec<usize> = (0..self.classes.len())
            .filter(|&own| !left_out.iter().any(|class| is_same(&self.classes[own], class)))
            .collect();
        if kept.is_empty() {
            return None;
        }
        let classes: Vec<SemanticDescriptor> =
            kept.iter().map(|&own| self.classes[own].clone()).collect();
        let directions = self.directions.select(Axis(0), &kept);
        let frame = self.frame.clone();
        Some(NameRegressor::fit_directions(&classes, directions.view(), frame, Some(self.ridge)))
    }
}

/// Whether two classes are of one synset. Hypernyms include the synset itself, so that no two
/// synsets have the same ones.
fn is_same(a: &SemanticDescriptor, b: &SemanticDescriptor) -> bool {
    !a.hypernyms.is_empty() && a.hypernyms == b.hypernyms
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use models::knowledge::wordnet::SynsetId;
    use ndarray::array;

    fn class(synset: u32, word: [f32; 2]) -> SemanticDescriptor {
        let hypernyms = vec![SynsetId(1), SynsetId(synset)];
        SemanticDescriptor { word_vector: Array1::from(word.to_vec()), hypernyms }
    }

    fn classes() -> Vec<SemanticDescriptor> {
        vec![
            class(2, [1.0, 0.0]),
            class(3, [0.0, 1.0]),
            class(4, [-1.0, 0.1]),
            class(2, [1.0, 0.1]),
        ]
    }

    fn directions() -> Array2<f32> {
        array![[1.0, 0.0], [0.0, 1.0], [-0.8, 0.6], [0.6, -0.8]]
    }

    fn kernel_classes() -> KernelClasses {
        let frame = EmbeddingFrame::new(array![2.0, 3.0], 5.0);
        let regressor =
            NameRegressor::fit_directions(&classes(), directions().view(), frame, Some(0.3));
        // As a device has it: its file is rounded to 16 bits.
        KernelClasses::of(&NameRegressor::parse(&regressor.to_bytes("").unwrap()).unwrap().1)
    }

    #[test]
    fn the_directions_of_a_fit_are_recovered() {
        let background = kernel_classes().background(0);
        assert_eq!(background.center(), array![2.0, 3.0]);
        // Embeddings along the two axes have the values of the directions as cosines.
        let axes = array![[3.0, 3.0], [2.0, 4.0]];
        let cosines = background.cosines(axes.view());
        let difference = &cosines.t() - &directions();
        assert!(difference.iter().all(|value| value.abs() < 2e-3), "{difference}");
        let rows = kernel_classes().background(1).cosines(axes.view());
        assert_eq!(rows, cosines.slice(ndarray::s![.., 1..]));
    }

    #[test]
    fn a_regressor_begins_with_the_classes_that_have_images() {
        let base = kernel_classes();
        assert_eq!(base.leading(&classes()[..3]), 3);
        assert_eq!(base.leading(&classes()[1..]), 0);
        let unknown = SemanticDescriptor::unknown(2);
        assert_eq!(base.leading(&[unknown]), 0, "no synset is not the same synset");
    }

    #[test]
    fn a_class_is_predicted_without_every_class_of_its_synset() {
        let base = kernel_classes();
        let other = class(9, [0.7, 0.7]);
        let asked = [class(2, [1.0, 0.0]), other.clone()];
        let semantic = base.left_out(&asked).unwrap();
        // Both classes of synset 2 are left out: only the others remain to predict it.
        let rest = NameRegressor::fit_directions(
            &classes()[1..3],
            directions().slice(ndarray::s![1..3, ..]),
            EmbeddingFrame::new(array![2.0, 3.0], 5.0),
            Some(0.3),
        );
        let expected = rest.semantic(&asked[..1]);
        let difference = &semantic.row(0) - &expected.row(0);
        assert!(difference.iter().all(|value| value.abs() < 0.02), "{difference}");
        let whole = base.without(&[]).unwrap().semantic(&[other]);
        assert_eq!(semantic.row(1), whole.row(0), "the regressor never learned from it");
    }

    #[test]
    fn without_another_synset_nothing_is_predicted() {
        let frame = EmbeddingFrame::new(array![0.0, 0.0], 1.0);
        let one = [class(2, [1.0, 0.0])];
        let regressor =
            NameRegressor::fit_directions(&one, array![[1.0, 0.0]].view(), frame, Some(0.3));
        assert!(KernelClasses::of(&regressor).left_out(&one).is_none());
    }
}
