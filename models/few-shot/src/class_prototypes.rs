//! The prototypes of a set of classes: means of their images, or means combined with what is
//! predicted from their names.
//!
//! A prototype is one embedding that stands for a class. In shapes, `n` is the number of classes,
//! `s` the number of values of an embedding, `q` the number of query images. Embeddings are raw,
//! which means not normalized.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::embedding_frame::EmbeddingFrame;
use crate::name_bias::NameBias;
use crate::name_trust::{FormerComparison, NameComparison, NameEvidence, name_trust, selected};
use crate::{fusion, metric};

/// One prototype for each class, and the scores of images against them.
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
    /// The prototypes, raw, `[n, s]`.
    rows: Array2<f32>,
    /// The number of images of each class.
    image_counts: Vec<usize>,
    name_shares: Array1<f32>,
    name_bias: Array1<f32>,
}

impl ClassPrototypes {
    /// Prototypes that are the means of the classes' embeddings ([`fusion::Fusion::Mean`]); every
    /// class has images.
    ///
    /// # Shapes
    /// `means` `[n, s]`, `image_counts` `[n]`.
    pub fn of_means(means: Array2<f32>, image_counts: Vec<usize>) -> Self {
        let zeros = Array1::zeros(means.nrows());
        Self { rows: means, image_counts, name_shares: zeros.clone(), name_bias: zeros }
    }

    /// Prototypes that use names only as much as they can be trusted ([`fusion::Fusion::Trusted`]).
    /// Each mean is moved towards the semantic prototype by the fraction prior * trust: the
    /// [name prior](crate::name_prior) depends on the number of images, the
    /// [trust](crate::name_trust) on how well names and images agree. The prototype of a class
    /// without images is its semantic prototype.
    ///
    /// # Shapes
    /// `means` and `semantic` `[n, s]`, raw; `image_counts` `[n]`. For a class without images, the
    /// row of `means` is ignored. A class without a known name has the center of `frame` in
    /// `semantic`; its trust is 0, so its prototype is its mean.
    pub fn trusted(
        means: Array2<f32>,
        image_counts: Vec<usize>,
        semantic: ArrayView2<'_, f32>,
        frame: &EmbeddingFrame,
        name_bias: &NameBias,
    ) -> Self {
        let rows = 0..image_counts.len();
        let with_images: Vec<usize> = rows.filter(|&row| image_counts[row] > 0).collect();
        let counts: Vec<usize> = with_images.iter().map(|&row| image_counts[row]).collect();
        // The trust of a name comes from images, so classes without any take no part in it.
        let own_means = selected(means.view(), &with_images);
        let own_semantic = selected(semantic, &with_images);
        let trust = name_trust(own_means.view(), own_semantic.view(), &counts, frame);
        let weights = trust * prior(&counts, frame);
        let fused = fusion::interpolated(own_means.view(), own_semantic.view(), weights.view());
        let (rows, name_shares) = with_names_only(semantic, &with_images, fused, weights);
        let name_bias = biases(&image_counts, name_bias);
        Self { rows, image_counts, name_shares, name_bias }
    }

    /// The same for the classes of one [trust group](crate::name_trust::groups), which have images
    /// and known names, and the comparison of both. What stayed the same since the comparison
    /// `before` is not compared again.
    ///
    /// # Shapes
    /// `means` and `semantic` `[n, s]`, raw; `image_counts` `[n]`.
    pub fn of_trust_group(
        means: Array2<f32>,
        image_counts: Vec<usize>,
        semantic: Array2<f32>,
        frame: &EmbeddingFrame,
        before: Option<FormerComparison<'_>>,
    ) -> (Self, NameComparison) {
        let comparison = NameComparison::new(semantic.view(), means.view(), frame, before);
        let zeros = Array1::zeros(image_counts.len());
        let evidence = NameEvidence::of_comparison(&comparison);
        let trust = evidence.map_or_else(|| zeros.clone(), |one| one.trust(&image_counts));
        let name_shares = trust * prior(&image_counts, frame);
        let rows = fusion::interpolated_in(means.view(), semantic, name_shares.view());
        (Self { rows, image_counts, name_shares, name_bias: zeros }, comparison)
    }

    /// Prototypes that were computed already, such as those of the parts of a large gallery.
    ///
    /// # Shapes
    /// `rows` `[n, s]`, raw; the others `[n]`.
    pub fn of_rows(
        rows: Array2<f32>,
        image_counts: Vec<usize>,
        name_shares: Array1<f32>,
        name_bias: Array1<f32>,
    ) -> Self {
        Self { rows, image_counts, name_shares, name_bias }
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.image_counts.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.image_counts.is_empty()
    }

    /// Number of values of one prototype.
    pub fn size(&self) -> usize {
        self.rows.ncols()
    }

    /// The prototypes, raw, `[n, s]`.
    pub fn rows(&self) -> ArrayView2<'_, f32> {
        self.rows.view()
    }

    /// The prototypes, raw, `[n, s]`, without the rest.
    pub fn into_rows(self) -> Array2<f32> {
        self.rows
    }

    /// The number of images of each class, `[n]`.
    pub fn image_counts(&self) -> &[usize] {
        &self.image_counts
    }

    /// How much of each class's prototype comes from its name, `[n]`, 0 (images only) to 1 (name
    /// only); as it was before [`ClassPrototypes::moved_to`].
    pub fn name_shares(&self) -> ArrayView1<'_, f32> {
        self.name_shares.view()
    }

    /// Cosine of each embedding of `query` `[q, s]` to each prototype, `[q, n]`, each in -1..=1.
    pub fn similarities(&self, query: ArrayView2<'_, f32>) -> Array2<f32> {
        metric::cosine(query, self.rows.view())
    }

    /// What is added to the similarity of each class for ranking, `[n]`. Images are less similar to
    /// semantic prototypes than to means, so classes without images have a bias; it is 0 for
    /// classes with images.
    pub fn name_bias(&self) -> ArrayView1<'_, f32> {
        self.name_bias.view()
    }

    /// What classes are ranked by, `[q, n]`: [similarity](Self::similarities) plus
    /// [name bias](Self::name_bias).
    pub fn ranking_scores(&self, query: ArrayView2<'_, f32>) -> Array2<f32> {
        self.similarities(query) + &self.name_bias
    }

    /// The prototypes moved towards `unlabeled` images `[u, s]` ([`fusion::soft_k_means`]). The
    /// prototype of a class without images does not move, because no labeled image would keep it
    /// from drifting.
    #[must_use]
    pub fn moved_to(&self, unlabeled: ArrayView2<'_, f32>) -> Self {
        let mut moved = fusion::soft_k_means(self.rows.view(), &self.image_counts, unlabeled);
        for (row, _) in self.image_counts.iter().enumerate().filter(|(_, n)| **n == 0) {
            moved.row_mut(row).assign(&self.rows.row(row));
        }
        Self { rows: moved, ..self.clone() }
    }
}

/// The name prior of classes with these numbers of images, `[n]`.
fn prior(image_counts: &[usize], frame: &EmbeddingFrame) -> Array1<f32> {
    image_counts.iter().map(|&count| frame.name_prior().share(count)).collect()
}

/// The prototypes and the name shares of all classes, from those `[m, s]` and `[m]` of the classes
/// at the positions `with_images`. The others have their semantic prototypes `[n, s]`.
fn with_names_only(
    semantic: ArrayView2<'_, f32>,
    with_images: &[usize],
    fused: Array2<f32>,
    weights: Array1<f32>,
) -> (Array2<f32>, Array1<f32>) {
    if with_images.len() == semantic.nrows() {
        return (fused, weights);
    }
    let mut rows = semantic.to_owned();
    let mut name_shares = Array1::ones(semantic.nrows());
    for (position, &row) in with_images.iter().enumerate() {
        rows.row_mut(row).assign(&fused.row(position));
        name_shares[row] = weights[position];
    }
    (rows, name_shares)
}

/// The name bias of each class, `[n]`: 0 for a class with images.
fn biases(image_counts: &[usize], name_bias: &NameBias) -> Array1<f32> {
    let with_images = image_counts.iter().filter(|&&n| n > 0).count();
    let addend = name_bias.of_gallery(image_counts.iter().sum(), with_images);
    image_counts.iter().map(|&n| if n == 0 { addend } else { 0.0 }).collect()
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
    fn the_prototypes_of_a_trust_group_are_the_trusted_ones() {
        let frame = EmbeddingFrame::new(array![0.0, 0.0, 1.0], 1.0);
        let means = array![[1.0, 0.0, 1.0], [0.3, 0.2, 0.0], [0.0, 1.0, 1.0]];
        let semantic = array![[1.0, 0.1, 1.0], [-1.0, -1.0, 1.0], [0.1, 1.0, 1.0]];
        let no_bias = NameBias::default();
        for n in 1..=3 {
            let rows = 0..n;
            let counts: Vec<usize> = rows.clone().map(|row| 1 + 3 * row).collect();
            let rows: Vec<usize> = rows.collect();
            let [means, semantic] =
                [&means, &semantic].map(|all| all.select(ndarray::Axis(0), &rows));
            let trusted = ClassPrototypes::trusted(
                means.clone(),
                counts.clone(),
                semantic.view(),
                &frame,
                &no_bias,
            );
            let (grouped, _) =
                ClassPrototypes::of_trust_group(means, counts, semantic, &frame, None);
            assert_eq!(grouped, trusted, "{n} classes");
        }
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
