//! From the bytes of an image file to RGB8 pixels, within limits: JPEG, PNG, WebP, BMP, TIFF, GIF.
//!
//! The bytes may be hostile. Their size and the claimed dimensions are checked before pixels are
//! allocated, and that the file is long enough for them: every code has a limit of pixels a byte. A
//! file that ends early is refused, not filled with gray. Decoding takes at most 12 bytes per pixel
//! at a time. A JPEG file of more pixels than allowed is decoded at reduced size if that fits, and
//! one of more detail than needed ([`Detail`]) as well. [`inspect`] gives the cost of a file, in
//! pixels, before it is decoded. Of an image, a rectangle may be used ([`Crop`]).
//!
//! The EXIF orientation is applied, and alpha is blended over white. 16 bits become 8; gray and
//! CMYK become RGB. Color profiles are ignored. Of an animation the first frame is used, with a
//! warning. [`thumbnail()`] makes a small JPEG of an image, for people to look at.

mod bmp;
mod crop;
mod error;
mod expansion;
mod format;
mod gif;
mod guard;
mod header;
mod jpeg;
mod limits;
mod png;
mod size;
mod thumbnail;
mod tiff;
mod webp;

use std::error::Error;
use std::io::{Cursor, ErrorKind};

use image::ImageError as DecodeError;
use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits, RgbImage, RgbaImage};

use crop::Size;
use error::CUT;
use format::Format;
use guard::guarded;
use header::{check_pixels, damaged};
use limits::{BYTES_PER_PIXEL, MAX_SCRATCH};

pub use crop::{Crop, CropError, MIN_CROP_SIDE, Region};
pub use error::{FORMATS, ImageError};
pub use format::EXTENSIONS;
pub use guard::is_decoding;
pub use limits::{Detail, ImageLimits, MAX_SIDE};
pub use size::ImageSize;
pub use thumbnail::thumbnail;

/// A decoded image, upright.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `height` rows of `width` RGB pixels, a byte a channel.
    pub rgb: Vec<u8>,
    /// What a user should know about the way it was read.
    pub warnings: Vec<Warning>,
}

impl Image {
    /// The bytes of pixels that its size asks for, if it has others or is too large to be resized:
    /// the resizer counts pixels in u32. The fields are public, so they may not fit together.
    pub(crate) fn mismatch(&self) -> Option<usize> {
        let expected = self.width.saturating_mul(self.height).saturating_mul(3);
        let fits = u32::try_from(self.width).is_ok() && u32::try_from(self.height).is_ok();
        let is_sound = fits && expected > 0 && self.rgb.len() == expected;
        (!is_sound).then_some(expected)
    }
}

/// A decoded image that is a part of one, or the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cropped {
    /// The pixels of the part, upright.
    pub image: Image,
    /// Which part it is; `None` for the whole image.
    pub region: Option<Region>,
}

/// Something that was done differently from what a user may expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// For machines: `animated`, …
    pub code: &'static str,
    /// For people: one sentence.
    pub detail: String,
}

/// The size of an image file, by its header: no pixels are made.
///
/// It takes microseconds. Only a JPEG file without a height in its header is searched to its end.
///
/// # Errors
/// Those of [`decode`] that the header gives reason to. Damage behind it is not found.
pub fn inspect(
    bytes: &[u8],
    limits: &ImageLimits,
    detail: Detail,
) -> Result<ImageSize, ImageError> {
    inspect_cropped(bytes, limits, detail, None)
}

/// The same for [`decode_cropped`], which needs more of the detail of a JPEG file.
///
/// # Errors
/// Those of [`inspect`]; [`ImageError::Crop`] for a JPEG file without such a part.
pub fn inspect_cropped(
    bytes: &[u8],
    limits: &ImageLimits,
    detail: Detail,
    crop: Option<Crop>,
) -> Result<ImageSize, ImageError> {
    let format = format_within(bytes, limits)?;
    guarded(format, || match format {
        Format::Jpeg => jpeg::inspect(bytes, limits, detail, crop),
        Format::Png => header::png(bytes, limits),
        Format::WebP => header::webp(bytes, limits),
        Format::Bmp => header::bmp(bytes, limits),
        Format::Tiff => header::tiff(bytes, limits),
        Format::Gif => header::gif(bytes, limits),
    })
}

/// Decodes an image file.
///
/// It has the stored size unless it is a JPEG file of more pixels than allowed or more detail than
/// needed.
///
/// # Errors
/// See [`ImageError`]; every one is the file's fault, not the program's.
pub fn decode(bytes: &[u8], limits: &ImageLimits, detail: Detail) -> Result<Image, ImageError> {
    Ok(decode_cropped(bytes, limits, detail, None)?.image)
}

/// Decodes a part of an image file, or all of it.
///
/// The rectangle is one of the upright image. The detail is that of the part: a JPEG file is
/// decoded at reduced size only while the part has the pixels that are needed.
///
/// # Errors
/// Those of [`decode`]; [`ImageError::Crop`] if the image has no such part.
pub fn decode_cropped(
    bytes: &[u8],
    limits: &ImageLimits,
    detail: Detail,
    crop: Option<Crop>,
) -> Result<Cropped, ImageError> {
    let format = format_within(bytes, limits)?;
    let decoded = guarded(format, || decode_whole(format, bytes, limits, detail, crop))?;
    decoded.cropped(crop)
}

/// Decodes all of an image, of which the part will be used.
fn decode_whole(
    format: Format,
    bytes: &[u8],
    limits: &ImageLimits,
    detail: Detail,
    crop: Option<Crop>,
) -> Result<Decoded, ImageError> {
    let image = match format {
        Format::Jpeg => return decode_jpeg(bytes, limits, detail, crop),
        Format::Png => decode_png(bytes, limits),
        Format::WebP => decode_webp(bytes, limits),
        Format::Bmp => decode_bmp(bytes, limits),
        Format::Tiff => decode_tiff(bytes, limits),
        Format::Gif => decode_gif(bytes, limits),
    };
    image.map(Decoded::at_full_size)
}

/// A whole image.
struct Decoded {
    image: Image,
    /// That of the file, upright: the image may be smaller.
    size: Size,
}

impl Decoded {
    fn at_full_size(image: Image) -> Self {
        let size = (image.width, image.height);
        Self { image, size }
    }

    fn cropped(self, crop: Option<Crop>) -> Result<Cropped, ImageError> {
        let Self { image, size } = self;
        let rectangle = match crop {
            Some(crop) => crop.within(size)?,
            None => None,
        };
        let Some(rectangle) = rectangle else { return Ok(Cropped { image, region: None }) };
        let here = rectangle.scaled(size, (image.width, image.height));
        let rgb = here.cut(&image.rgb, image.width);
        let (width, height) = here.size();
        let image = Image { width, height, rgb, ..image };
        Ok(Cropped { image, region: Some(rectangle.region(size)) })
    }
}

/// Whether a file begins as one of a format that is read. Its first 12 bytes show it; nothing else
/// is checked.
#[must_use]
pub fn begins_as_image(bytes: &[u8]) -> bool {
    format::sniff(bytes).is_ok()
}

/// The format of a file that is not too large.
fn format_within(bytes: &[u8], limits: &ImageLimits) -> Result<Format, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    if bytes.len() > limits.max_bytes {
        return Err(ImageError::TooLarge { bytes: bytes.len(), limit: limits.max_bytes });
    }
    format::sniff(bytes)
}

/// Makes an image of pixels in planes, as CIFAR stores them: all red values, then green, then blue,
/// each row by row.
///
/// # Errors
/// More pixels than allowed, or other than `3 * width * height` bytes.
pub fn from_planes(
    planes: &[u8],
    width: u32,
    height: u32,
    limits: &ImageLimits,
) -> Result<Image, ImageError> {
    check_pixels(width, height, limits)?;
    let width = width as usize;
    let height = height as usize;
    let size = width * height;
    if planes.len() != 3 * size {
        let reason = format!("it has {} bytes of pixels, expected {}", planes.len(), 3 * size);
        return Err(ImageError::Broken { format: "planar", reason });
    }
    let rgb = (0..size).flat_map(|i| [planes[i], planes[size + i], planes[2 * size + i]]).collect();
    Ok(Image { width, height, rgb, warnings: Vec::new() })
}

fn decode_jpeg(
    bytes: &[u8],
    limits: &ImageLimits,
    detail: Detail,
    crop: Option<Crop>,
) -> Result<Decoded, ImageError> {
    let pixels = jpeg::decode(bytes, limits, detail, crop)?;
    let jpeg::Pixels { width, height, rgb, orientation, upright: size } = pixels;
    let rgb = RgbImage::from_raw(width as u32, height as u32, rgb)
        .expect("invariant: 3 bytes for each pixel");
    Ok(Decoded { image: upright(rgb, orientation, None), size })
}

fn decode_png(bytes: &[u8], limits: &ImageLimits) -> Result<Image, ImageError> {
    header::png(bytes, limits)?;
    decode_png_of_size(bytes, limits).map_err(|error| match (error, png::damage(bytes)) {
        (ImageError::Broken { format, .. }, Some(damage)) => damaged(format)(damage),
        (error, _) => error,
    })
}

fn decode_png_of_size(bytes: &[u8], limits: &ImageLimits) -> Result<Image, ImageError> {
    let mut scratch = Limits::no_limits();
    scratch.max_alloc = Some(MAX_SCRATCH);
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), scratch).map_err(broken("PNG"))?;
    let is_animated = decoder.is_apng().unwrap_or(false);
    finish(decoder, "PNG", is_animated.then_some(ANIMATED), limits)
}

fn decode_webp(bytes: &[u8], limits: &ImageLimits) -> Result<Image, ImageError> {
    header::webp(bytes, limits)?;
    let file = webp::checked_file(bytes).map_err(damaged("WebP"))?;
    let decoder = WebPDecoder::new(Cursor::new(file)).map_err(broken("WebP"))?;
    let is_animated = decoder.has_animation();
    finish(decoder, "WebP", is_animated.then_some(ANIMATED), limits)
}

fn decode_bmp(bytes: &[u8], limits: &ImageLimits) -> Result<Image, ImageError> {
    header::bmp(bytes, limits)?;
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(broken("BMP"))?;
    finish(decoder, "BMP", None, limits)
}

fn decode_tiff(bytes: &[u8], limits: &ImageLimits) -> Result<Image, ImageError> {
    header::tiff(bytes, limits)?;
    let has_more = tiff::inspect(bytes)?.has_more;
    let mut decoder = TiffDecoder::new(Cursor::new(bytes)).map_err(broken("TIFF"))?;
    // The decoder holds the pixels twice.
    let budget = limits.max_pixels.saturating_mul(BYTES_PER_PIXEL);
    if 2 * decoder.total_bytes() > budget {
        let limit = budget / (2 * u64::from(decoder.color_type().bytes_per_pixel()));
        let (width, height) = decoder.dimensions();
        return Err(ImageError::TooManyPixels { width, height, limit });
    }
    let mut scratch = Limits::no_limits();
    scratch.max_alloc = Some(decoder.total_bytes().saturating_add(MAX_SCRATCH));
    decoder.set_limits(scratch).map_err(broken("TIFF"))?;
    finish(decoder, "TIFF", has_more.then_some(PAGES), limits)
}

fn decode_gif(bytes: &[u8], limits: &ImageLimits) -> Result<Image, ImageError> {
    header::gif(bytes, limits)?;
    let is_animated = gif::inspect(bytes).map_err(damaged("GIF"))?;
    let decoder = GifDecoder::new(Cursor::new(bytes)).map_err(broken("GIF"))?;
    finish(decoder, "GIF", is_animated.then_some(ANIMATED), limits)
}

fn finish(
    mut decoder: impl ImageDecoder,
    format: &'static str,
    note: Option<Note>,
    limits: &ImageLimits,
) -> Result<Image, ImageError> {
    // The decoder allocates by these dimensions, whatever was read from the header before.
    let (width, height) = decoder.dimensions();
    check_pixels(width, height, limits)?;
    // A damaged EXIF block does not mean damaged pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(broken(format))?;
    Ok(upright(into_rgb(image), orientation, note))
}

// Turned as RGB8, which takes the fewest bytes.
fn upright(rgb: RgbImage, orientation: Orientation, note: Option<Note>) -> Image {
    let mut image = DynamicImage::ImageRgb8(rgb);
    image.apply_orientation(orientation);
    // A quarter turn exchanges width and height.
    Image {
        width: image.width() as usize,
        height: image.height() as usize,
        rgb: image.into_rgb8().into_raw(),
        warnings: note.map(Warning::from).into_iter().collect(),
    }
}

fn into_rgb(image: DynamicImage) -> RgbImage {
    if image.color().has_alpha() { over_white(&image.into_rgba8()) } else { image.into_rgb8() }
}

fn over_white(image: &RgbaImage) -> RgbImage {
    let mut rgb = RgbImage::new(image.width(), image.height());
    for (pixel, source) in rgb.pixels_mut().zip(image.pixels()) {
        let [red, green, blue, alpha] = source.0;
        pixel.0 = [red, green, blue].map(|value| blend(value, alpha));
    }
    rgb
}

/// A value over white, rounded to the nearest integer.
fn blend(value: u8, alpha: u8) -> u8 {
    let value = u32::from(value);
    let alpha = u32::from(alpha);
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

/// Code and text of a warning.
type Note = (&'static str, &'static str);

const ANIMATED: Note = ("animated", "the image is animated; its first frame is used");

const PAGES: Note = ("several_pages", "the file holds several images; its first one is used");

impl From<Note> for Warning {
    fn from((code, detail): Note) -> Self {
        Self { code, detail: detail.to_owned() }
    }
}

fn broken(format: &'static str) -> impl Fn(DecodeError) -> ImageError {
    move |error| match error {
        DecodeError::Unsupported(_) => ImageError::Unsupported {
            what: unread_kind(format),
            hint: "save it as an ordinary JPEG or PNG",
        },
        error => {
            let is_cut = matches!(&error, DecodeError::IoError(error)
                if error.kind() == ErrorKind::UnexpectedEof);
            let reason = if is_cut { CUT.to_owned() } else { undecodable(&error) };
            ImageError::Broken { format, reason }
        }
    }
}

/// The words of a decoder, which differ by library, as the reason of an error in one line.
fn undecodable(error: &DecodeError) -> String {
    // Its source is without the name of the format, which the error has already.
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("its data cannot be decoded ({text})")
}

/// A file of a known format that the decoder does not read, though it is whole.
fn unread_kind(format: &str) -> &'static str {
    match format {
        "PNG" => "this kind of PNG",
        "WebP" => "this kind of WebP",
        "BMP" => "this kind of BMP",
        "TIFF" => "this kind of TIFF",
        _ => "this kind of GIF",
    }
}
