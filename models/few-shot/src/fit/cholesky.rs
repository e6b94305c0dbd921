//! Solves linear equations with a symmetric positive definite matrix by Cholesky's method.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

/// Rows that are solved one by one; all rows before them are subtracted at once, as a product of
/// matrices.
const BLOCK: usize = 64;

/// The lower factor `L` of `matrix = L Lᵀ`, `[n, n]`. The matrix must be positive definite, as a
/// Gram matrix with a ridge is.
pub(super) fn factor(mut matrix: Array2<f64>) -> Array2<f64> {
    let n = matrix.nrows();
    for j in 0..n {
        let row = matrix.slice(s![j, ..j]).to_owned();
        // Rounding may take the pivot of a nearly singular matrix below 0, which has no root.
        let pivot = (matrix[[j, j]] - row.dot(&row)).max(f64::MIN_POSITIVE).sqrt();
        matrix[[j, j]] = pivot;
        for i in j + 1..n {
            matrix[[i, j]] = (matrix[[i, j]] - matrix.slice(s![i, ..j]).dot(&row)) / pivot;
        }
        // The rest of the row still holds the matrix, and callers read the factor as a whole.
        matrix.slice_mut(s![j, j + 1..]).fill(0.0);
    }
    matrix
}

/// The `x` of `L Lᵀ x = right`, `[n, m]`.
pub(super) fn solve(factor: &Array2<f64>, mut right: Array2<f64>) -> Array2<f64> {
    forward(factor.view(), right.view_mut());
    // The transpose of a lower factor, read from its end, is a lower one again.
    let reversed = factor.slice(s![..;-1, ..;-1]).reversed_axes();
    forward(reversed, right.slice_mut(s![..;-1, ..]));
    right
}

/// Puts the `x` of `L x = right` in its place.
fn forward(lower: ArrayView2<'_, f64>, mut right: ArrayViewMut2<'_, f64>) {
    let n = lower.nrows();
    for start in (0..n).step_by(BLOCK) {
        let end = n.min(start + BLOCK);
        let (solved, mut rest) = right.view_mut().split_at(Axis(0), start);
        let mut block = rest.slice_mut(s![..end - start, ..]);
        let before = lower.slice(s![start..end, ..start]);
        general_mat_mul(-1.0, &before, &solved, 1.0, &mut block);
        // Within a block each row needs those above it, so these go one by one.
        for i in 0..end - start {
            let (solved, mut rest) = block.view_mut().split_at(Axis(0), i);
            let mut row = rest.row_mut(0);
            for (j, solved) in solved.outer_iter().enumerate() {
                row.scaled_add(-lower[[start + i, start + j]], &solved);
            }
            row /= lower[[start + i, start + i]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_system_is_solved() {
        let matrix = array![[4.0, 2.0, 0.6], [2.0, 5.0, 1.0], [0.6, 1.0, 3.0]];
        let x = array![[1.0, 0.0], [-2.0, 3.0], [0.5, 1.0]];
        let solved = solve(&factor(matrix.clone()), matrix.dot(&x));
        assert!((solved - x).iter().all(|d| d.abs() < 1e-12));
    }

    #[test]
    fn a_system_of_several_blocks_is_solved() {
        let n = 2 * BLOCK + 5;
        let kernel =
            Array2::from_shape_fn((n, n), |(i, j)| (-((i as f64 - j as f64) / 3.0).powi(2)).exp());
        let matrix = kernel + Array2::<f64>::eye(n) * 0.1;
        let x = Array2::from_shape_fn((n, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f64 - 5.0);
        let solved = solve(&factor(matrix.clone()), matrix.dot(&x));
        assert!((solved - x).iter().all(|d| d.abs() < 1e-9));
    }
}
