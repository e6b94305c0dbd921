//! The embeddings of the images of an episode.

use ndarray::{Array2, Axis, concatenate, stack};

use crate::evaluation::episode::Episode;
use crate::prototype;

/// The embeddings that an episode takes.
pub(crate) struct EpisodeData {
    /// Those of each class, `[k_shot, s]`.
    pub(crate) support: Vec<Array2<f32>>,
    /// Those of all classes, one after the other, `[n_way * n_query, s]`.
    pub(crate) query: Array2<f32>,
}

impl EpisodeData {
    /// Takes them from those of all classes, `[images, s]` each.
    pub(crate) fn of(embeddings: &[Array2<f32>], episode: &Episode) -> Self {
        Self {
            support: selected(embeddings, &episode.classes, &episode.support),
            query: queries(embeddings, &episode.classes, &episode.query),
        }
    }

    /// Labeled images of each class.
    pub(crate) fn k_shot(&self) -> usize {
        self.support.first().map_or(0, Array2::nrows)
    }

    /// The mean prototypes, `[n_way, s]`.
    pub(crate) fn means(&self) -> Array2<f32> {
        let means: Vec<_> = self.support.iter().map(|rows| prototype::mean(rows.view())).collect();
        let views: Vec<_> = means.iter().map(|mean| mean.view()).collect();
        stack(Axis(0), &views).expect("invariant: embeddings have one size")
    }
}

/// The embeddings of `images[c]` of each of `classes`, one class after the other, `[n, s]`.
pub(crate) fn queries(
    embeddings: &[Array2<f32>],
    classes: &[usize],
    images: &[Vec<usize>],
) -> Array2<f32> {
    joined(&selected(embeddings, classes, images))
}

fn selected(
    embeddings: &[Array2<f32>],
    classes: &[usize],
    images: &[Vec<usize>],
) -> Vec<Array2<f32>> {
    let ways = classes.iter().zip(images);
    ways.map(|(&class, images)| embeddings[class].select(Axis(0), images)).collect()
}

/// All rows of all parts, `[n, s]`.
pub(crate) fn joined<'a>(parts: impl IntoIterator<Item = &'a Array2<f32>>) -> Array2<f32> {
    let views: Vec<_> = parts.into_iter().map(|rows| rows.view()).collect();
    concatenate(Axis(0), &views).expect("invariant: embeddings have one size")
}
