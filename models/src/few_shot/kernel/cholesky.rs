//! Systems of linear equations with a symmetric positive definite matrix, by Cholesky's method.

use ndarray::{Array2, s};

/// The lower factor `L` of `matrix = L Lᵀ`, `[n, n]`, which must be positive definite: a Gram matrix with a ridge is.
pub(super) fn factor(mut matrix: Array2<f64>) -> Array2<f64> {
    let n = matrix.nrows();
    for j in 0..n {
        let row = matrix.slice(s![j, ..j]).to_owned();
        let pivot = (matrix[[j, j]] - row.dot(&row)).max(f64::MIN_POSITIVE).sqrt();
        matrix[[j, j]] = pivot;
        for i in j + 1..n {
            matrix[[i, j]] = (matrix[[i, j]] - matrix.slice(s![i, ..j]).dot(&row)) / pivot;
        }
        matrix.slice_mut(s![j, j + 1..]).fill(0.0);
    }
    matrix
}

/// The `x` of `L Lᵀ x = right`, `[n, m]`.
pub(super) fn solve(factor: &Array2<f64>, mut right: Array2<f64>) -> Array2<f64> {
    let n = factor.nrows();
    for i in 0..n {
        let (known, mut rest) = right.view_mut().split_at(ndarray::Axis(0), i);
        let mut row = rest.row_mut(0);
        row -= &factor.slice(s![i, ..i]).dot(&known);
        row /= factor[[i, i]];
    }
    for i in (0..n).rev() {
        let (mut rest, known) = right.view_mut().split_at(ndarray::Axis(0), i + 1);
        let mut row = rest.row_mut(i);
        row -= &factor.slice(s![i + 1.., i]).dot(&known);
        row /= factor[[i, i]];
    }
    right
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
}
