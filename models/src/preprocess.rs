//! From RGB8 pixels to what a backbone takes: the only place that resizes or normalizes.
//!
//! The recipe is a value. It is saved in the checkpoint and the bundle, so training and the device
//! prepare images alike.

use std::ops::Not;

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use ndarray::{Array3, Array4, ArrayView4, Axis, CowArray, Ix4, s};
use serde::{Deserialize, Serialize};

use crate::fault::{Blame, Fault};
use crate::image::Image;

/// The largest side that a recipe may ask for, in pixels.
pub const MAX_SIZE: usize = 2048;

/// How an image becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Geometry {
    /// The largest square in the middle.
    CenterCrop,
    /// The whole image, its proportions given up.
    Squash,
    /// The whole image in its proportions, bars in the mean color.
    Letterbox,
}

/// How pixels are interpolated. All but `Nearest` average over the source when they reduce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The nearest pixel.
    Nearest,
    /// Linear.
    Bilinear,
    /// Cubic, sharper (what many tools call bicubic).
    CatmullRom,
    /// Windowed sinc.
    Lanczos3,
}

/// A recipe from an image to a tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Side of the square, in pixels.
    pub size: usize,
    /// How the image becomes a square.
    pub geometry: Geometry,
    /// How it is resized.
    pub filter: Filter,
    /// Subtracted per channel (red, green, blue), on the scale 0..=255.
    pub mean: [f32; 3],
    /// Then divided by, per channel, on the same scale.
    pub std: [f32; 3],
    /// Whether the mirror image is embedded too, and the mean of both embeddings taken: a more
    /// accurate embedding (test-time augmentation) for twice the work. See [`Preprocess::views`].
    #[serde(default, skip_serializing_if = "Not::not")]
    pub hflip: bool,
    /// The center, enlarged by this factor, is embedded too, for twice the work: objects are as large
    /// in it as a network knows them that was trained on scaled crops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center_zoom: Option<f32>,
}

/// The most that the middle may be enlarged.
const MAX_CENTER_ZOOM: f32 = 4.0;

/// Why a recipe cannot be carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PreprocessError {
    /// The side is zero or too large.
    #[error("preprocessing to {got} pixels a side; expected 1 to {MAX_SIZE}")]
    Size {
        /// The recipe's size.
        got: usize,
    },
    /// A mean or standard deviation cannot be used.
    #[error("preprocessing {field} of {got:?}; expected finite numbers{}", if *field == "std" { " above 0" } else { "" })]
    Scale {
        /// `mean` or `std`.
        field: &'static str,
        /// The recipe's values.
        got: [f32; 3],
    },
    /// The middle cannot be enlarged so.
    #[error(
        "preprocessing with center_zoom {got}; expected more than 1 and at most {MAX_CENTER_ZOOM}"
    )]
    CenterZoom {
        /// The recipe's `center_zoom`.
        got: f32,
    },
    /// The image has no pixels, or not as many as its width and height say.
    #[error(
        "an image of {width}x{height} with {got} bytes; expected {expected} (3 a pixel, at least one pixel)"
    )]
    Image {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// `width * height * 3`.
        expected: usize,
        /// Bytes it has.
        got: usize,
    },
}

impl Fault for PreprocessError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Preprocess {
    /// The paper's normalization (mean and std of miniImageNet) for `size` pixels a side.
    pub fn paper(size: usize) -> Self {
        Self {
            size,
            geometry: Geometry::CenterCrop,
            filter: Filter::Bilinear,
            mean: [120.396, 115.594, 104.540],
            std: [70.682, 68.276, 72.545],
            hflip: false,
            center_zoom: None,
        }
    }

    /// Checks the recipe itself, for instance after it was read from a file.
    ///
    /// # Errors
    /// A size outside 1..=[`MAX_SIZE`], a mean that is not finite, a std that is not finite and
    /// above 0, a zoom that does not enlarge.
    pub fn check(&self) -> Result<(), PreprocessError> {
        if !(1..=MAX_SIZE).contains(&self.size) {
            return Err(PreprocessError::Size { got: self.size });
        }
        if !self.mean.iter().all(|x| x.is_finite()) {
            return Err(PreprocessError::Scale { field: "mean", got: self.mean });
        }
        if !self.std.iter().all(|x| x.is_finite() && *x > 0.0) {
            return Err(PreprocessError::Scale { field: "std", got: self.std });
        }
        if let Some(got) = self
            .center_zoom
            .filter(|center_zoom| !(*center_zoom > 1.0 && *center_zoom <= MAX_CENTER_ZOOM))
        {
            return Err(PreprocessError::CenterZoom { got });
        }
        Ok(())
    }

    /// How many passes through the network an embedding takes: one for each of its
    /// [views](Self::views).
    pub fn passes(&self) -> u64 {
        let twice = |asked| if asked { 2 } else { 1 };
        twice(self.hflip) * twice(self.center_zoom.is_some())
    }

    /// The images `[n, 3, h, w]` in each way in which they are embedded: as they are, mirrored, and
    /// both with the middle enlarged. An embedding is the mean over these.
    pub fn views<'a>(&self, images: ArrayView4<'a, f32>) -> Vec<CowArray<'a, f32, Ix4>> {
        let mut views = vec![CowArray::from(images)];
        views.extend(
            self.center_zoom.map(|center_zoom| CowArray::from(enlarged(images, center_zoom))),
        );
        if self.hflip {
            let mirrored: Vec<_> = views.iter().map(mirror_images).collect();
            views.extend(mirrored);
        }
        views
    }

    /// The image as a square: `size * size * 3` bytes, rows of RGB pixels.
    ///
    /// An image that already is `size` x `size` passes bit for bit.
    ///
    /// # Errors
    /// A recipe that fails [`Preprocess::check`], an image without pixels.
    pub fn resize(&self, image: &Image) -> Result<Vec<u8>, PreprocessError> {
        self.check()?;
        check_image(image)?;
        if (image.width, image.height) == (self.size, self.size) {
            return Ok(image.rgb.clone());
        }
        Ok(match self.geometry {
            Geometry::CenterCrop => self.center_cropped(image),
            Geometry::Squash => self.resized(image, Crop::whole(image), self.size, self.size),
            Geometry::Letterbox => self.letterboxed(image),
        })
    }

    /// Normalizes `rgb` (`[size, size, 3]`) into `out` (`[3, size, size]`): `(value - mean) / std`
    /// per channel.
    ///
    /// Both must have `3 * size * size` values; what is missing on either side is left out.
    pub fn normalize(&self, rgb: &[u8], out: &mut [f32]) {
        let plane = (self.size * self.size).max(1);
        for (channel, plane) in out.chunks_exact_mut(plane).take(3).enumerate() {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            for (value, pixel) in plane.iter_mut().zip(rgb.chunks_exact(3)) {
                *value = (f32::from(pixel[channel]) - mean) / std;
            }
        }
    }

    /// Normalizes pixels where they are: `[.., 3]`, red, green and blue on the scale 0..=255, to
    /// `(value - mean) / std` per channel. The order of the values stays; fewer than three at the
    /// end are not changed.
    pub fn normalize_pixels(&self, pixels: &mut [f32]) {
        for pixel in pixels.chunks_exact_mut(3) {
            for ((value, mean), std) in pixel.iter_mut().zip(self.mean).zip(self.std) {
                *value = (*value - mean) / std;
            }
        }
    }

    /// [`Preprocess::resize`] then [`Preprocess::normalize`]: `[3, size, size]`.
    ///
    /// # Errors
    /// Those of [`Preprocess::resize`].
    pub fn apply(&self, image: &Image) -> Result<Array3<f32>, PreprocessError> {
        let rgb = self.resize(image)?;
        let mut values = vec![0.0; rgb.len()];
        self.normalize(&rgb, &mut values);
        let shape = (3, self.size, self.size);
        Ok(Array3::from_shape_vec(shape, values).expect("invariant: resize gives 3 bytes a pixel"))
    }

    /// Cropped first: a filter that reached over the edge would see what was cut off. The pixel
    /// type is fixed at compile time, or the compiler would build every filter for every type (two
    /// minutes of them).
    fn resized(&self, image: &Image, crop: Crop, width: usize, height: usize) -> Vec<u8> {
        let (whole_width, whole_height) = (image.width as u32, image.height as u32);
        let whole = TypedImageRef::<U8x3>::from_buffer(whole_width, whole_height, &image.rgb)
            .expect("invariant: the image was checked");
        let [left, top, crop_width, crop_height] = crop.0;
        let source = TypedCroppedImage::from_ref(&whole, left, top, crop_width, crop_height)
            .expect("invariant: the crop is inside");
        let mut square = TypedImage::<U8x3>::new(width as u32, height as u32);
        let options = ResizeOptions::new().resize_alg(self.filter.into());
        Resizer::new()
            .resize_typed(&source, &mut square, &options)
            .expect("invariant: neither image is empty");
        square.pixels().iter().flat_map(|pixel| pixel.0).collect()
    }

    fn center_cropped(&self, image: &Image) -> Vec<u8> {
        let side = image.width.min(image.height);
        let (left, top) = ((image.width - side) / 2, (image.height - side) / 2);
        let middle = Crop([left, top, side, side].map(|x| x as u32));
        self.resized(image, middle, self.size, self.size)
    }

    fn letterboxed(&self, image: &Image) -> Vec<u8> {
        let longest = image.width.max(image.height);
        let fit = |side: usize| ((side * self.size + longest / 2) / longest).max(1);
        let (width, height) = (fit(image.width), fit(image.height));
        let inner = self.resized(image, Crop::whole(image), width, height);
        let bars = self.mean.map(|x| x.round().clamp(0.0, 255.0) as u8);
        let mut square: Vec<u8> = bars.repeat(self.size * self.size);
        let (left, top) = ((self.size - width) / 2, (self.size - height) / 2);
        for (y, row) in inner.chunks_exact(width * 3).enumerate() {
            let start = ((top + y) * self.size + left) * 3;
            square[start..start + row.len()].copy_from_slice(row);
        }
        square
    }
}

/// The same images, `[n, 3, h, w]`, left and right exchanged; of a view, a view.
fn mirror_images<'a>(images: &CowArray<'a, f32, Ix4>) -> CowArray<'a, f32, Ix4> {
    images.clone().slice_move(s![.., .., .., ..;-1])
}

/// The middle of images, `[n, 3, h, w]`, enlarged to their size, bilinearly.
fn enlarged(images: ArrayView4<'_, f32>, center_zoom: f32) -> Array4<f32> {
    let [rows, columns] = [2, 3].map(|axis| places(images.len_of(Axis(axis)), center_zoom));
    let between = |a: f32, b: f32, share: f32| a * (1.0 - share) + b * share;
    Array4::from_shape_fn(images.raw_dim(), |(n, channel, y, x)| {
        let ((top, bottom, down), (left, right, along)) = (rows[y], columns[x]);
        let row = |y| between(images[[n, channel, y, left]], images[[n, channel, y, right]], along);
        between(row(top), row(bottom), down)
    })
}

/// Of each of the pixels of a side, when the side's middle is enlarged: the two pixels that it lies
/// between, and how far it is from the first.
fn places(side: usize, center_zoom: f32) -> Vec<(usize, usize, f32)> {
    let middle = (side as f32 - 1.0) / 2.0;
    let place = |i| {
        let at = middle + (i as f32 - middle) / center_zoom;
        (at as usize, (at as usize + 1).min(side - 1), at.fract())
    };
    (0..side).map(place).collect()
}

impl From<Filter> for ResizeAlg {
    fn from(filter: Filter) -> Self {
        match filter {
            Filter::Nearest => Self::Nearest,
            Filter::Bilinear => Self::Convolution(FilterType::Bilinear),
            Filter::CatmullRom => Self::Convolution(FilterType::CatmullRom),
            Filter::Lanczos3 => Self::Convolution(FilterType::Lanczos3),
        }
    }
}

/// Left, top, width, height: a part of an image.
#[derive(Debug, Clone, Copy)]
struct Crop([u32; 4]);

impl Crop {
    fn whole(image: &Image) -> Self {
        Self([0, 0, image.width as u32, image.height as u32])
    }
}

fn check_image(image: &Image) -> Result<(), PreprocessError> {
    let (width, height, got) = (image.width, image.height, image.rgb.len());
    let expected = width.saturating_mul(height).saturating_mul(3);
    let fits = u32::try_from(width).is_ok() && u32::try_from(height).is_ok();
    if got == expected && expected > 0 && fits {
        return Ok(());
    }
    Err(PreprocessError::Image { width, height, expected, got })
}
