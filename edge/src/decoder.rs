//! From the bytes of an image file to the input of the network: limits, decoding, preprocessing.
//!
//! Decoding needs no engine, so it can run on other threads than the one that embeds.
//!
//! # Examples
//! ```no_run
//! use edge::decoder::ImageDecoder;
//! use models::bundle::{Bundle, BundleLimits};
//!
//! let bundle = Bundle::open("bundles/efficientnet-lite0".as_ref(), &BundleLimits::default())?;
//! let decoder = ImageDecoder::new(&bundle.manifest);
//! let file = std::fs::read("mug.jpg")?;
//! println!("{} pixels to decode", decoder.cost(&file, None)?);
//! let image = decoder.decode(&file, None)?;
//! let size = bundle.manifest.preprocess.size;
//! assert_eq!(image.input.shape(), [3, size, size]);
//! assert!(image.kept.is_none(), "`decode_to_keep` keeps something of it");
//!
//! // The left half, enlarged to the size that the network reads.
//! let half = decoder.decode(&file, Some("0,0,0.5,1".parse()?))?;
//! assert_eq!(half.input.shape(), image.input.shape());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::mem;
use std::time::{Duration, Instant};

use models::bundle::Manifest;
use models::image::{self, Crop, Cropped, Detail, Image, ImageError, ImageLimits, Region, Warning};
use models::preprocess::{Geometry, Preprocess, PreprocessError};
use ndarray::Array3;
use sha2::{Digest, Sha256};

use crate::gallery::KeepImages;
use crate::quality::{self, Finding};

/// The longer side of a thumbnail that is kept, in pixels.
const THUMBNAIL_SIDE: usize = 256;

/// Its quality as a JPEG, of 100.
const THUMBNAIL_QUALITY: u8 = 85;

/// The detail that a thumbnail is made of.
const THUMBNAIL_DETAIL: Detail = Detail::ShorterSide(THUMBNAIL_SIDE);

/// Decodes image files for the network of a bundle; cheap to clone, shared between threads.
#[derive(Debug, Clone)]
pub struct ImageDecoder {
    preprocess: Preprocess,
    limits: ImageLimits,
}

/// An image that is ready for the network.
#[derive(Debug, Clone)]
pub struct DecodedImage {
    /// `[3, h, w]`, normalized.
    pub input: Array3<f32>,
    /// SHA-256 of the bytes of the file.
    pub sha256: [u8; 32],
    /// The part of the image that it shows; `None` for all of it.
    pub crop: Option<Region>,
    /// What is kept of the image if it is enrolled: the bytes of an image file.
    pub kept: Option<Vec<u8>>,
    /// What was unusual about the image.
    pub warnings: Vec<Warning>,
    /// What may be wrong with it by itself; only of an image that is decoded to be enrolled.
    pub quality: Vec<Finding>,
    /// `decode` and `preprocess`; `embed` is zero.
    pub timing: Timing,
}

impl DecodedImage {
    /// Takes the input away, as values row after row, for an engine on another thread.
    #[must_use]
    pub fn take_input(&mut self) -> Vec<f32> {
        let input = mem::take(&mut self.input);
        if !input.is_standard_layout() {
            return input.into_iter().collect();
        }
        let length = input.len();
        let (mut values, offset) = input.into_raw_vec_and_offset();
        // An array that was cut out of a larger one still has the memory of the larger one.
        let start = offset.unwrap_or(0);
        values.truncate(start + length);
        values.drain(..start);
        values
    }
}

/// The time spent on one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Bytes to pixels.
    pub decode: Duration,
    /// Pixels to the input of the network.
    pub preprocess: Duration,
    /// The network.
    pub embed: Duration,
}

/// Why the bytes of a file do not become an input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not an image that can be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image cannot become the input of the network.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
}

impl ImageDecoder {
    /// A decoder for the network of a bundle, with the default limits.
    #[must_use]
    pub fn new(manifest: &Manifest) -> Self {
        Self { preprocess: manifest.preprocess.clone(), limits: ImageLimits::default() }
    }

    /// The same with other limits for images.
    #[must_use]
    pub fn with_limits(self, limits: ImageLimits) -> Self {
        Self { limits, ..self }
    }

    /// The limits for images.
    #[must_use]
    pub fn limits(&self) -> &ImageLimits {
        &self.limits
    }

    /// The detail that files are decoded in: what the network's preprocessing needs.
    #[must_use]
    pub fn detail(&self) -> Detail {
        self.preprocess.detail()
    }

    /// The work of decoding a file, or a part of it, in pixels of an ordinary image; from its
    /// header, in microseconds. A small part of a JPEG file costs more than the whole, because it
    /// is decoded with more detail.
    ///
    /// # Errors
    /// [`DecodeError::Image`] for a file that [`Self::decode`] refuses by its header.
    pub fn cost(&self, bytes: &[u8], crop: Option<Crop>) -> Result<u64, DecodeError> {
        Ok(image::inspect_cropped(bytes, &self.limits, self.detail(), crop)?.cost)
    }

    /// The same, for [`Self::decode_to_keep`].
    ///
    /// # Errors
    /// Those of [`Self::cost`].
    pub fn cost_to_keep(
        &self,
        bytes: &[u8],
        keep: KeepImages,
        crop: Option<Crop>,
    ) -> Result<u64, DecodeError> {
        let cost = self.cost(bytes, crop)?;
        let again = match keep {
            KeepImages::Thumb => self.cost_of_more_detail(bytes, crop).unwrap_or_default(),
            KeepImages::Original | KeepImages::Off => 0,
        };
        Ok(cost + again)
    }

    /// The pixels that are in memory while a file, or a part of it, is decoded to be embedded; from
    /// its header. `None` for a file that [`Self::decode`] refuses by its header.
    #[must_use]
    pub fn decoded_pixels(&self, bytes: &[u8], crop: Option<Crop>) -> Option<u64> {
        let size = image::inspect_cropped(bytes, &self.limits, self.detail(), crop);
        Some(size.ok()?.decoded_pixels)
    }

    /// Decodes and preprocesses one image file, or a part of it, to classify it: nothing is kept of
    /// it, and its quality is not measured.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(&self, bytes: &[u8], crop: Option<Crop>) -> Result<DecodedImage, DecodeError> {
        let start = Instant::now();
        let Cropped { image, region } = self.decode_part(bytes, self.detail(), crop)?;
        let decode = start.elapsed();
        let input = self.prepare(&image)?;
        let preprocess = start.elapsed().saturating_sub(decode);
        Ok(DecodedImage {
            input,
            sha256: Sha256::digest(bytes).into(),
            crop: region,
            kept: None,
            warnings: image.warnings,
            quality: Vec::new(),
            timing: Timing { decode, preprocess, embed: Duration::ZERO },
        })
    }

    /// Decodes and preprocesses one image file that may be enrolled, or a part of it: with what may
    /// be wrong with it, and with what is kept of it, a JPEG of at most 256 pixels a side without
    /// the metadata of the file, or a copy of the bytes. The JPEG shows the part only.
    ///
    /// The input is the same whatever is kept. `timing` is that of the input.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_to_keep(
        &self,
        bytes: &[u8],
        keep: KeepImages,
        crop: Option<Crop>,
    ) -> Result<DecodedImage, DecodeError> {
        let start = Instant::now();
        let Cropped { image, region } = self.decode_part(bytes, self.detail(), crop)?;
        let decode = start.elapsed();
        let square = self.preprocess.resize(&image)?;
        let input = self.preprocess.tensor(&square);
        let preprocess = start.elapsed().saturating_sub(decode);
        let timing = Timing { decode, preprocess, embed: Duration::ZERO };
        let quality = self.quality(&image, &square)?;
        let kept = match keep {
            KeepImages::Thumb => Some(self.thumbnail(bytes, crop, &image)?),
            KeepImages::Original => Some(bytes.to_vec()),
            KeepImages::Off => None,
        };
        // Of the file, not of the pixels: by this hash and the crop a class has each image once.
        let sha256 = Sha256::digest(bytes).into();
        let warnings = image.warnings;
        Ok(DecodedImage { input, sha256, crop: region, kept, warnings, quality, timing })
    }

    fn decode_part(
        &self,
        bytes: &[u8],
        detail: Detail,
        crop: Option<Crop>,
    ) -> Result<Cropped, ImageError> {
        image::decode_cropped(bytes, &self.limits, detail, crop)
    }

    /// What may be wrong with an image that the network reads as this square.
    fn quality(&self, image: &Image, square: &[u8]) -> Result<Vec<Finding>, DecodeError> {
        let size = self.preprocess.size;
        if self.preprocess.geometry != Geometry::Letterbox {
            return Ok(quality::of_image(image, square, size));
        }
        // The bars of a letterbox would hide that an image is dark or shows nothing.
        let squash = Preprocess { geometry: Geometry::Squash, ..self.preprocess.clone() };
        Ok(quality::of_image(image, &squash.resize(image)?, size))
    }

    /// A thumbnail of a file, or of a part of it; `image` is what it was decoded to for the
    /// network.
    fn thumbnail(
        &self,
        bytes: &[u8],
        crop: Option<Crop>,
        image: &Image,
    ) -> Result<Vec<u8>, DecodeError> {
        // Decoded again, not once with more detail: a small network that was given other pixels for
        // images that are kept would give them other embeddings than the same images have later.
        let finer = self
            .cost_of_more_detail(bytes, crop)
            // What can be classified can be enrolled: without more detail, the network's is kept.
            .and_then(|_| self.decode_part(bytes, THUMBNAIL_DETAIL, crop).ok());
        let source = finer.as_ref().map_or(image, |finer| &finer.image);
        Ok(image::thumbnail(source, THUMBNAIL_SIDE, THUMBNAIL_QUALITY)?)
    }

    /// The work of decoding a file with the detail of a thumbnail; `None` if the network
    /// needs as much of it, as every network of 128 pixels a side or more does.
    fn cost_of_more_detail(&self, bytes: &[u8], crop: Option<Crop>) -> Option<u64> {
        let [seen, needed] = [self.detail(), THUMBNAIL_DETAIL]
            .map(|detail| image::inspect_cropped(bytes, &self.limits, detail, crop).ok());
        let [seen, needed] = [seen?, needed?];
        (needed.decoded_pixels > seen.decoded_pixels).then_some(needed.cost)
    }

    /// Preprocesses an image that is decoded already: `[3, h, w]`, normalized.
    ///
    /// # Errors
    /// [`DecodeError::Preprocess`].
    pub fn prepare(&self, image: &Image) -> Result<Array3<f32>, DecodeError> {
        Ok(self.preprocess.apply(image)?)
    }
}
