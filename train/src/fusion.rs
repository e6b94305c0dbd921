//! Gaussian fusion and cosine similarity on libtorch: the differentiable counterpart of
//! [`few_shot::fusion`]. The fixtures `finetune_tiny` and `fusion_tiny_*` hold both equal.

use tch::{Kind, TchError, Tensor};

/// Inverse temperature of the soft assignment of unlabeled images to classes.
const TEMPERATURE: f64 = 10.0;

/// Keeps the gradient of the norm of a zero vector finite.
const EPSILON: f64 = 1e-12;

/// The cosine of every query `[q, s]` with every prototype `[n, s]`: `[q, n]`.
pub fn cosine(query: &Tensor, prototype: &Tensor) -> Result<Tensor, TchError> {
    direction(query)?.f_matmul(&direction(prototype)?.f_transpose(0, 1)?)
}

fn direction(rows: &Tensor) -> Result<Tensor, TchError> {
    let square = rows.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
    // Clamped before the square root, whose gradient at 0 is infinite.
    rows.f_div(&square.f_clamp_min(EPSILON * EPSILON)?.f_sqrt()?)
}

/// Fuses mean and completed prototypes to `[n, s]` (section 3.4 of Zhang et al. 2021).
///
/// # Shapes
/// `mean`, `completed` `[n, s]`; `support` `[n, k, s]`; `unlabeled` `[u, s]`.
pub fn gaussian(
    mean: &Tensor,
    completed: &Tensor,
    support: &Tensor,
    unlabeled: &Tensor,
) -> Result<Tensor, TchError> {
    let (m1, v1) = moments(mean, support, unlabeled)?;
    let (m2, v2) = moments(completed, support, unlabeled)?;
    let both = v1.f_add(&v2)?;
    // A dimension that is constant in all images has no variance.
    let is_zero = both.f_le(0.0)?;
    // If both variances are zero, both weights are 1 / 2. They are set before the division, because
    // the gradient of 0 / 0 is not a number.
    let both = both.f_masked_fill(&is_zero, 2.0)?;
    let w1 = v2.f_masked_fill(&is_zero, 1.0)?;
    let w2 = v1.f_masked_fill(&is_zero, 1.0)?;
    m1.f_mul(&w1)?.f_add(&m2.f_mul(&w2)?)?.f_div(&both)
}

fn sum(x: &Tensor, dim: i64, keep: bool) -> Result<Tensor, TchError> {
    x.f_sum_dim_intlist([dim].as_slice(), keep, Kind::Float)
}

/// Weighted mean and two-pass variance of each class, `[n, s]` each.
fn moments(
    prototype: &Tensor,
    support: &Tensor,
    unlabeled: &Tensor,
) -> Result<(Tensor, Tensor), TchError> {
    let k_shot = support.size()[1] as f64;
    let soft = cosine(unlabeled, prototype)?
        .f_multiply_scalar(TEMPERATURE)?
        .f_softmax(1, Kind::Float)?
        .f_transpose(0, 1)?;
    let total = sum(&soft, 1, true)?.f_add_scalar(k_shot)?;
    let mean = sum(support, 1, false)?.f_add(&soft.f_matmul(unlabeled)?)?.f_div(&total)?;
    // In two passes: the difference of mean square and squared mean would cancel in fp32.
    let around = mean.f_unsqueeze(1)?;
    let of_support = sum(&support.f_sub(&around)?.f_square()?, 1, false)?;
    // [n, u, s]: small, because episodes are small.
    let apart = unlabeled.f_unsqueeze(0)?.f_sub(&around)?.f_square()?;
    let of_unlabeled = sum(&apart.f_mul(&soft.f_unsqueeze(2)?)?, 1, false)?;
    let variance = of_support.f_add(&of_unlabeled)?.f_div(&total)?;
    Ok((mean, variance))
}
