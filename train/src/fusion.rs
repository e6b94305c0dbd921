//! Gaussian fusion and its classifier on libtorch, so that gradients pass through them.
//!
//! The twin of [`few_shot::fusion`], tied to it by the fixtures `finetune_tiny` and `fusion_tiny_*`.

use tch::{Kind, TchError, Tensor};

/// How sharply an unlabeled image is shared among classes.
const TEMPERATURE: f64 = 10.0;

/// Keeps the gradient of a zero vector's length finite.
const EPSILON: f64 = 1e-12;

/// The cosine of every query `[q, s]` with every prototype `[n, s]`: `[q, n]`.
pub fn cosine(query: &Tensor, prototype: &Tensor) -> Result<Tensor, TchError> {
    direction(query)?.f_matmul(&direction(prototype)?.f_transpose(0, 1)?)
}

fn direction(rows: &Tensor) -> Result<Tensor, TchError> {
    let square = rows.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
    rows.f_div(&square.f_clamp_min(EPSILON * EPSILON)?.f_sqrt()?)
}

/// The fused prototypes `[n, s]` of means and completed prototypes (section 3.4 of Zhang et al. 2021).
///
/// # Shapes
/// `mean`, `completed` `[n, s]`; `support` `[n, k, s]`, a class after the other; `unlabeled` `[u, s]`.
pub fn gaussian(
    mean: &Tensor,
    completed: &Tensor,
    support: &Tensor,
    unlabeled: &Tensor,
) -> Result<Tensor, TchError> {
    let (m1, v1) = moments(mean, support, unlabeled)?;
    let (m2, v2) = moments(completed, support, unlabeled)?;
    let both = v1.f_add(&v2)?;
    let is_zero = both.f_le(0.0)?;
    // Where both variances are zero the division is 1 / 2 before it is made: a choice after it would have no gradient.
    let weight = |v: &Tensor| v.f_masked_fill(&is_zero, 1.0);
    let both = both.f_masked_fill(&is_zero, 2.0)?;
    m1.f_mul(&weight(&v2)?)?.f_add(&m2.f_mul(&weight(&v1)?)?)?.f_div(&both)
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
    let sum =
        |x: &Tensor, dim: i64, keep: bool| x.f_sum_dim_intlist([dim].as_slice(), keep, Kind::Float);
    let total = sum(&soft, 1, true)?.f_add_scalar(k_shot)?;
    let mean = sum(support, 1, false)?.f_add(&soft.f_matmul(unlabeled)?)?.f_div(&total)?;
    let around = mean.f_unsqueeze(1)?;
    let of_support = sum(&support.f_sub(&around)?.f_square()?, 1, false)?;
    // [n, u, s]: small, as episodes are.
    let apart = unlabeled.f_unsqueeze(0)?.f_sub(&around)?.f_square()?;
    let of_unlabeled = sum(&apart.f_mul(&soft.f_unsqueeze(2)?)?, 1, false)?;
    let variance = of_support.f_add(&of_unlabeled)?.f_div(&total)?;
    Ok((mean, variance))
}
