//! Similarity of embeddings. Greater is closer.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat};
use pulp::{Arch, NullaryFnOnce};

/// Cosine of the angle between every query and every prototype.
///
/// # Shapes
/// `queries`: `[q, s]`, `prototypes`: `[c, s]`; result: `[q, c]`, each in -1..=1 up to rounding. A
/// zero vector has no direction: its cosine with anything is 0.
///
/// # Examples
/// ```
/// use few_shot::metric::cosine;
/// use ndarray::array;
///
/// let similarities = cosine(array![[3.0, 0.0]].view(), array![[1.0, 0.0], [0.0, 2.0]].view());
/// assert_eq!(similarities, array![[1.0, 0.0]]);
/// ```
pub fn cosine(queries: ArrayView2<'_, f32>, prototypes: ArrayView2<'_, f32>) -> Array2<f32> {
    cosine_with(queries, prototypes, inverse_lengths(prototypes).view())
}

/// The same where the inverse lengths of the prototypes `[c]` are known, as those of a gallery that
/// is asked many times.
pub(crate) fn cosine_with<F: NdFloat>(
    queries: ArrayView2<'_, F>,
    prototypes: ArrayView2<'_, F>,
    inverse_lengths_of_prototypes: ArrayView1<'_, F>,
) -> Array2<F> {
    scaled(products(queries, prototypes), queries, inverse_lengths_of_prototypes)
}

/// The same as [`cosine`] of several queries, also for one: each cosine is summed in the same order
/// however many are computed at once.
pub(crate) fn cosine_of_several(
    queries: ArrayView2<'_, f32>,
    prototypes: ArrayView2<'_, f32>,
) -> Array2<f32> {
    scaled(queries.dot(&prototypes.t()), queries, inverse_lengths(prototypes).view())
}

/// Cosines, from the products of queries and prototypes.
fn scaled<F: NdFloat>(
    mut products: Array2<F>,
    queries: ArrayView2<'_, F>,
    inverse_lengths_of_prototypes: ArrayView1<'_, F>,
) -> Array2<F> {
    // Products are scaled rather than embeddings, which would have to be copied for that.
    products *= &inverse_lengths(queries).insert_axis(Axis(1));
    products *= &inverse_lengths_of_prototypes;
    products
}

/// The products of each row of `a` `[m, s]` with each row of `b` `[n, s]`, `[m, n]`.
pub(crate) fn products<F: NdFloat>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    match a.nrows() {
        // A matrix product would first copy all of `b`, which takes longer than this.
        1 => products_with_row(b, a.row(0)).insert_axis(Axis(0)),
        _ => a.dot(&b.t()),
    }
}

/// Values that are summed side by side, as ndarray does: sums of the same values in the same order
/// are equal to the last bit.
const LANES: usize = 8;

/// Rows that are read at once, so that a sum does not wait for the one before.
const ROWS: usize = 4;

/// The product of each row of `rows` `[n, s]` with `other` `[s]`, `[n]`, at the speed of memory.
fn products_with_row<F: NdFloat>(rows: ArrayView2<'_, F>, other: ArrayView1<'_, F>) -> Array1<F> {
    let (Some(values), Some(row)) = (rows.as_slice(), other.as_slice()) else {
        return rows.dot(&other);
    };
    let mut products = vec![F::zero(); rows.nrows()];
    if !row.is_empty() {
        Arch::new().dispatch(EachRow { values, row, products: &mut products });
    }
    Array1::from(products)
}

/// The products of rows that lie end to end with one row.
struct EachRow<'a, F> {
    values: &'a [F],
    row: &'a [F],
    products: &'a mut [F],
}

// No closure, which the compiler need not inline: only what is inlined is compiled for the
// processor that `dispatch` has found.
impl<F: NdFloat> NullaryFnOnce for EachRow<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { values, row, products } = self;
        let (several, last) = products.as_chunks_mut::<ROWS>();
        let (of_several, of_last) = values.split_at(several.len() * ROWS * row.len());
        for (products, rows) in several.iter_mut().zip(of_several.chunks_exact(ROWS * row.len())) {
            let (a, b) = rows.split_at(2 * row.len());
            let [(a, b), (c, d)] = [a.split_at(row.len()), b.split_at(row.len())];
            *products = dots([a, b, c, d], row);
        }
        for (product, other) in last.iter_mut().zip(of_last.chunks_exact(row.len())) {
            [*product] = dots([other], row);
        }
    }
}

/// The products of `rows` with `row`, all of one length.
#[inline(always)]
fn dots<F: NdFloat, const N: usize>(rows: [&[F]; N], row: &[F]) -> [F; N] {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut sums = [[F::zero(); LANES]; N];
    for (at, chunk) in chunks.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(rows) {
            let values = &row[at * LANES..][..LANES];
            for lane in 0..LANES {
                sums[lane] += values[lane] * chunk[lane];
            }
        }
    }
    let mut totals = [F::zero(); N];
    for ((total, sums), row) in totals.iter_mut().zip(&sums).zip(rows) {
        for lane in 0..LANES / 2 {
            *total += sums[lane] + sums[lane + LANES / 2];
        }
        for (&a, &b) in row[chunks.len() * LANES..].iter().zip(rest) {
            *total += a * b;
        }
    }
    totals
}

/// One over the length of each row, `[n]`; 0 for a zero row.
pub(crate) fn inverse_lengths<F: NdFloat>(rows: ArrayView2<'_, F>) -> Array1<F> {
    rows.axis_iter(Axis(0)).map(|row| inverse(row.dot(&row).sqrt())).collect()
}

/// One over a length; 0 of 0.
pub(crate) fn inverse<F: NdFloat>(length: F) -> F {
    if length > F::zero() { length.recip() } else { F::zero() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn cosines_of_known_angles() {
        let queries = array![[2.0_f32, 0.0], [3.0, 3.0], [0.0, 0.0]];
        let prototypes = array![[5.0_f32, 0.0], [0.0, 0.5], [-1.0, 0.0], [0.0, 0.0]];
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let expected =
            array![[1.0, 0.0, -1.0, 0.0], [half, half, -half, 0.0], [0.0, 0.0, 0.0, 0.0]];
        let difference = cosine(queries.view(), prototypes.view()) - expected;
        assert!(difference.iter().all(|d| d.abs() < 1e-6), "{difference}");
    }

    #[test]
    fn products_with_one_row_are_those_of_ndarray_to_the_last_bit() {
        for size in [0, 1, 7, 8, 29, 200] {
            let value = |(row, column): (usize, usize)| ((7 * row + 13 * column) % 23) as f32 / 7.0;
            let rows = Array2::from_shape_fn((11, size), value);
            let row = rows.row(3).mapv(|value| value + 0.1);
            for n in 0..=11 {
                let rows = rows.slice(ndarray::s![..n, ..]);
                assert_eq!(products_with_row(rows, row.view()), rows.dot(&row), "{n} {size}");
            }
        }
    }
}
