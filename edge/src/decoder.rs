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
//! println!("{} pixels to decode", decoder.cost(&file)?);
//! let image = decoder.decode(&file)?;
//! let size = bundle.manifest.preprocess.size;
//! assert_eq!(image.input.shape(), [3, size, size]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::time::{Duration, Instant};

use models::bundle::Manifest;
use models::image::{self, Detail, Image, ImageError, ImageLimits, Warning};
use models::preprocess::{Preprocess, PreprocessError};
use ndarray::Array3;
use sha2::{Digest, Sha256};

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
    /// What was unusual about the image.
    pub warnings: Vec<Warning>,
    /// `decode` and `preprocess`; `embed` is zero.
    pub timing: Timing,
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

    /// The work of decoding a file, in pixels of an ordinary image; from its header, in
    /// microseconds.
    ///
    /// # Errors
    /// [`DecodeError::Image`] for a file that [`Self::decode`] refuses by its header.
    pub fn cost(&self, bytes: &[u8]) -> Result<u64, DecodeError> {
        Ok(image::inspect(bytes, &self.limits, self.detail())?.cost)
    }

    /// Decodes and preprocesses one image file.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(&self, bytes: &[u8]) -> Result<DecodedImage, DecodeError> {
        let start = Instant::now();
        let image = image::decode(bytes, &self.limits, self.detail())?;
        let decode = start.elapsed();
        let input = self.prepare(&image)?;
        let preprocess = start.elapsed().saturating_sub(decode);
        let timing = Timing { decode, preprocess, embed: Duration::ZERO };
        // Of the file, not of the pixels: by this hash a class has each file once.
        let sha256 = Sha256::digest(bytes).into();
        Ok(DecodedImage { input, sha256, warnings: image.warnings, timing })
    }

    /// Preprocesses an image that is decoded already: `[3, h, w]`, normalized.
    ///
    /// # Errors
    /// [`DecodeError::Preprocess`].
    pub fn prepare(&self, image: &Image) -> Result<Array3<f32>, DecodeError> {
        Ok(self.preprocess.apply(image)?)
    }
}
