//! The prototypes of a gallery in blocks, which the galleries before and after a change share.

use std::sync::{Arc, OnceLock};

use ndarray::{Array1, Array2, ArrayView2, Axis, NdFloat, s};

use crate::decision::DecisionModel;
use crate::decision::score::{profiles, unit_rows};
use crate::metric::{cosine_with, inverse, products};

/// How a class looks in front of the background.
#[derive(Debug, Clone)]
pub(super) struct ClassView<F> {
    /// Cosines of the prototype to the background, `[b]`.
    pub(super) cosines: Array1<F>,
    /// `[b]`.
    pub(super) profile: Array1<F>,
}

/// Computed when a class first wins: most classes of a large gallery never do.
type LazyView<F> = OnceLock<Arc<ClassView<F>>>;

/// What the rows of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Raw,
    /// Of length 1: quicker to compare with many images.
    Unit,
}

/// The prototypes of some classes of a gallery, `m`, with what decisions have computed of them. It
/// belongs to the decisions of one [`DecisionModel`].
#[derive(Debug)]
pub struct PrototypeBlock<F> {
    /// `[m, s]`.
    rows: Array2<F>,
    kind: Rows,
    /// The length of each raw prototype, `[m]`.
    lengths: Array1<F>,
    /// What turns products with the rows into products with prototypes of length 1, `[m]`.
    scales: Array1<F>,
    /// The number of images of each class, `[m]`.
    image_counts: Vec<usize>,
    /// `[m]`.
    views: Vec<LazyView<F>>,
}

impl<F: NdFloat> PrototypeBlock<F> {
    /// Raw prototypes `[m, s]`, and the number of images of each class, `[m]`.
    pub fn new(rows: Array2<F>, image_counts: Vec<usize>) -> Self {
        let lengths = rows.map_axis(Axis(1), |row| row.dot(&row).sqrt());
        let views = image_counts.iter().map(|_| OnceLock::new()).collect();
        let scales = lengths.mapv(inverse);
        Self { rows, kind: Rows::Raw, lengths, scales, image_counts, views }
    }

    /// The same, where the rows are kept with length 1.
    pub(super) fn of_units(raw: ArrayView2<'_, F>, image_counts: &[usize]) -> Self {
        let block = Self::new(raw.to_owned(), image_counts.to_vec());
        let scales = Array1::ones(block.len());
        Self { rows: unit_rows(block.rows), kind: Rows::Unit, scales, ..block }
    }

    /// Takes over what was computed of the class at the position `at` of the block `before`, if it
    /// has the same prototype as that at `row`.
    pub fn take_over(&mut self, row: usize, before: &Self, at: usize) {
        if self.kind == before.kind && self.rows.row(row) == before.rows.row(at) {
            self.views[row] = before.views[at].clone();
        }
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.image_counts.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.image_counts.is_empty()
    }

    /// `[m, s]`, as they are kept.
    pub fn rows(&self) -> ArrayView2<'_, F> {
        self.rows.view()
    }

    /// The number of images of each class, `[m]`.
    pub fn image_counts(&self) -> &[usize] {
        &self.image_counts
    }

    /// Cosines of raw embeddings `[q, s]` to the prototypes, `[q, m]`.
    fn similarities(&self, queries: ArrayView2<'_, F>) -> Array2<F> {
        cosine_with(queries, self.rows.view(), self.scales.view())
    }

    /// The same of embeddings of length 1.
    fn similarities_of_units(&self, units: ArrayView2<'_, F>) -> Array2<F> {
        self.scaled(products(units, self.rows.view()))
    }

    /// Cosines, from products of embeddings of length 1 with the rows, `[q, m]`.
    pub(super) fn scaled(&self, products: Array2<F>) -> Array2<F> {
        products * &self.scales
    }

    /// The prototype with length 1, `[s]`.
    fn unit(&self, row: usize) -> Array1<F> {
        let kept = self.rows.row(row);
        match self.kind {
            Rows::Raw if self.lengths[row] > F::zero() => &kept / self.lengths[row],
            Rows::Raw | Rows::Unit => kept.to_owned(),
        }
    }

    /// The raw prototype, `[s]`.
    fn raw(&self, row: usize) -> Array1<F> {
        let kept = self.rows.row(row);
        match self.kind {
            Rows::Raw => kept.to_owned(),
            Rows::Unit => &kept * self.lengths[row],
        }
    }
}

/// Where the prototype of a class is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The position of its block.
    pub block: u32,
    /// Its row in that block.
    pub row: u32,
}

/// The prototypes of a gallery, `n`, in the order of its classes. To clone it copies none.
#[derive(Debug, Clone)]
pub struct Prototypes<F> {
    blocks: Vec<Arc<PrototypeBlock<F>>>,
    /// The number of classes in the blocks before each.
    starts: Vec<usize>,
    /// Of each class.
    places: Arc<[Place]>,
}

impl<F: NdFloat> Prototypes<F> {
    /// The classes at these `places` of `blocks`, each class of a block at one.
    pub fn new(blocks: Vec<Arc<PrototypeBlock<F>>>, places: Arc<[Place]>) -> Self {
        let sizes = blocks.iter().map(|block| block.len());
        let starts = sizes.scan(0, |next, size| {
            *next += size;
            Some(*next - size)
        });
        Self { starts: starts.collect(), blocks, places }
    }

    /// One block with all classes in order.
    pub(super) fn whole(block: PrototypeBlock<F>) -> Self {
        let places = (0..block.len() as u32).map(|row| Place { block: 0, row });
        Self::new(vec![Arc::new(block)], places.collect())
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Number of values of one prototype; 0 without classes.
    pub fn size(&self) -> usize {
        self.blocks.first().map_or(0, |block| block.rows.ncols())
    }

    /// The blocks.
    pub fn blocks(&self) -> &[Arc<PrototypeBlock<F>>] {
        &self.blocks
    }

    /// Where the prototype of each class is, `[n]`.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The number of images of each class, `[n]`.
    pub fn image_counts(&self) -> Vec<usize> {
        let places = self.places.iter();
        places.map(|at| self.block(*at).image_counts[at.row as usize]).collect()
    }

    /// Cosines of raw embeddings `[q, s]` to the prototypes, `[q, n]`.
    pub fn similarities(&self, queries: ArrayView2<'_, F>) -> Array2<F> {
        self.joined(queries.nrows(), |block| block.similarities(queries))
    }

    /// The same of embeddings of length 1.
    pub(super) fn similarities_of_units(&self, units: ArrayView2<'_, F>) -> Array2<F> {
        self.joined(units.nrows(), |block| block.similarities_of_units(units))
    }

    /// The class at each position of the blocks laid end to end, `[n]`.
    pub fn classes_of_blocks(&self) -> Vec<usize> {
        let mut classes = vec![0; self.len()];
        for (class, place) in self.places.iter().enumerate() {
            classes[self.position(*place)] = class;
        }
        classes
    }

    /// The number of classes in the blocks before this one.
    pub fn start(&self, block: usize) -> usize {
        self.starts[block]
    }

    /// With length 1, `[s]`.
    pub(super) fn unit(&self, class: usize) -> Array1<F> {
        let place = self.places[class];
        self.block(place).unit(place.row as usize)
    }

    /// Those of several classes with length 1, `[m, s]`.
    pub(super) fn units(&self, classes: &[usize]) -> Array2<F> {
        self.stacked(classes, PrototypeBlock::unit)
    }

    /// Those of several classes, raw, `[m, s]`.
    pub(super) fn raw(&self, classes: &[usize]) -> Array2<F> {
        self.stacked(classes, PrototypeBlock::raw)
    }

    /// How a class looks in front of the background of `model`.
    pub(super) fn view(&self, class: usize, model: &DecisionModel<F>) -> &Arc<ClassView<F>> {
        let place = self.places[class];
        let block = self.block(place);
        let row = place.row as usize;
        block.views[row].get_or_init(|| Arc::new(ClassView::new(block.raw(row), model)))
    }

    fn block(&self, place: Place) -> &PrototypeBlock<F> {
        &self.blocks[place.block as usize]
    }

    /// The position of a class in the blocks laid end to end.
    fn position(&self, place: Place) -> usize {
        self.starts[place.block as usize] + place.row as usize
    }

    /// The columns of all blocks in the order of classes, `[q, n]`.
    fn joined(&self, rows: usize, of: impl Fn(&PrototypeBlock<F>) -> Array2<F>) -> Array2<F> {
        if let [block] = self.blocks.as_slice()
            && self.places.iter().zip(0..).all(|(place, row)| place.row == row)
        {
            return of(block);
        }
        let mut joined = Array2::zeros((rows, self.len()));
        for (block, &start) in self.blocks.iter().zip(&self.starts) {
            joined.slice_mut(s![.., start..start + block.len()]).assign(&of(block));
        }
        Array2::from_shape_fn((rows, self.len()), |(row, class)| {
            joined[[row, self.position(self.places[class])]]
        })
    }

    fn stacked(
        &self,
        classes: &[usize],
        of: impl Fn(&PrototypeBlock<F>, usize) -> Array1<F>,
    ) -> Array2<F> {
        let mut rows = Array2::zeros((classes.len(), self.size()));
        for (mut row, &class) in rows.rows_mut().into_iter().zip(classes) {
            let place = self.places[class];
            row.assign(&of(self.block(place), place.row as usize));
        }
        rows
    }
}

impl<F: NdFloat> ClassView<F> {
    /// That of a raw prototype `[s]`.
    pub(super) fn new(raw: Array1<F>, model: &DecisionModel<F>) -> Self {
        let cosines = model.background.cosines(raw.view().insert_axis(Axis(0)));
        let profiles = profiles(&cosines, model.table.weights.sharpness);
        Self {
            cosines: cosines.index_axis_move(Axis(0), 0),
            profile: profiles.index_axis_move(Axis(0), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn similarities_are_in_the_order_of_classes() {
        let first = PrototypeBlock::new(array![[2.0, 0.0], [0.0, 3.0]], vec![1, 2]);
        let second = PrototypeBlock::new(array![[1.0, 1.0]], vec![3]);
        let places = [(0, 1), (1, 0), (0, 0)].map(|(block, row)| Place { block, row });
        let prototypes = Prototypes::new(vec![first.into(), second.into()], places.into());
        let half: f64 = std::f64::consts::FRAC_1_SQRT_2;
        let similarities = prototypes.similarities(array![[5.0, 0.0], [0.0, 0.0]].view());
        assert!(
            (similarities - array![[0.0, half, 1.0], [0.0, 0.0, 0.0]])
                .iter()
                .all(|d: &f64| d.abs() < 1e-12)
        );
        assert_eq!(prototypes.image_counts(), [2, 3, 1]);
        assert_eq!(prototypes.classes_of_blocks(), [2, 0, 1]);
        assert_eq!(prototypes.units(&[0, 2]), array![[0.0, 1.0], [1.0, 0.0]]);
        assert_eq!(prototypes.raw(&[0]), array![[0.0, 3.0]]);
    }
}
