//! Embeds whole images, without augmentation, and computes precise batch normalization statistics.

use anyhow::Result;
use ndarray::{Array2, Array4, ArrayD, ArrayView4};
use tch::{Kind, Tensor};

use crate::loader::Images;
use crate::net::{Mode, Net, to_array, to_tensor};
use models::preprocess::Preprocess;

/// The embeddings `[n, s]` of `image`, `[n, 3, h, w]`: the mean over the views of each image.
fn forward(net: &Net, image: ArrayView4<'_, f32>, preprocess: &Preprocess) -> Result<ArrayD<f32>> {
    let views = preprocess.views(image);
    let mut embeddings = Vec::new();
    for view in &views {
        let view = to_tensor(&view.to_owned().into_dyn())?;
        embeddings.extend(net.forward(&[("image", &view)], Mode::Eval)?);
    }
    Ok(to_array(&Tensor::f_stack(&embeddings, 0)?.f_mean_dim(0, false, Kind::Float)?)?)
}

/// Images per forward pass.
const BATCH: usize = 128;

/// Embeds every image without augmentation. One matrix `[images, s]` per class.
pub fn embed(
    net: &Net,
    images: &Images,
    preprocess: &Preprocess,
    classes: usize,
) -> Result<Vec<Array2<f32>>> {
    let mut rows: Vec<Vec<f32>> = vec![Vec::new(); classes];
    let all: Vec<usize> = (0..images.len()).collect();
    for chosen in all.chunks(BATCH) {
        let image = prepared(images, preprocess, chosen)?;
        let embeddings = tch::no_grad(|| forward(net, image.view(), preprocess))?;
        for (row, &index) in embeddings.outer_iter().zip(chosen) {
            rows[images.labels[index]].extend(row.iter());
        }
    }
    // A class without images needs the width of an empty matrix.
    let width = net.graph().shapes()?.get(&net.graph().outputs[0]).map_or(0, |s| s[0]);
    rows.into_iter()
        .map(|values| Ok(Array2::from_shape_vec((values.len() / width.max(1), width), values)?))
        .collect()
}

/// Replaces the running statistics of batch normalization by means over the views of the chosen
/// images (precise batch normalization, Wu and Johnson 2021).
pub fn measure_normalizations(
    net: &Net,
    images: &Images,
    preprocess: &Preprocess,
    chosen: &[usize],
) -> Result<()> {
    // All batches have the same weight, so their sizes differ by at most one image.
    let batches = chosen.len().div_ceil(BATCH);
    let mut earlier = 0;
    for at in 0..batches {
        let chosen = &chosen[at * chosen.len() / batches..(at + 1) * chosen.len() / batches];
        let image = prepared(images, preprocess, chosen)?;
        for view in preprocess.views(image.view()) {
            let view = to_tensor(&view.to_owned().into_dyn())?;
            tch::no_grad(|| net.forward(&[("image", &view)], Mode::Measure { earlier }))?;
            earlier += 1;
        }
    }
    Ok(())
}

/// The chosen images as network input, `[n, 3, h, w]`.
fn prepared(images: &Images, preprocess: &Preprocess, chosen: &[usize]) -> Result<Array4<f32>> {
    let size = images.size;
    let mut image = vec![0.0; chosen.len() * 3 * size * size];
    for (out, &index) in image.chunks_exact_mut(3 * size * size).zip(chosen) {
        preprocess.normalize(images.rgb(index), out);
    }
    Ok(Array4::from_shape_vec((chosen.len(), 3, size, size), image)?)
}
