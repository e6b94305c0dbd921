//! Embeddings of whole classes with a trained network.

use anyhow::Result;
use ndarray::Array2;
use tch::Tensor;

use crate::loader::Pictures;
use crate::net::{Mode, Net, to_array};
use models::preprocess::Preprocess;

/// The embeddings of `image`, `[n, 3, h, w]`; with `mirror` the mean with those of the mirror images.
fn forward(net: &Net, image: &Tensor, mirror: bool) -> Result<Tensor> {
    let embedding = |image: &Tensor| -> Result<Tensor> {
        Ok(net.forward(&[("image", image)], Mode::Eval)?.swap_remove(0))
    };
    if !mirror {
        return embedding(image);
    }
    Ok((embedding(image)? + embedding(&image.f_flip([3i64])?)?).f_div_scalar(2.0)?)
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
        let image = Tensor::f_from_slice(&image)?.f_view([
            chosen.len() as i64,
            3,
            size as i64,
            size as i64,
        ])?;
        let embeddings = to_array(&tch::no_grad(|| forward(net, &image, preprocess.mirror))?)?;
        for (row, &index) in embeddings.outer_iter().zip(chosen) {
            rows[pictures.labels[index]].extend(row.iter());
        }
    }
    let width = net.graph().shapes()?.get(&net.graph().outputs[0]).map_or(0, |s| s[0]);
    rows.into_iter()
        .map(|values| Ok(Array2::from_shape_vec((values.len() / width.max(1), width), values)?))
        .collect()
}
