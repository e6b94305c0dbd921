//! What an image shows by itself.
//!
//! Measured on the square that the network reads, so an image is judged as the network sees it: a
//! photograph of 12 megapixels that is slightly out of focus is sharp there. In place of a
//! letterbox it is the image without the bars, stretched to the same square. The square is reduced
//! to at most 128 pixels a side by averaging, and only its luminance is used. That is one pass over
//! the square, and a few over at most 16,384 values.
//!
//! The limits were chosen on validation images: 100 of Caltech-101 on a network that reads 224
//! pixels a side, and 100 of CIFAR-FS on one that reads 32. None of the 200 has a finding. Of 60
//! images of each set, blurred by Gaussians of a twentieth, a sixteenth and a tenth of the short
//! side, 359 of 360 have one; of 40 of each, darkened or brightened to a sixteenth of their
//! contrast, all of 160; and all of 488 drawings: black, white, of one color, of one color with
//! noise, and of uniform and normal noise.

use models::image::Image;

use super::{Code, Finding};

/// An image whose short side has fewer pixels than this share of the side that the network reads is
/// small. It is enlarged more than twice, so less than a quarter of what the network reads are
/// pixels of the image. An image that is a little smaller than the network's square is good: the
/// images of Caltech-101 have 144 pixels, and are recognized well by a network that reads 224.
const MIN_SHARE_OF_SIDE: f32 = 0.5;

/// The side that the square is reduced to, in pixels. Noise of a camera averages out there, and an
/// edge that is sharp to the eye is still one or two pixels wide.
const MAX_SIDE: usize = 128;

/// A network that reads fewer pixels a side has too few of them to tell noise or blur from shapes.
const MIN_SIDE: usize = 16;

/// An image is dark if 99 % of it have less luminance, of 255. The darkest of the good images has
/// 126 here.
const DARK: u8 = 40;

/// An image is bright if 99 % of it have more luminance, of 255. The brightest of the good images
/// has 184 here.
const BRIGHT: u8 = 225;

/// An image with a smaller standard deviation of its luminance shows one tone. The least of a good
/// image is 13.
const MIN_CONTRAST: f32 = 8.0;

/// The least correlation of neighboring pixels. It is 0.70 or more for good images, and at most
/// 0.31 for uniform and normal noise, which has no shapes of more than a pixel.
const MIN_CORRELATION: f32 = 0.5;

/// The sharpest edges of an image, as a share of the range of its luminance: the least of a good
/// image is 0.24. A share of the contrast, since a blurred image of high contrast has greater edges
/// than a sharp one of low contrast; and the sharpest 1 %, since a sharp object before a blurred
/// background is good.
const MIN_SHARPNESS: f32 = 0.2;

/// The share of an image that its darkest, brightest and sharpest pixels are.
const TAIL: f32 = 0.01;

/// The findings of an image; `square` are its `side * side * 3` bytes as the network reads them,
/// but without bars.
pub(crate) fn of_image(image: &Image, square: &[u8], side: usize) -> Vec<Finding> {
    let shown = Luminance::of(square, side).finding();
    size_of(image, side).into_iter().chain(shown).collect()
}

fn size_of(image: &Image, side: usize) -> Option<Finding> {
    let Image { width, height, .. } = *image;
    let is_small = (width.min(height) as f32) < MIN_SHARE_OF_SIDE * side as f32;
    is_small.then(|| {
        let detail = format!(
            "the image has {width}x{height} pixels, few for a network that reads {side}x{side}; \
             use a larger image, or go nearer"
        );
        Finding::new(Code::Small, detail)
    })
}

/// The luminance of a square image, 0 to 255.
struct Luminance {
    side: usize,
    values: Vec<f32>,
}

impl Luminance {
    /// That of `size * size` RGB pixels, reduced to at most [`MAX_SIDE`].
    fn of(square: &[u8], size: usize) -> Self {
        // At least 1: a chunk of no pixels would panic.
        let factor = size.div_ceil(MAX_SIDE).max(1);
        let side = size / factor;
        let mut sums = vec![0; side * side];
        let rows = square.chunks_exact(3 * size.max(1)).take(side * factor);
        for (y, row) in rows.enumerate() {
            let cells = &mut sums[y / factor * side..][..side];
            for (cell, pixels) in cells.iter_mut().zip(row.chunks_exact(3 * factor)) {
                *cell += pixels.chunks_exact(3).map(thousandths).sum::<u32>();
            }
        }
        let divisor = (1000 * factor * factor) as f32;
        Self { side, values: sums.into_iter().map(|sum| sum as f32 / divisor).collect() }
    }

    /// The first that applies: a black image has no shapes either, but what helps is light.
    fn finding(&self) -> Option<Finding> {
        if self.values.is_empty() {
            return None;
        }
        let levels = Levels::of(&self.values);
        if levels.brightest < DARK {
            let detail = "the image is nearly black; use more light, or uncover the lens";
            return Some(Finding::new(Code::Dark, detail));
        }
        if levels.darkest > BRIGHT {
            let detail = "the image is nearly white; use less light or a shorter exposure";
            return Some(Finding::new(Code::Bright, detail));
        }
        self.shapes(levels)
    }

    fn shapes(&self, levels: Levels) -> Option<Finding> {
        let mean = mean(self.values.iter().copied());
        let variance = mean_of_squares(&self.values, mean);
        if variance.sqrt() < MIN_CONTRAST {
            let detail = "the image shows one tone and no shapes; let the object fill the image";
            return Some(Finding::new(Code::Flat, detail));
        }
        if self.side < MIN_SIDE {
            return None;
        }
        if self.covariance_of_neighbors(mean) < MIN_CORRELATION * variance {
            let detail = "the image shows noise and no shapes; use more light, or check the camera";
            return Some(Finding::new(Code::Flat, detail));
        }
        let range = f32::from(levels.brightest) - f32::from(levels.darkest);
        (self.sharpest_edge() < MIN_SHARPNESS * range).then(|| {
            let detail = "the image has no sharp edge; hold the camera still and focus it";
            Finding::new(Code::Blurred, detail)
        })
    }

    /// Over all pairs of pixels that are side by side or one above the other.
    fn covariance_of_neighbors(&self, mean: f32) -> f32 {
        let side = self.side;
        let mut sum = 0.0;
        for row in self.values.chunks_exact(side) {
            sum += product(&row[1..], &row[..side - 1], mean);
        }
        sum += product(&self.values[side..], &self.values[..side * (side - 1)], mean);
        sum / (2 * side * (side - 1)) as f32
    }

    /// The absolute Laplacian that only the sharpest [`TAIL`] of the pixels exceeds.
    fn sharpest_edge(&self) -> f32 {
        let side = self.side;
        let mut edges = Vec::with_capacity(side * side);
        for y in 1..side - 1 {
            for x in 1..side - 1 {
                let at = y * side + x;
                let around = self.values[at - 1]
                    + self.values[at + 1]
                    + self.values[at - side]
                    + self.values[at + side];
                edges.push((4.0 * self.values[at] - around).abs());
            }
        }
        let at = ((edges.len() - 1) as f32 * (1.0 - TAIL)).round() as usize;
        *edges.select_nth_unstable_by(at, f32::total_cmp).1
    }
}

/// The luminance of the darkest and brightest [`TAIL`] of an image.
#[derive(Debug, Clone, Copy)]
struct Levels {
    darkest: u8,
    brightest: u8,
}

impl Levels {
    fn of(values: &[f32]) -> Self {
        let mut counts = [0; 256];
        for value in values {
            counts[usize::from(value.round() as u8)] += 1;
        }
        let tail = (values.len() as f32 * TAIL) as usize;
        Self {
            darkest: level((0..=u8::MAX).zip(counts), tail),
            brightest: level((0..=u8::MAX).zip(counts).rev(), tail),
        }
    }
}

/// The first level up to which there are more than `tail` pixels.
fn level(counts: impl Iterator<Item = (u8, usize)>, tail: usize) -> u8 {
    let mut seen = 0;
    for (level, count) in counts {
        seen += count;
        if seen > tail {
            return level;
        }
    }
    0
}

/// The luminance of an RGB pixel (ITU-R BT.601) in thousandths.
fn thousandths(pixel: &[u8]) -> u32 {
    299 * u32::from(pixel[0]) + 587 * u32::from(pixel[1]) + 114 * u32::from(pixel[2])
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f32;
    values.sum::<f32>() / count
}

fn mean_of_squares(values: &[f32], mean_value: f32) -> f32 {
    mean(values.iter().map(|value| (value - mean_value).powi(2)))
}

fn product(a: &[f32], b: &[f32], mean: f32) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum()
}

#[cfg(test)]
mod tests;
