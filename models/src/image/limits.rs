//! The largest image that is read, the memory that decoding may take, and the detail that is
//! needed.

/// The longest side of an image, in pixels (JPEG cannot express more).
pub const MAX_SIDE: u32 = 65_535;

/// The most bytes that a decoder may hold beside the pixels: rows, chunks, profiles.
pub(super) const MAX_SCRATCH: u64 = 64 << 20;

/// The most bytes that decoding takes for each pixel: 16 bits and alpha, and RGB.
pub(super) const BYTES_PER_PIXEL: u64 = 12;

/// The largest image that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Most bytes of the file.
    pub max_bytes: usize,
    /// Most pixels, width times height.
    pub max_pixels: u64,
}

impl Default for ImageLimits {
    /// 128 MiB, as many as an uncompressed image may have, and 40 megapixels.
    fn default() -> Self {
        Self { max_bytes: 128 << 20, max_pixels: 40_000_000 }
    }
}

/// How many of an image's pixels are needed.
///
/// Training, evaluation and devices must decode alike: they take what
/// [`Preprocess::detail`](crate::preprocess::Preprocess::detail) gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// All that the limits allow.
    #[default]
    Full,
    /// A JPEG file is decoded at a half, a quarter or an eighth of its size while its shorter side
    /// has at least this number of pixels. That takes a fraction of the time and memory.
    ShorterSide(usize),
}
