//! The size of a file by its header, and whether the file is long enough to hold the image.
//!
//! A file that is too large is refused for that reason first, even if the rest of it is missing.

use super::error::{CUT, ImageError};
use super::limits::{ImageLimits, MAX_SIDE};
use super::size::ImageSize;
use super::{bmp, gif, png, tiff, webp};

pub(super) fn png(bytes: &[u8], limits: &ImageLimits) -> Result<ImageSize, ImageError> {
    let (width, height) = png::size(bytes).map_err(damaged("PNG"))?;
    let size = size_within(width, height, limits)?;
    long_enough(size, "PNG", png::holds(bytes, size.decoded_pixels))
}

pub(super) fn webp(bytes: &[u8], limits: &ImageLimits) -> Result<ImageSize, ImageError> {
    let (width, height) = webp::size(bytes).map_err(damaged("WebP"))?;
    let size = size_within(width, height, limits)?;
    long_enough(size, "WebP", webp::holds(bytes, (width, height)))
}

pub(super) fn bmp(bytes: &[u8], limits: &ImageLimits) -> Result<ImageSize, ImageError> {
    let (width, height) = bmp::size(bytes)?;
    let size = size_within(width, height, limits)?;
    long_enough(size, "BMP", bmp::holds(bytes, width, height))
}

pub(super) fn tiff(bytes: &[u8], limits: &ImageLimits) -> Result<ImageSize, ImageError> {
    let header = tiff::inspect(bytes)?;
    let size = size_within(header.width, header.height, limits)?;
    long_enough(size, "TIFF", header.fits(bytes.len()))
}

pub(super) fn gif(bytes: &[u8], limits: &ImageLimits) -> Result<ImageSize, ImageError> {
    let (width, height) = gif::size(bytes).map_err(damaged("GIF"))?;
    let size = size_within(width, height, limits)?;
    long_enough(size, "GIF", gif::holds_first_frame(bytes).map_err(damaged("GIF"))?)
}

fn size_within(width: u32, height: u32, limits: &ImageLimits) -> Result<ImageSize, ImageError> {
    check_pixels(width, height, limits)?;
    let pixels = u64::from(width) * u64::from(height);
    let (width, height) = (width as usize, height as usize);
    Ok(ImageSize { width, height, decoded_pixels: pixels, cost: pixels })
}

fn long_enough(
    size: ImageSize,
    format: &'static str,
    is_long_enough: bool,
) -> Result<ImageSize, ImageError> {
    if is_long_enough { Ok(size) } else { Err(damaged(format)(CUT)) }
}

pub(super) fn check_pixels(
    width: u32,
    height: u32,
    limits: &ImageLimits,
) -> Result<(), ImageError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.max_pixels || width.max(height) > MAX_SIDE {
        return Err(ImageError::TooManyPixels { width, height, limit: limits.max_pixels });
    }
    Ok(())
}

pub(super) fn damaged(format: &'static str) -> impl Fn(&'static str) -> ImageError {
    move |reason| ImageError::Broken { format, reason: reason.to_owned() }
}
