//! Whole images, un-augmented, through a trained network: what they are embedded to, and what normalizations see of them.

use anyhow::Result;
use ndarray::{Array2, Array4, ArrayD, ArrayView4};
use tch::{Kind, Tensor};

use crate::loader::Images;
use crate::net::{Mode, Net, to_array, to_tensor};
use models::preprocess::Preprocess;

/// The embeddings `[n, s]` of `image`, `[n, 3, h, w]`: the mean over its looks.
fn forward(net: &Net, image: ArrayView4<'_, f32>, preprocess: &Preprocess) -> Result<ArrayD<f32>> {
    let views = preprocess.views(image);
    let mut embeddings = Vec::new();
    for view in &views {
        let view = to_tensor(&view.to_owned().into_dyn())?;
        embeddings.extend(net.forward(&[("image", &view)], Mode::Eval)?);
    }
    Ok(to_array(&Tensor::f_stack(&embeddings, 0)?.f_mean_dim(0, false, Kind::Float)?)?)
}

/// Images in one pass.
const BATCH: usize = 128;

/// Embeds every image, un-augmented; one matrix `[images, s]` per class.
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
    let width = net.graph().shapes()?.get(&net.graph().outputs[0]).map_or(0, |s| s[0]);
    rows.into_iter()
        .map(|values| Ok(Array2::from_shape_vec((values.len() / width.max(1), width), values)?))
        .collect()
}

/// Makes the running statistics of a network's normalizations the means over the chosen images' looks ("precise" batch
/// normalization, Wu and Johnson 2021): those of a training are of the last few batches, turned, cropped and colored.
pub fn measure_normalizations(
    net: &Net,
    images: &Images,
    preprocess: &Preprocess,
    chosen: &[usize],
) -> Result<()> {
    // Each counts the same, so they are as large as each other, but for one image.
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

/// The chosen images as a network's input, `[n, 3, h, w]`.
fn prepared(images: &Images, preprocess: &Preprocess, chosen: &[usize]) -> Result<Array4<f32>> {
    let size = images.size;
    let mut image = vec![0.0; chosen.len() * 3 * size * size];
    for (out, &index) in image.chunks_exact_mut(3 * size * size).zip(chosen) {
        preprocess.normalize(images.rgb(index), out);
    }
    Ok(Array4::from_shape_vec((chosen.len(), 3, size, size), image)?)
}
