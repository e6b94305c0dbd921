//! What the header of a file gives: its size, and the cost of decoding it.

/// The size of an image file, known before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    /// Width in pixels, as stored: [`decode`](super::decode) may turn the image.
    pub width: usize,
    /// Height in pixels, as stored.
    pub height: usize,
    /// Pixels that [`decode`](super::decode) makes: fewer than width times height if it decodes
    /// at reduced size.
    pub decoded_pixels: u64,
    /// The work of decoding, in pixels of an ordinary image: the pixels that are made and, at
    /// reduced size, reading the coded data of all others.
    pub cost: u64,
}
