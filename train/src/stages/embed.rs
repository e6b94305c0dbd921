//! Whole pictures, un-augmented, through a trained network: what they are embedded to, and what normalizations see of them.

use anyhow::Result;
use ndarray::{Array2, Array4, ArrayD, ArrayView4};
use tch::{Kind, Tensor};

use crate::loader::Pictures;
use crate::net::{Mode, Net, to_array, to_tensor};
use models::preprocess::Preprocess;

/// The embeddings `[n, s]` of `image`, `[n, 3, h, w]`: the mean over its looks.
fn forward(net: &Net, image: ArrayView4<'_, f32>, preprocess: &Preprocess) -> Result<ArrayD<f32>> {
    let looks = preprocess.looks(image);
    let mut embeddings = Vec::new();
    for look in &looks {
        let look = to_tensor(&look.to_owned().into_dyn())?;
        embeddings.extend(net.forward(&[("image", &look)], Mode::Eval)?);
    }
    Ok(to_array(&Tensor::f_stack(&embeddings, 0)?.f_mean_dim(0, false, Kind::Float)?)?)
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
    let mut rows: Vec<Vec<f32>> = vec![Vec::new(); classes];
    let all: Vec<usize> = (0..pictures.len()).collect();
    for chosen in all.chunks(BATCH) {
        let image = prepared(pictures, preprocess, chosen)?;
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

/// Makes the running statistics of a network's normalizations the means over the chosen pictures' looks ("precise" batch
/// normalization, Wu and Johnson 2021): those of a training are of the last few batches, turned, cropped and coloured.
pub fn measure_normalizations(
    net: &Net,
    pictures: &Pictures,
    preprocess: &Preprocess,
    chosen: &[usize],
) -> Result<()> {
    // Each counts the same, so they are as large as each other, but for one picture.
    let batches = chosen.len().div_ceil(BATCH);
    let mut earlier = 0;
    for at in 0..batches {
        let chosen = &chosen[at * chosen.len() / batches..(at + 1) * chosen.len() / batches];
        let image = prepared(pictures, preprocess, chosen)?;
        for look in preprocess.looks(image.view()) {
            let look = to_tensor(&look.to_owned().into_dyn())?;
            tch::no_grad(|| net.forward(&[("image", &look)], Mode::Measure { earlier }))?;
            earlier += 1;
        }
    }
    Ok(())
}

/// The chosen pictures as a network's input, `[n, 3, h, w]`.
fn prepared(pictures: &Pictures, preprocess: &Preprocess, chosen: &[usize]) -> Result<Array4<f32>> {
    let size = pictures.size;
    let mut image = vec![0.0; chosen.len() * 3 * size * size];
    for (out, &index) in image.chunks_exact_mut(3 * size * size).zip(chosen) {
        preprocess.normalize(pictures.rgb(index), out);
    }
    Ok(Array4::from_shape_vec((chosen.len(), 3, size, size), image)?)
}
