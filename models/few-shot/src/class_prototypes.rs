//! One prototype for each class: of classes with images, with a name, or with both.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::embedding_frame::EmbeddingFrame;
use crate::name_bias::NameBias;
use crate::name_trust::name_trust;
use crate::{fusion, metric};

/// One prototype for each class, and the similarity of images to it.
///
/// # Examples
/// ```
/// use few_shot::class_prototypes::ClassPrototypes;
/// use ndarray::array;
///
/// let means = array![[1.0, 0.0], [0.0, 1.0]];
/// let prototypes = ClassPrototypes::of_means(means, vec![1, 1]);
/// let similarities = prototypes.similarities(array![[2.0, 0.0]].view());
/// assert_eq!(similarities, array![[1.0, 0.0]]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClassPrototypes {
    /// Raw, `[n, s]`.
    rows: Array2<f32>,
    /// The number of images of each class.
    images: Vec<usize>,
    name_shares: Array1<f32>,
    name_bias: Array1<f32>,
}

impl ClassPrototypes {
    /// The means of classes that all have images ([`fusion::Fusion::Mean`]).
    ///
    /// # Shapes
    /// `means` `[n, s]`, `images` `[n]`.
    pub fn of_means(means: Array2<f32>, images: Vec<usize>) -> Self {
        let zeros = Array1::zeros(means.nrows());
        Self { rows: means, images, name_shares: zeros.clone(), name_bias: zeros }
    }

    /// Means moved towards semantic prototypes, weighted by name prior and name trust
    /// ([`fusion::Fusion::Trusted`]). A class without images has its semantic prototype.
    ///
    /// # Shapes
    /// `means` and `semantic` `[n, s]`, raw; `images` `[n]`. Rows of `means` of classes without
    /// images are not read.
    pub fn trusted(
        means: Array2<f32>,
        images: Vec<usize>,
        semantic: ArrayView2<'_, f32>,
        frame: &EmbeddingFrame,
        name_bias: &NameBias,
    ) -> Self {
        let with_images: Vec<usize> = (0..images.len()).filter(|&row| images[row] > 0).collect();
        let counts: Vec<usize> = with_images.iter().map(|&row| images[row]).collect();
        // The trust of a name comes from images, so classes without any take no part in it.
        let own_means = means.select(Axis(0), &with_images);
        let own_semantic = semantic.select(Axis(0), &with_images);
        let prior: Array1<f32> = counts.iter().map(|&k_shot| frame.share(k_shot)).collect();
        let trust = name_trust(own_means.view(), own_semantic.view(), &counts, frame);
        let weights = trust * prior;
        let fused = fusion::interpolated(own_means.view(), own_semantic.view(), weights.view());
        let mut rows = semantic.to_owned();
        let mut name_shares = Array1::ones(images.len());
        for (position, &row) in with_images.iter().enumerate() {
            rows.row_mut(row).assign(&fused.row(position));
            name_shares[row] = weights[position];
        }
        let name_bias = biases(&images, name_bias);
        Self { rows, images, name_shares, name_bias }
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Values of a prototype.
    pub fn size(&self) -> usize {
        self.rows.ncols()
    }

    /// The share of the semantic prototype in each, `[n]`, 0 (images only) to 1 (name only).
    pub fn name_shares(&self) -> ArrayView1<'_, f32> {
        self.name_shares.view()
    }

    /// Cosine of each image of `query` `[q, s]` to each prototype, `[q, n]`, each in -1..=1.
    pub fn similarities(&self, query: ArrayView2<'_, f32>) -> Array2<f32> {
        metric::cosine(query, self.rows.view())
    }

    /// What is added to the similarity of each class to rank it among others, `[n]`; 0 for classes
    /// with images.
    pub fn name_bias(&self) -> ArrayView1<'_, f32> {
        self.name_bias.view()
    }

    /// What classes are ranked by, `[q, n]`: [similarity](Self::similarities) plus
    /// [name bias](Self::name_bias).
    pub fn ranking_scores(&self, query: ArrayView2<'_, f32>) -> Array2<f32> {
        self.similarities(query) + &self.name_bias
    }

    /// The prototypes moved towards `unlabeled` images `[u, s]` ([`fusion::soft_k_means`]). Those
    /// of classes without images stay: no image of theirs would hold them where they belong.
    #[must_use]
    pub fn moved_to(&self, unlabeled: ArrayView2<'_, f32>) -> Self {
        let mut moved = fusion::soft_k_means(self.rows.view(), &self.images, unlabeled);
        for (row, _) in self.images.iter().enumerate().filter(|(_, n)| **n == 0) {
            moved.row_mut(row).assign(&self.rows.row(row));
        }
        Self { rows: moved, ..self.clone() }
    }
}

/// The name bias of each class, `[n]`: 0 for a class with images; for the others the addend at the
/// mean number of images of the classes that have some.
fn biases(images: &[usize], name_bias: &NameBias) -> Array1<f32> {
    let with_images = images.iter().filter(|&&n| n > 0).count();
    // The addend was measured in episodes whose classes all have one number of images, but classes
    // of a gallery have different numbers.
    let usual = images.iter().sum::<usize>().checked_div(with_images).unwrap_or(0);
    let addend = name_bias.at_shots(usual);
    images.iter().map(|&n| if n == 0 { addend } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Two classes with images and, between them, one with a name only.
    fn prototypes() -> ClassPrototypes {
        let frame = EmbeddingFrame::new(array![0.0, 0.0, 1.0], 1.0);
        let means = array![[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0]];
        let semantic = array![[1.0, 0.1, 1.0], [-1.0, -1.0, 1.0], [0.1, 1.0, 1.0]];
        let name_bias = NameBias::from([(1, 0.1)]);
        ClassPrototypes::trusted(means, vec![1, 0, 5], semantic.view(), &frame, &name_bias)
    }

    #[test]
    fn a_class_without_images_has_its_semantic_prototype() {
        let prototypes = prototypes();
        assert_eq!(prototypes.name_shares()[1], 1.0);
        assert!(prototypes.name_shares()[0] > prototypes.name_shares()[2]);
        assert_eq!(prototypes.rows.row(1), array![-1.0, -1.0, 1.0]);
    }

    #[test]
    fn the_name_bias_is_added_to_the_similarity_of_classes_without_images() {
        let prototypes = prototypes();
        assert_eq!(prototypes.name_bias(), array![0.0, 0.1, 0.0]);
        let query = array![[-1.0, -1.0, 1.0]];
        let similarities = prototypes.similarities(query.view());
        let scores = prototypes.ranking_scores(query.view());
        assert_eq!(scores[[0, 1]], similarities[[0, 1]] + 0.1);
        assert_eq!(scores[[0, 0]], similarities[[0, 0]]);
    }

    #[test]
    fn unlabeled_images_do_not_move_a_class_without_images() {
        let prototypes = prototypes();
        let unlabeled = array![[1.0, 0.2, 1.0], [1.1, 0.2, 1.0]];
        let moved = prototypes.moved_to(unlabeled.view());
        assert_eq!(moved.rows.row(1), prototypes.rows.row(1));
        let scores = moved.ranking_scores(unlabeled.view());
        assert!(scores[[0, 0]] > scores[[0, 1]] && scores[[0, 0]] > scores[[0, 2]], "{scores}");
    }

    #[test]
    fn without_names_prototypes_are_means() {
        let prototypes = ClassPrototypes::of_means(array![[1.0, 0.0], [0.0, 1.0]], vec![1, 2]);
        assert_eq!((prototypes.len(), prototypes.size()), (2, 2));
        assert_eq!(prototypes.similarities(array![[2.0, 0.0]].view()), array![[1.0, 0.0]]);
        assert!(ClassPrototypes::of_means(Array2::zeros((0, 0)), Vec::new()).is_empty());
    }
}
