//! Which classes examples of none of the classes are most similar to, kept over changes.

use std::sync::Arc;

use ndarray::{ArrayView1, Axis, NdFloat};

use super::blocks::PrototypeBlock;
use super::measured::missing;
use crate::decision::images::Images;
use crate::decision::sampling::sample;

/// Examples of none of the classes.
#[derive(Debug)]
pub(super) struct Negatives<F> {
    pub(super) images: Arc<Images<F>>,
    /// The positions of those that calibrate, ascending.
    pub(super) sampled: Vec<usize>,
    /// Those against each block of prototypes.
    pub(super) by_block: Vec<Arc<AgainstBlock<F>>>,
}

/// The sampled negatives against the classes of a block.
#[derive(Debug)]
pub(super) struct AgainstBlock<F> {
    block: Arc<PrototypeBlock<F>>,
    /// One for each sampled negative.
    pub(super) nearest: Vec<Nearest<F>>,
}

/// The classes of a block that an image is most similar to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearest<F> {
    pub(super) with_images: Option<Found<F>>,
    pub(super) by_name: Option<Found<F>>,
}

/// A class of a block and the cosine to its prototype.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<F> {
    pub(super) row: usize,
    pub(super) cosine: F,
}

impl<F: NdFloat> Negatives<F> {
    /// Against these blocks of prototypes. `before` are those before a change, where these were at
    /// the positions `known_at`.
    pub(super) fn new(
        images: Arc<Images<F>>,
        blocks: &[Arc<PrototypeBlock<F>>],
        before: Option<&Self>,
        known_at: &[Option<usize>],
    ) -> Self {
        let sampled = sample(0..images.len() as u64);
        let known_at = sampled.iter().map(|&position| {
            let position = (*known_at.get(position)?)?;
            before?.sampled.binary_search(&position).ok()
        });
        let known_at: Vec<Option<usize>> = known_at.collect();
        let by_block = blocks.iter().map(|block| {
            let mut all = before.iter().flat_map(|before| &before.by_block);
            match all.find(|other| Arc::ptr_eq(&other.block, block)) {
                // Nothing has changed.
                Some(known) if is_same(&known_at, known.nearest.len()) => Arc::clone(known),
                known => {
                    let known = known.map(|known| known.nearest.as_slice());
                    let nearest = nearest(&images, &sampled, block, known, &known_at);
                    Arc::new(AgainstBlock { block: Arc::clone(block), nearest })
                }
            }
        });
        Self { by_block: by_block.collect(), images, sampled }
    }
}

/// Whether all of this number of things are where they were.
fn is_same(known_at: &[Option<usize>], count: usize) -> bool {
    known_at.len() == count && known_at.iter().enumerate().all(|(at, known)| *known == Some(at))
}

/// The classes of a block that each sampled image is most similar to; those of the images at
/// `known_at` in `known` are known.
fn nearest<F: NdFloat>(
    images: &Images<F>,
    sampled: &[usize],
    block: &PrototypeBlock<F>,
    known: Option<&[Nearest<F>]>,
    known_at: &[Option<usize>],
) -> Vec<Nearest<F>> {
    let known = known_at.iter().map(|at| Some(known?[(*at)?]));
    let known: Vec<Option<Nearest<F>>> = known.collect();
    let new = missing(&known.iter().map(|known| known.map(|_| 0)).collect::<Vec<_>>());
    let rows: Vec<usize> = new.iter().map(|&at| sampled[at]).collect();
    // The product of matrices, also of one image: it does not depend on how many there are.
    let products = images.unit.select(Axis(0), &rows).dot(&block.rows().t());
    let cosines = block.scaled(products);
    let mut computed = cosines.rows().into_iter().map(|row| Nearest::of(block, row));
    let all = known.into_iter().map(|known| known.or_else(|| computed.next()));
    all.flatten().collect()
}

impl<F: NdFloat> Nearest<F> {
    /// Of an image with these cosines to the classes of a block.
    fn of(block: &PrototypeBlock<F>, cosines: ArrayView1<'_, F>) -> Self {
        let mut nearest = Self { with_images: None, by_name: None };
        for (row, (&images, &cosine)) in block.image_counts().iter().zip(cosines).enumerate() {
            let kind = if images > 0 { &mut nearest.with_images } else { &mut nearest.by_name };
            if kind.is_none_or(|found| cosine > found.cosine) {
                *kind = Some(Found { row, cosine });
            }
        }
        nearest
    }
}
