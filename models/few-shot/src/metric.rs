//! Similarity of embeddings. Greater is closer.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat};

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
    // Products are scaled rather than embeddings, which would have to be copied for that.
    let mut similarity = products(queries, prototypes);
    similarity *= &inverse_norms(queries).insert_axis(Axis(1));
    similarity *= &inverse_norms(prototypes);
    similarity
}

/// The products of each row of `a` `[m, s]` with each row of `b` `[n, s]`, `[m, n]`.
pub(crate) fn products<F: NdFloat>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    match a.nrows() {
        // A matrix product would first copy all of `b`, which takes longer than this.
        1 => b.dot(&a.row(0)).insert_axis(Axis(0)),
        _ => a.dot(&b.t()),
    }
}

fn inverse_norms(rows: ArrayView2<'_, f32>) -> Array1<f32> {
    rows.axis_iter(Axis(0)).map(inverse_norm).collect()
}

fn inverse_norm(row: ArrayView1<'_, f32>) -> f32 {
    let norm = row.dot(&row).sqrt();
    if norm > 0.0 { norm.recip() } else { 0.0 }
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
}
