//! Images of three classes, drawn by a formula: no data set is needed to compare programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::dist::files;

/// Pixels of a side; a row has a multiple of four bytes, as the format demands.
const SIZE: usize = 96;

const CLASSES: [&str; 3] = ["checks", "disc", "stripes"];

/// Images of a class.
const IMAGES: usize = 6;

/// Draws into the folders `enroll`, `query` and `all`, each with a folder for each class.
pub(super) fn draw(folder: &Path) -> Result<()> {
    for (class, name) in CLASSES.iter().enumerate() {
        for image in 0..IMAGES {
            let bytes = bitmap(|x, y| pixel(class, image, x, y));
            let part = if image < IMAGES / 2 { "enroll" } else { "query" };
            for part in [part, "all"] {
                let folder = folder.join(part).join(name);
                fs::create_dir_all(&folder)?;
                let path = folder.join(format!("{image}.bmp"));
                fs::write(&path, &bytes).context("cannot write an image")?;
            }
        }
    }
    // No image of its own, and so not in the folders above.
    files::write(&folder.join("README"), "Drawn for a comparison of programs.\n")
}

/// Blue, green and red of a pixel.
fn pixel(class: usize, image: usize, x: usize, y: usize) -> [u8; 3] {
    let is_figure = match class {
        0 => ((x + image * 3) / 12 + (y + image * 4) / 12) % 2 == 1,
        1 => x.abs_diff(48 + image * 2).pow(2) + y.abs_diff(48).pow(2) < (20 + image).pow(2),
        _ => ((x + image * 5) / 8) % 2 == 1,
    };
    // Some grain, as a camera has.
    let grain = (x * 7 + y * 13 + image * 29) % 31;
    let color = match is_figure {
        true => [180, 60 + image * 20, 120],
        false => [40, 90, 30 + image * 10],
    };
    // All are below 225, so none overflows.
    color.map(|value| u8::try_from(value + grain).unwrap_or(u8::MAX))
}

/// A file of the format BMP, 24 bits a pixel, from the lowest row up.
fn bitmap(pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<u8> {
    const HEAD: u32 = 54;
    let pixels = (0..SIZE * SIZE).flat_map(|at| pixel(at % SIZE, at / SIZE)).collect::<Vec<_>>();
    let length = pixels.len() as u32;
    let mut bytes = b"BM".to_vec();
    let size = SIZE as u32;
    let head = [HEAD + length, 0, HEAD, 40, size, size, 1 | 24 << 16, 0, length, 0, 0, 0, 0];
    bytes.extend(head.into_iter().flat_map(u32::to_le_bytes));
    bytes.extend(pixels);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bitmap_has_a_head_and_all_pixels() {
        let bytes = bitmap(|x, y| [x as u8, y as u8, 7]);
        assert_eq!(bytes.len(), 54 + SIZE * SIZE * 3);
        assert_eq!(bytes[54 + 3 * (SIZE + 2)..][..3], [2, 1, 7]);
    }

    #[test]
    fn no_two_images_are_the_same() {
        let images = CLASSES.iter().enumerate().flat_map(|(class, _)| {
            (0..IMAGES).map(move |image| bitmap(|x, y| pixel(class, image, x, y)))
        });
        let mut images: Vec<_> = images.collect();
        images.sort();
        images.dedup();
        assert_eq!(images.len(), CLASSES.len() * IMAGES);
    }
}
