//! What an evaluation knows of its classes besides their images.

use models::knowledge::descriptor::SemanticDescriptor;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::completer::{Completer, Support};
use crate::embedding_frame::EmbeddingFrame;
use crate::fusion::{self, ErrorVariances};
use crate::kernel::NameRegressor;
use crate::name_bias::NameBias;

/// The semantic prototypes of classes, with the constants of the name regressor that made them.
///
/// As a [`Completer`] it moves each mean towards the semantic prototype by the share of the
/// [name prior](crate::name_prior), whatever the names are.
///
/// # Examples
/// ```
/// use few_shot::completer::{Completer, Support};
/// use few_shot::embedding_frame::EmbeddingFrame;
/// use few_shot::evaluation::class_knowledge::ClassKnowledge;
/// use few_shot::name_bias::NameBias;
/// use ndarray::array;
///
/// let knowledge = ClassKnowledge {
///     frame: EmbeddingFrame::new(array![0.0, 0.0], 1.0),
///     semantic: array![[1.0, 3.0]],
///     errors: None,
///     name_bias: NameBias::default(),
/// };
/// let images = [array![[1.0, 1.0]]];
/// let support = Support { images: &images, mean: images[0].view() };
/// assert_eq!(knowledge.complete(support, &[0]), array![[1.0, 2.0]]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClassKnowledge {
    /// The frame of the semantic prototypes.
    pub frame: EmbeddingFrame,
    /// The semantic prototype of each class, raw, `[classes, s]`; the center of the frame for a
    /// class without a known name.
    pub semantic: Array2<f32>,
    /// The errors of mean and semantic prototypes on base classes, at the number of shots of the
    /// evaluation.
    pub errors: Option<ErrorVariances>,
    /// The addend for classes without images.
    pub name_bias: NameBias,
}

impl ClassKnowledge {
    /// What a name regressor knows of `classes`, for an evaluation at `k_shot` shots.
    pub fn new(regressor: &NameRegressor, classes: &[SemanticDescriptor], k_shot: usize) -> Self {
        Self {
            frame: regressor.frame().clone(),
            semantic: regressor.semantic(classes),
            errors: regressor.errors(k_shot).cloned(),
            name_bias: regressor.name_bias().clone(),
        }
    }

    /// Semantic prototypes `[n, s]` of classes with these `names`, with the mean `[n, s]` in the
    /// place of those that are not known.
    pub(crate) fn semantic_or_mean(
        &self,
        mean: ArrayView2<'_, f32>,
        names: &[usize],
    ) -> Array2<f32> {
        let mut semantic = self.semantic.select(Axis(0), names);
        for (mut row, mean) in semantic.rows_mut().into_iter().zip(mean.rows()) {
            // Exact: the frame gives the center to the bit for a class without a known name.
            if row == self.frame.center() {
                row.assign(&mean);
            }
        }
        semantic
    }
}

impl Completer for ClassKnowledge {
    fn complete(&self, support: Support<'_>, names: &[usize]) -> Array2<f32> {
        let semantic = self.semantic_or_mean(support.mean, names);
        let weights = Array1::from_elem(
            support.mean.nrows(),
            self.frame.name_prior().share(support.k_shot()),
        );
        fusion::interpolated(support.mean, semantic.view(), weights.view())
    }
}
