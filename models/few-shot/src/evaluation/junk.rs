//! Junk: images that show nothing, all of which a gallery should reject.
//!
//! # Examples
//! ```
//! use few_shot::evaluation::junk::{JunkKind, drawn};
//!
//! let junk = drawn(7);
//! assert_eq!(junk.iter().map(|(_, images)| images.len()).sum::<usize>(), 200);
//! assert!(junk.iter().any(|(kind, _)| *kind == JunkKind::Gradient));
//! ```

mod drawing;

use std::fmt;

use models::image::Image;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use self::drawing::{Drawing, plain};

/// What a junk image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JunkKind {
    /// Black, as a covered camera sees.
    Black,
    /// White.
    White,
    /// One color.
    PlainColor,
    /// From one color to another.
    Gradient,
    /// Independent uniform values.
    UniformNoise,
    /// Independent normal values.
    GaussianNoise,
    /// Colors at the points of a coarse grid, interpolated.
    BlurredNoise,
    /// Lines of strokes, as of writing.
    Strokes,
}

impl JunkKind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Black,
        Self::White,
        Self::PlainColor,
        Self::Gradient,
        Self::UniformNoise,
        Self::GaussianNoise,
        Self::BlurredNoise,
        Self::Strokes,
    ];

    /// How many images of it are drawn. All black images are equal.
    fn count(self) -> usize {
        match self {
            Self::Black | Self::White => 1,
            _ => 33,
        }
    }

    fn draw(self, drawing: &mut Drawing) -> Image {
        match self {
            Self::Black => plain([0.0; 3]),
            Self::White => plain([255.0; 3]),
            Self::PlainColor => drawing.plain_color(),
            Self::Gradient => drawing.gradient(),
            Self::UniformNoise => drawing.uniform_noise(),
            Self::GaussianNoise => drawing.gaussian_noise(),
            Self::BlurredNoise => drawing.blurred_noise(),
            Self::Strokes => drawing.strokes(),
        }
    }
}

impl fmt::Display for JunkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Black => "black",
            Self::White => "white",
            Self::PlainColor => "plain-color",
            Self::Gradient => "gradient",
            Self::UniformNoise => "uniform-noise",
            Self::GaussianNoise => "gaussian-noise",
            Self::BlurredNoise => "blurred-noise",
            Self::Strokes => "strokes",
        })
    }
}

/// 200 images of 256x256 pixels, by kind; a function of `seed`.
pub fn drawn(seed: u64) -> Vec<(JunkKind, Vec<Image>)> {
    let mut drawing = Drawing::new(seed);
    let kinds = JunkKind::ALL.into_iter();
    kinds.map(|kind| (kind, (0..kind.count()).map(|_| kind.draw(&mut drawing)).collect())).collect()
}

/// The embeddings of the images of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct JunkEmbeddings {
    /// The kind.
    pub kind: JunkKind,
    /// Raw, `[images, s]`.
    pub rows: Array2<f32>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn a_kind_is_written_by_its_word() {
        for kind in JunkKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }

    #[test]
    fn images_are_a_function_of_the_seed_and_none_is_twice() {
        let drawn = drawn(7);
        assert_eq!(drawn, super::drawn(7));
        let images: Vec<&Image> = drawn.iter().flat_map(|(_, images)| images).collect();
        assert!(images.iter().all(|image| image.rgb.len() == 256 * 256 * 3));
        for (position, image) in images.iter().enumerate() {
            assert!(!images[..position].contains(image), "image {position}");
        }
        assert_ne!(drawn[2], super::drawn(8)[2]);
    }

    #[test]
    fn each_kind_looks_as_it_is_called() {
        let drawn: BTreeMap<JunkKind, Vec<Image>> = drawn(7).into_iter().collect();
        let first = |kind: JunkKind| &drawn[&kind][0].rgb;
        assert!(first(JunkKind::Black).iter().all(|&value| value == 0));
        assert!(first(JunkKind::White).iter().all(|&value| value == 255));
        let color = &first(JunkKind::PlainColor)[..3];
        assert!(first(JunkKind::PlainColor).chunks(3).all(|pixel| pixel == color));
        let steepest = |kind: JunkKind| {
            let rgb = first(kind);
            rgb.iter().zip(&rgb[3..]).take(255 * 3).map(|(&a, &b)| a.abs_diff(b)).max().unwrap()
        };
        assert!(steepest(JunkKind::Gradient) <= 4 && steepest(JunkKind::BlurredNoise) <= 64);
        assert!(steepest(JunkKind::UniformNoise) > 200 && steepest(JunkKind::GaussianNoise) > 150);
        let colors: BTreeSet<_> = first(JunkKind::Strokes).chunks(3).collect();
        assert_eq!(colors.len(), 2, "ink and paper");
    }
}
