//! The enrolled images of a gallery against a sample of its classes, kept over its changes.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, Axis, NdFloat};

use super::blocks::{ClassView, Prototypes};
use crate::decision::DecisionModel;
use crate::decision::images::Images;
use crate::decision::score::novelty;
use crate::metric::products;

/// Enrolled images against the sampled classes.
#[derive(Debug)]
pub(super) struct Measured<F> {
    /// Those of the sampled classes, `m`. A class whose prototype is the same keeps its view.
    views: Vec<Arc<ClassView<F>>>,
    /// Cosines of the images to the prototypes, `[e, m]`; none with fewer than two classes.
    pub(super) similarities: Array2<F>,
    /// Of each image, against the class that it is taken for without its own, `[e]`.
    pub(super) appearances: Vec<Appearance<F>>,
}

/// How an image looks in front of the background, compared with a class.
#[derive(Debug, Clone)]
pub(super) struct Appearance<F> {
    view: Arc<ClassView<F>>,
    novelty: F,
    overlap: F,
}

impl<F: NdFloat> Default for Measured<F> {
    fn default() -> Self {
        let similarities = Array2::zeros((0, 0));
        Self { views: Vec::new(), similarities, appearances: Vec::new() }
    }
}

impl<F: NdFloat> Appearance<F> {
    fn new(images: &Images<F>, row: usize, view: Arc<ClassView<F>>) -> Self {
        let novelty = novelty(images.cosines.row(row), view.cosines.view());
        let overlap = images.profiles.row(row).dot(&view.profile);
        Self { view, novelty, overlap }
    }

    /// Novelty and overlap.
    pub(super) fn parts(&self) -> (F, F) {
        (self.novelty, self.overlap)
    }
}

impl<F: NdFloat> Measured<F> {
    /// For the classes at the positions `sampled`. `previous` is from before a change, with the
    /// position that each of the images had there.
    pub(super) fn new(
        (prototypes, model): (&Prototypes<F>, &DecisionModel<F>),
        images: &Images<F>,
        sampled: &[usize],
        previous: Option<(&Self, &[Option<usize>])>,
    ) -> Self {
        if sampled.len() < 2 {
            return Self::default();
        }
        let views = sampled.iter().map(|&class| Arc::clone(prototypes.view(class, model)));
        let views: Vec<Arc<ClassView<F>>> = views.collect();
        let images = images.unit.view();
        // The product of a single image is summed in another order, so it is not taken over.
        let previous =
            previous.filter(|(one, _)| images.nrows() > 1 && one.similarities.nrows() > 1);
        let similarities = match previous {
            Some((before, rows_at)) => {
                before.extended(images, (prototypes, sampled), &views, rows_at)
            }
            None => products(images, prototypes.units(sampled).view()),
        };
        Self { views, similarities, appearances: Vec::new() }
    }

    /// Compares each image with a class of this view. What is known from before a change of an
    /// image and a class with the same view stays.
    pub(super) fn compare(
        &mut self,
        images: &Images<F>,
        views: impl Iterator<Item = Arc<ClassView<F>>>,
        previous: Option<(&Self, &[Option<usize>])>,
    ) {
        let each = views.enumerate().map(|(row, view)| {
            let known = previous.and_then(|(before, at)| before.appearances.get(at[row]?));
            match known.filter(|known| Arc::ptr_eq(&known.view, &view)) {
                Some(known) => known.clone(),
                None => Appearance::new(images, row, view),
            }
        });
        self.appearances = each.collect();
    }

    /// Cosines of `images` `[e, s]` to the prototypes of the sampled classes, which have these
    /// `views`. Those of the images that were at `rows_at` to classes with the same view are known.
    fn extended(
        &self,
        images: ArrayView2<'_, F>,
        (prototypes, sampled): (&Prototypes<F>, &[usize]),
        views: &[Arc<ClassView<F>>],
        rows_at: &[Option<usize>],
    ) -> Array2<F> {
        let known: HashMap<_, usize> = self.views.iter().map(Arc::as_ptr).zip(0..).collect();
        let columns_at = views.iter().map(|view| known.get(&Arc::as_ptr(view)).copied());
        let columns_at: Vec<Option<usize>> = columns_at.collect();
        let shape = (images.nrows(), sampled.len());
        let mut similarities = Array2::from_shape_fn(shape, |(row, column)| {
            let at = rows_at[row].zip(columns_at[column]);
            at.map_or(F::zero(), |(row, column)| self.similarities[[row, column]])
        });
        let columns = missing(&columns_at);
        let changed: Vec<usize> = columns.iter().map(|&column| sampled[column]).collect();
        let products = images.dot(&prototypes.units(&changed).t());
        for (&column, values) in columns.iter().zip(products.columns()) {
            similarities.column_mut(column).assign(&values);
        }
        let rows = missing(rows_at);
        if rows.is_empty() {
            // To scale the prototypes of all sampled classes takes longer than the rest.
            return similarities;
        }
        let products = images.select(Axis(0), &rows).dot(&prototypes.units(sampled).t());
        for (&row, values) in rows.iter().zip(products.rows()) {
            similarities.row_mut(row).assign(&values);
        }
        similarities
    }
}

/// The positions of what was not there before.
pub(super) fn missing(positions: &[Option<usize>]) -> Vec<usize> {
    let new = positions.iter().enumerate().filter(|(_, before)| before.is_none());
    new.map(|(position, _)| position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::background::Background;
    use crate::decision::gallery::{
        Examples, GalleryDecision, Place, Previous, PrototypeBlock, Prototypes, Question,
    };
    use crate::decision::sampling::hash;
    use crate::decision::score::unit_rows;
    use crate::decision::tests::table;

    const SIZE: usize = 24;
    const BLOCKS: usize = 5;
    const BLOCK: usize = 8;

    fn matrix(rows: usize, seed: u64) -> Array2<f32> {
        Array2::from_shape_fn((rows, SIZE), |(row, column)| {
            let key = (seed << 32) + (row * SIZE + column) as u64;
            (hash(key) >> 40) as f32 / (1 << 24) as f32
        })
    }

    fn gallery(
        model: &Arc<DecisionModel<f32>>,
        blocks: Vec<Arc<PrototypeBlock<f32>>>,
        images: &Images<f32>,
        previous: Previous<'_, f32>,
    ) -> GalleryDecision<f32> {
        let places = (0..blocks.len() as u32)
            .flat_map(|block| (0..BLOCK as u32).map(move |row| Place { block, row }));
        let places = places.collect();
        let prototypes = Prototypes::new(blocks, places);
        let n = prototypes.len();
        let owners: Vec<usize> = (0..images.len()).map(|image| image % n).collect();
        let examples = Examples { images, classes: &owners };
        let sampled: Vec<usize> = (0..n).filter(|class| class % 3 > 0).collect();
        let bias = vec![0.0; n];
        GalleryDecision::measured_with(
            model.clone(),
            prototypes,
            bias,
            examples,
            &sampled,
            previous,
        )
    }

    #[test]
    fn a_gallery_after_a_change_has_the_decisions_of_one_computed_anew() {
        let rows = unit_rows(matrix(50, 1) - 0.5);
        let background = Background::new(ndarray::Array1::zeros(SIZE), rows).rounded();
        let model = Arc::new(DecisionModel { table: table(), background });
        let rows = (0..BLOCKS as u64).map(|block| matrix(BLOCK, 2 + block));
        let rows: Vec<Array2<f32>> = rows.collect();
        let block =
            |rows: &Array2<f32>| Arc::new(PrototypeBlock::new(rows.clone(), vec![2; BLOCK]));
        let blocks: Vec<_> = rows.iter().map(block).collect();
        let examples = matrix(90, 20);
        let images = Images::new(&model, examples.view());
        let before = gallery(
            &model,
            blocks.clone(),
            &images.select(&(0..80).collect::<Vec<_>>()),
            Previous::NONE,
        );

        // One prototype of a block changes, an image is removed and ten are new.
        let mut changed = rows[3].clone();
        changed.row_mut(5).fill(0.25);
        let mut after = PrototypeBlock::new(changed.clone(), vec![2; BLOCK]);
        (0..BLOCK).for_each(|row| after.take_over(row, &blocks[3], row));
        let mut blocks_after = blocks.clone();
        blocks_after[3] = Arc::new(after);
        let images = images.select(&(1..90).collect::<Vec<_>>());
        let at: Vec<Option<usize>> = (1..90).map(|image| (image < 80).then_some(image)).collect();
        let previous = Previous { gallery: Some(&before), examples: &at, ..Previous::NONE };
        let after = gallery(&model, blocks_after, &images, previous);

        let mut blocks_anew: Vec<_> = rows.iter().map(block).collect();
        blocks_anew[3] = block(&changed);
        let anew = gallery(&model, blocks_anew, &images, Previous::NONE);
        assert_eq!(after.measured.similarities, anew.measured.similarities);
        assert_eq!(after.calibration(), anew.calibration());
        assert_ne!(after.calibration(), before.calibration());
        let queries = Images::new(&model, matrix(7, 40).view());
        let decide = |gallery: &GalleryDecision<f32>| gallery.decide(&queries, Question::default());
        assert_eq!(decide(&after), decide(&anew));
        // It is computed when it is asked for.
        assert_eq!(after.likeness(), anew.likeness());
        assert!(anew.likeness() > 0.5 && before.likeness() != anew.likeness());
        let kept = after
            .measured
            .views
            .iter()
            .filter(|view| before.measured.views.iter().any(|other| Arc::ptr_eq(view, other)));
        assert_eq!(kept.count() + 1, after.measured.views.len(), "one was computed anew");

        // The prototype changes back, and all images are known.
        let at: Vec<Option<usize>> = (0..images.len()).map(Some).collect();
        let previous = Previous { gallery: Some(&after), examples: &at, ..Previous::NONE };
        let back = gallery(&model, blocks, &images, previous);
        let blocks_anew: Vec<_> = rows.iter().map(block).collect();
        let anew = gallery(&model, blocks_anew, &images, Previous::NONE);
        assert_eq!(back.measured.similarities, anew.measured.similarities);
        assert_eq!(back.calibration(), anew.calibration());
    }
}
