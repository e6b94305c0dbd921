//! Embeddings of whole classes with a trained network.

use anyhow::{Context, Result};
use ndarray::{Array2, Array4, ArrayD, ArrayView4};

use crate::loader::Pictures;
use crate::net::{Mode, Net, to_array, to_tensor};
use models::preprocess::Preprocess;

/// The embeddings `[n, s]` of `image`, `[n, 3, h, w]`: the mean over its looks.
fn forward(net: &Net, image: ArrayView4<'_, f32>, preprocess: &Preprocess) -> Result<ArrayD<f32>> {
    let mut sum = None;
    let looks = preprocess.looks(image);
    for look in &looks {
        let look = to_tensor(&look.to_owned().into_dyn())?;
        let embedding = net.forward(&[("image", &look)], Mode::Eval)?.swap_remove(0);
        sum = Some(match sum {
            None => embedding,
            Some(sum) => embedding.f_add(&sum)?,
        });
    }
    let sum = sum.context("a recipe without a look")?;
    Ok(to_array(&sum)? / looks.len() as f32)
}

/// Pictures in one pass.
const BATCH: usize = 128;

/// Embeds every picture, un-augmented; one matrix `[pictures, s]` per class.
pub fn embed(
    net: &Net,
    pictures: &Pictures,
    preprocess: &Preprocess,
    classes: usize,
) -> Result<Vec<Array2<f32>>> {
    let size = pictures.size;
    let mut rows: Vec<Vec<f32>> = vec![Vec::new(); classes];
    let all: Vec<usize> = (0..pictures.len()).collect();
    for chosen in all.chunks(BATCH) {
        let mut image = vec![0.0; chosen.len() * 3 * size * size];
        for (out, &index) in image.chunks_exact_mut(3 * size * size).zip(chosen) {
            preprocess.normalize(pictures.rgb(index), out);
        }
        let image = Array4::from_shape_vec((chosen.len(), 3, size, size), image)?;
        let embeddings = tch::no_grad(|| forward(net, image.view(), preprocess))?;
        for (row, &index) in embeddings.outer_iter().zip(chosen) {
            rows[pictures.labels[index]].extend(row.iter());
        }
    }
    let width = net.graph().shapes()?.get(&net.graph().outputs[0]).map_or(0, |s| s[0]);
    rows.into_iter()
        .map(|values| Ok(Array2::from_shape_vec((values.len() / width.max(1), width), values)?))
        .collect()
}
