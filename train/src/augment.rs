//! Random augmentation of training images: crop, horizontal flip, color jitter, as in the published
//! code.
//!
//! The augmentation is a function of seed, epoch and position in the epoch, so that any number of
//! loader threads and a resumed training get the same images.

use models::random::below;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Augmentation settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Black pixels added on each side before a random crop.
    pub crop_padding: usize,
    /// Smallest share of the image's area that a crop keeps before it is scaled to the full size; 1
    /// (the default) crops without scaling.
    #[serde(default = "whole")]
    pub crop_area: f32,
    /// Whether half of the images are flipped horizontally.
    pub flip: bool,
    /// Largest relative change of brightness, contrast and saturation; 0 for none.
    pub jitter: [f32; 3],
}

fn whole() -> f32 {
    1.0
}

/// Largest ratio of the sides of a scaled crop.
const MAX_CROP_RATIO: f32 = 4.0 / 3.0;

/// A crop in pixels of its image. It may extend past the edge.
struct Crop {
    top: f32,
    left: f32,
    height: f32,
    width: f32,
}

/// Words of the random stream reserved for an image.
// An augmentation takes 13 words. If it took more than this, neighbors would share numbers.
const WORDS_PER_IMAGE: u128 = 32;

/// The random number generator of one image.
pub fn image_rng(seed: u64, epoch: u64, position: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    rng.set_word_pos(u128::from(position) * WORDS_PER_IMAGE);
    rng
}

/// The order of `n` images in an epoch: a random permutation.
pub fn epoch_order(seed: u64, epoch: u64, n: usize) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Counted down from the last stream, because images use the streams from 0 up.
    rng.set_stream(u64::MAX - epoch);
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        order.swap(i, below(&mut rng, i + 1));
    }
    order
}

impl Augment {
    /// Augments a square RGB image into `out`, with values in 0..255 and a size of its own.
    pub fn apply(&self, rgb: &[u8], rng: &mut ChaCha8Rng, out: &mut [f32]) {
        let size = side(out);
        let crop = self.crop(side(rgb), rng);
        // Drawn even if flips are off, so that the setting does not shift later random numbers.
        let hflip = below(rng, 2) == 1 && self.flip;
        cut(rgb, &crop, hflip, out);
        // Brightness, contrast and saturation do not commute; their order is random.
        let mut order = [0, 1, 2];
        order.swap(2, below(rng, 3));
        order.swap(1, below(rng, 2));
        // All three are drawn, for the same reason as the flip.
        let factors = self.jitter.map(|amount| 1.0 + amount * (2.0 * unit(rng) - 1.0));
        for change in order {
            match change {
                _ if self.jitter[change] == 0.0 => {}
                0 => blend(out, factors[0], |_| 0.0),
                1 => {
                    // Contrast blends with the mean luma of the image.
                    let mean = out.chunks_exact(3).map(gray).sum::<f32>() / (size * size) as f32;
                    blend(out, factors[1], |_| mean);
                }
                _ => blend(out, factors[2], gray),
            }
        }
    }

    fn crop(&self, size: usize, rng: &mut ChaCha8Rng) -> Crop {
        let padding = self.crop_padding as f32;
        if self.crop_area == 1.0 {
            let places = 2 * self.crop_padding + 1;
            let top = below(rng, places) as f32 - padding;
            let left = below(rng, places) as f32 - padding;
            return Crop { top, left, height: size as f32, width: size as f32 };
        }
        let size = size as f32;
        let side = (self.crop_area + (1.0 - self.crop_area) * unit(rng)).sqrt() * size;
        // The ratio of the sides is the square of this one. Its logarithm is uniform, so that wide
        // and high crops are equally likely.
        let ratio = MAX_CROP_RATIO.powf(unit(rng) - 0.5);
        let height = (side * ratio).min(size);
        let width = (side / ratio).min(size);
        let top = unit(rng) * (size + 2.0 * padding - height) - padding;
        let left = unit(rng) * (size + 2.0 * padding - width) - padding;
        Crop { top, left, height, width }
    }
}

/// Height and width of a square RGB image.
fn side<T>(image: &[T]) -> usize {
    (image.len() / 3).isqrt()
}

/// Scales a crop to the size of `out`, bilinearly. Parts past the edge are black.
fn cut(rgb: &[u8], crop: &Crop, hflip: bool, out: &mut [f32]) {
    let from = side(rgb);
    let size = side(out);
    let step_y = crop.height / size as f32;
    let step_x = crop.width / size as f32;
    for (y, row) in out.chunks_exact_mut(size * 3).enumerate() {
        // Coordinates are of pixel centers, half a pixel from the edge: otherwise scaling would
        // shift the image.
        let y = between(crop.top + (y as f32 + 0.5) * step_y - 0.5, from);
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let x = if hflip { size - 1 - x } else { x };
            let x = between(crop.left + (x as f32 + 0.5) * step_x - 0.5, from);
            match y.zip(x) {
                Some((y, x)) => sample(rgb, from, y, x, pixel),
                None => pixel.fill(0.0),
            }
        }
    }
}

/// The two pixels next to a coordinate and its distance from the first, or `None` outside the
/// image.
fn between(at: f32, size: usize) -> Option<(usize, usize, f32)> {
    if at <= -1.0 || at >= size as f32 {
        return None;
    }
    let at = at.clamp(0.0, (size - 1) as f32);
    let first = at as usize;
    Some((first, (first + 1).min(size - 1), at - first as f32))
}

fn sample(
    rgb: &[u8],
    size: usize,
    (top, bottom, down): (usize, usize, f32),
    (left, right, along): (usize, usize, f32),
    pixel: &mut [f32],
) {
    for (channel, out) in pixel.iter_mut().enumerate() {
        let [above, beneath] = [top, bottom].map(|y| {
            let at = |x: usize| f32::from(rgb[(y * size + x) * 3 + channel]);
            at(left) * (1.0 - along) + at(right) * along
        });
        *out = above * (1.0 - down) + beneath * down;
    }
}

/// Moves each pixel away from (factor > 1) or toward a color that is computed from it.
fn blend(pixels: &mut [f32], factor: f32, other: impl Fn(&[f32]) -> f32) {
    for pixel in pixels.chunks_exact_mut(3) {
        let other = other(pixel) * (1.0 - factor);
        for value in pixel {
            *value = (*value * factor + other).clamp(0.0, 255.0);
        }
    }
}

/// Luma of ITU-R BT.601.
fn gray(pixel: &[f32]) -> f32 {
    0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
}

/// Uniform in [0, 1).
fn unit(rng: &mut ChaCha8Rng) -> f32 {
    // 24 bits are exact in an f32; more would round up to 1 now and then.
    (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 6;

    fn augmented(augment: &Augment, position: u64) -> Vec<f32> {
        let rgb: Vec<u8> = (0..SIZE * SIZE * 3).map(|i| (i * 7 % 256) as u8).collect();
        let mut out = vec![0.0; rgb.len()];
        augment.apply(&rgb, &mut image_rng(1, 2, position), &mut out);
        out
    }

    #[test]
    fn without_augmentation_the_image_is_unchanged() {
        let augment = Augment { crop_padding: 0, crop_area: 1.0, flip: false, jitter: [0.0; 3] };
        let expected: Vec<f32> = (0..SIZE * SIZE * 3).map(|i| (i * 7 % 256) as f32).collect();
        assert_eq!(augmented(&augment, 0), expected);
    }

    #[test]
    fn augmentation_depends_on_the_position_only() {
        let augment = Augment { crop_padding: 2, crop_area: 0.3, flip: true, jitter: [0.4; 3] };
        assert_eq!(augmented(&augment, 5), augmented(&augment, 5));
        assert_ne!(augmented(&augment, 5), augmented(&augment, 6));
        assert!(augmented(&augment, 7).iter().all(|v| (0.0..=255.0).contains(v)));
    }

    #[test]
    fn the_output_may_be_smaller_than_the_image() {
        let augment = Augment { crop_padding: 0, crop_area: 1.0, flip: false, jitter: [0.0; 3] };
        // Columns of two pixels, 0 and 200 by turns, become columns of one.
        let rgb: Vec<u8> =
            (0..SIZE * SIZE).flat_map(|i| [200 * (i / 2 % 3 % 2) as u8; 3]).collect();
        let mut out = vec![0.0; (SIZE / 2) * (SIZE / 2) * 3];
        augment.apply(&rgb, &mut image_rng(1, 2, 3), &mut out);
        let columns = [[0.0; 3], [200.0; 3], [0.0; 3]].concat();
        assert!(out.chunks_exact(columns.len()).all(|row| row == columns));
    }

    #[test]
    fn half_of_the_images_are_flipped() {
        let augment = Augment { crop_padding: 0, crop_area: 1.0, flip: true, jitter: [0.0; 3] };
        let plain = augmented(&Augment { flip: false, ..augment.clone() }, 0);
        let kept = (0..1000).filter(|&i| augmented(&augment, i) == plain).count();
        assert!((400..600).contains(&kept), "{kept}");
    }

    #[test]
    fn an_epochs_order_is_a_permutation() {
        let mut order = epoch_order(3, 0, 100);
        assert_ne!(order, epoch_order(3, 1, 100));
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<u32>>());
    }
}
