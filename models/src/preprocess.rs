//! From RGB8 pixels to the input of a backbone: the only module that resizes or normalizes the
//! input of a network.
//!
//! The recipe is a value. It is saved in the checkpoint and in the bundle, so training and the
//! device prepare images in the same way.

use std::array;
use std::ops::Not;

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use ndarray::{Array3, Array4, ArrayView4, Axis, CowArray, Ix4, s};
use serde::{Deserialize, Serialize};

use crate::fault::{Blame, Fault};
use crate::image::{Detail, Image};

/// The largest side that a recipe may ask for, in pixels.
pub const MAX_SIZE: usize = 2048;

/// How an image becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Geometry {
    /// The largest square in the middle.
    CenterCrop,
    /// The whole image, stretched to a square.
    Squash,
    /// The whole image in its proportions, with bars in the mean color.
    Letterbox,
}

/// How pixels are interpolated. All but `Nearest` average over source pixels when they reduce.
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
    /// Subtracted from each channel (red, green, blue), on the scale 0..=255.
    pub mean: [f32; 3],
    /// The divisor of each channel after that, on the same scale.
    pub std: [f32; 3],
    /// Whether the flipped image is embedded too, and the mean of both embeddings is used. That is
    /// more accurate (test-time augmentation), for twice the work. See [`Preprocess::views`].
    // The id of an embedding space hashes this recipe. A field that is not used is left out, so
    // that adding one to this type does not change existing ids.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub hflip: bool,
    /// If given, the center, enlarged by this factor, is embedded too, for twice the work. It shows
    /// objects in the larger size that a network knows from training on scaled crops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center_zoom: Option<f32>,
    /// If given, a center crop takes only this share of the side of the largest square: 0.875 is
    /// what other programs call "resize to 256, crop 224".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop_share: Option<f32>,
    /// Whether the network reads blue, green and red, in this order. `mean` and `std` keep theirs.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub bgr: bool,
}

/// The largest factor for the center.
const MAX_CENTER_ZOOM: f32 = 4.0;

/// The smallest share of a side that a crop may take.
const MIN_CROP_SHARE: f32 = 0.1;

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
    /// The center cannot be enlarged by this factor.
    #[error(
        "preprocessing with center_zoom {got}; expected more than 1 and at most {MAX_CENTER_ZOOM}"
    )]
    CenterZoom {
        /// The recipe's `center_zoom`.
        got: f32,
    },
    /// The crop cannot be cut out.
    #[error(
        "preprocessing with crop_share {got}; expected {MIN_CROP_SHARE} to 1, and the geometry center_crop"
    )]
    CropShare {
        /// The recipe's `crop_share`.
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
            crop_share: None,
            bgr: false,
        }
    }

    /// Checks the recipe itself, for instance after it was read from a file.
    ///
    /// # Errors
    /// A size outside 1..=[`MAX_SIZE`], a mean that is not finite, a std that is not finite and
    /// above 0, a zoom that does not enlarge, a crop that is not a part of the largest square.
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
        match self.crop_share.filter(|share| !self.takes_crop(*share)) {
            Some(got) => Err(PreprocessError::CropShare { got }),
            None => Ok(()),
        }
    }

    fn takes_crop(&self, share: f32) -> bool {
        (MIN_CROP_SHARE..=1.0).contains(&share) && self.geometry == Geometry::CenterCrop
    }

    /// The detail that an image file must be decoded in, for this recipe.
    ///
    /// Twice the side of the square: resizing then still averages over the pixels that decoding at
    /// reduced size gives. Measured against embeddings of all pixels, the mean cosine is 0.998
    /// and the least 0.991 (330 photographs, noise added, both bundles).
    pub fn detail(&self) -> Detail {
        match self.filter {
            // Picks single pixels, which reduction would average.
            Filter::Nearest => Detail::Full,
            // A crop needs more of the whole image, to have the same detail.
            _ => {
                let whole = self.size as f32 / self.crop_share.unwrap_or(1.0);
                Detail::ShorterSide(2 * whole.ceil() as usize)
            }
        }
    }

    /// How many passes through the network an embedding takes: one for each of its
    /// [views](Self::views).
    pub fn passes(&self) -> u64 {
        let flips = if self.hflip { 2 } else { 1 };
        let zooms = if self.center_zoom.is_some() { 2 } else { 1 };
        flips * zooms
    }

    /// The views of the images `[n, 3, h, w]`: as they are, flipped, and both with the center
    /// enlarged. An embedding is the mean over the views.
    pub fn views<'a>(&self, images: ArrayView4<'a, f32>) -> Vec<CowArray<'a, f32, Ix4>> {
        let mut views = vec![CowArray::from(images)];
        views.extend(
            self.center_zoom.map(|center_zoom| CowArray::from(enlarged(images, center_zoom))),
        );
        // After the zoom, so that the enlarged center is flipped as well.
        if self.hflip {
            let mirrored: Vec<_> = views.iter().map(mirror_images).collect();
            views.extend(mirrored);
        }
        views
    }

    /// The image as a square: `size * size * 3` bytes, rows of RGB pixels.
    ///
    /// An image that already is `size` x `size` passes bit for bit, unless a share is cut out.
    ///
    /// # Errors
    /// A recipe that fails [`Preprocess::check`], an image without pixels.
    pub fn resize(&self, image: &Image) -> Result<Vec<u8>, PreprocessError> {
        self.check()?;
        check_image(image)?;
        if (image.width, image.height) == (self.size, self.size) && self.crop_share.is_none() {
            return Ok(image.rgb.clone());
        }
        Ok(match self.geometry {
            Geometry::CenterCrop => self.center_cropped(image),
            Geometry::Squash => self.resized(image, Crop::whole(image), self.size, self.size),
            Geometry::Letterbox => self.letterboxed(image),
        })
    }

    /// Normalizes `rgb` (`[size, size, 3]`) into `out` (`[3, size, size]`): `(value - mean) / std`
    /// per channel, in the order that the network reads.
    ///
    /// Both must have `3 * size * size` values; values without a counterpart are left out.
    pub fn normalize(&self, rgb: &[u8], out: &mut [f32]) {
        // Chunks of 0 would panic, and the recipe may not have been checked.
        let plane = (self.size * self.size).max(1);
        for (place, plane) in out.chunks_exact_mut(plane).take(3).enumerate() {
            let channel = if self.bgr { 2 - place } else { place };
            let mean = self.mean[channel];
            let std = self.std[channel];
            // A division for each of 256 bytes, and not for each of 150,000 values.
            let normalized: [f32; 256] = array::from_fn(|byte| (byte as f32 - mean) / std);
            for (value, pixel) in plane.iter_mut().zip(rgb.chunks_exact(3)) {
                *value = normalized[usize::from(pixel[channel])];
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
        Ok(self.tensor(&self.resize(image)?))
    }

    /// [`Preprocess::normalize`] into a new tensor `[3, size, size]`; `square` is what
    /// [`Preprocess::resize`] gives. Bytes that it lacks count as 0 after normalization, and those
    /// that it has more are left out.
    pub fn tensor(&self, square: &[u8]) -> Array3<f32> {
        let mut tensor = Array3::zeros((3, self.size, self.size));
        let values = tensor.as_slice_mut().expect("invariant: a new array is contiguous");
        self.normalize(square, values);
        tensor
    }

    fn resized(&self, image: &Image, crop: Crop, width: usize, height: usize) -> Vec<u8> {
        // Typed images: the untyped call would compile every filter for every pixel type, which
        // took two minutes.
        let whole =
            TypedImageRef::<U8x3>::from_buffer(image.width as u32, image.height as u32, &image.rgb)
                .expect("invariant: the image was checked");
        // Cropped before it is resized: a filter must not reach over the edge into what is cut off.
        let [left, top, crop_width, crop_height] = crop.0;
        let source = TypedCroppedImage::from_ref(&whole, left, top, crop_width, crop_height)
            .expect("invariant: the crop is inside");
        let mut square = TypedImage::<U8x3>::new(width as u32, height as u32);
        let options = ResizeOptions::new().resize_alg(self.filter.into());
        Resizer::new()
            .resize_typed(&source, &mut square, &options)
            .expect("invariant: neither image is empty");
        let mut rgb = Vec::with_capacity(width * height * 3);
        square.pixels().iter().for_each(|pixel| rgb.extend_from_slice(&pixel.0));
        rgb
    }

    fn center_cropped(&self, image: &Image) -> Vec<u8> {
        let largest = image.width.min(image.height);
        let share = self.crop_share.unwrap_or(1.0);
        let side = ((largest as f32 * share).round() as usize).clamp(1, largest);
        let left = (image.width - side) / 2;
        let top = (image.height - side) / 2;
        let middle = Crop([left, top, side, side].map(|x| x as u32));
        self.resized(image, middle, self.size, self.size)
    }

    fn letterboxed(&self, image: &Image) -> Vec<u8> {
        let longest = image.width.max(image.height);
        // Rounded to the nearest pixel. The short side of a very long image keeps at least one.
        let [width, height] = [image.width, image.height]
            .map(|side| ((side * self.size + longest / 2) / longest).max(1));
        let inner = self.resized(image, Crop::whole(image), width, height);
        let bars = self.mean.map(|x| x.round().clamp(0.0, 255.0) as u8);
        let mut square: Vec<u8> = bars.repeat(self.size * self.size);
        let left = (self.size - width) / 2;
        let top = (self.size - height) / 2;
        for (y, row) in inner.chunks_exact(width * 3).enumerate() {
            let start = ((top + y) * self.size + left) * 3;
            square[start..start + row.len()].copy_from_slice(row);
        }
        square
    }
}

/// The images, `[n, 3, h, w]`, with left and right exchanged. A borrowed array stays borrowed.
fn mirror_images<'a>(images: &CowArray<'a, f32, Ix4>) -> CowArray<'a, f32, Ix4> {
    images.clone().slice_move(s![.., .., .., ..;-1])
}

/// The center of images, `[n, 3, h, w]`, enlarged to their size, bilinearly.
fn enlarged(images: ArrayView4<'_, f32>, center_zoom: f32) -> Array4<f32> {
    // All images and channels share the places along a side.
    let [rows, columns] = [2, 3].map(|axis| Place::all(images.len_of(Axis(axis)), center_zoom));
    Array4::from_shape_fn(images.raw_dim(), |(n, channel, y, x)| {
        rows[y].mix(|row| columns[x].mix(|column| images[[n, channel, row, column]]))
    })
}

/// Where a pixel of an enlarged side comes from: between two pixels of the original.
struct Place {
    first: usize,
    second: usize,
    /// The distance from the first, 0 to 1.
    share: f32,
}

impl Place {
    /// The places of all pixels of a side whose center is enlarged.
    fn all(side: usize, center_zoom: f32) -> Vec<Self> {
        (0..side).map(|pixel| Self::of(pixel, side, center_zoom)).collect()
    }

    fn of(pixel: usize, side: usize, center_zoom: f32) -> Self {
        let middle = (side as f32 - 1.0) / 2.0;
        let at = middle + (pixel as f32 - middle) / center_zoom;
        // At the edge there is no next pixel: on a side of one pixel, or after rounding.
        Self { first: at as usize, second: (at as usize + 1).min(side - 1), share: at.fract() }
    }

    fn mix(&self, value: impl Fn(usize) -> f32) -> f32 {
        value(self.first) * (1.0 - self.share) + value(self.second) * self.share
    }
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
    let Some(expected) = image.mismatch() else { return Ok(()) };
    let Image { width, height, .. } = *image;
    Err(PreprocessError::Image { width, height, expected, got: image.rgb.len() })
}
