//! A check of the first image of a TIFF file (TIFF 6.0).
//!
//! The decoder reads some kinds of samples as other values than a viewer shows, and reads others
//! not at all. So what cannot be read is named here, before anything is allocated.

use super::error::{CUT, ImageError};
use super::expansion::{DEFLATE, PACK_BITS, lzw_holds};
use super::format::{CAMERA_RAW, RAW};

/// What is known about a file before it is decoded.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Whether other images follow the first.
    pub(super) has_more: bool,
    compression: u32,
    /// Of a pixel.
    bits: u64,
}

impl Header {
    /// Whether this number of bytes can hold the image.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let pixels = u64::from(self.width) * u64::from(self.height);
        let decoded = pixels.saturating_mul(self.bits) / 8;
        match self.compression {
            // The fax codes: a row that is like the one before takes one bit.
            2..=4 => 8 * bytes >= u64::from(self.height),
            5 => lzw_holds(bytes, decoded),
            8 | 32_946 => bytes * DEFLATE >= decoded,
            32_773 => bytes * PACK_BITS >= decoded,
            _ => bytes >= decoded,
        }
    }
}

/// Reads the list of tags of the first image.
pub(super) fn inspect(bytes: &[u8]) -> Result<Header, ImageError> {
    let file = File { bytes, is_big_endian: bytes.starts_with(b"MM") };
    let tags = file.tags().ok_or_else(|| damaged(CUT))?;
    let header = Header {
        width: tags.first(256).ok_or_else(|| damaged("it has no width"))?,
        height: tags.first(257).ok_or_else(|| damaged("it has no height"))?,
        has_more: tags.next != 0,
        compression: tags.first(259).unwrap_or(1),
        bits: u64::from(tags.first(258).unwrap_or(1)) * u64::from(tags.first(277).unwrap_or(1)),
    };
    match unsupported(&tags, file.is_raw(&tags)) {
        Some((what, hint)) => Err(ImageError::Unsupported { what, hint }),
        None => Ok(header),
    }
}

const SAVE: &str = "save it as a gray or RGB TIFF of 8 or 16 bits, or as PNG";

/// The kind of a file that cannot be read, and what to do.
fn unsupported(tags: &Tags<'_>, is_raw: bool) -> Option<(&'static str, &'static str)> {
    let photometric = tags.first(262).unwrap_or(1);
    let bits = tags.first(258).unwrap_or(1);
    let what = match tags.first(259).unwrap_or(1) {
        _ if is_raw || matches!(photometric, 32_803 | 34_892) => return Some((RAW, CAMERA_RAW)),
        _ if tags.first(266).unwrap_or(1) != 1 => Some("a TIFF with reversed bits (fill order 2)"),
        1 | 2 | 3 | 4 | 5 | 8 | 32_773 | 32_946 => None,
        6 | 7 => Some("a TIFF with JPEG compression"),
        50_000 => Some("a TIFF with Zstandard compression"),
        50_001 => Some("a TIFF with WebP compression"),
        34_712 => Some("a TIFF with JPEG 2000 compression"),
        _ => Some("a TIFF with a rare compression"),
    };
    let what = what.or(match tags.first(339).unwrap_or(1) {
        2 => Some("a TIFF of signed numbers"),
        3 => Some("a TIFF of floating-point numbers"),
        5 | 6 => Some("a TIFF of complex numbers"),
        _ => None,
    });
    let what = what.or(match photometric {
        0 | 1 if !matches!(bits, 1 | 8 | 16) => Some("a gray TIFF of other than 1, 8 or 16 bits"),
        0..=2 | 5 if bits == 1 || matches!(bits, 8 | 16) => None,
        2 | 5 => Some("a color TIFF of other than 8 or 16 bits"),
        3 => Some("a TIFF with a palette"),
        6 => Some("a TIFF in YCbCr"),
        8..=10 => Some("a TIFF in CIE L*a*b*"),
        _ => Some("a TIFF of a rare kind"),
    });
    what.map(|what| (what, SAVE))
}

fn damaged(reason: &str) -> ImageError {
    ImageError::Broken { format: "TIFF", reason: reason.to_owned() }
}

struct File<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
}

/// The tags of an image.
struct Tags<'a> {
    file: &'a File<'a>,
    /// Where they are, twelve bytes each.
    start: usize,
    n: usize,
    /// Where the next image's tags are; 0 without one.
    next: u32,
}

impl File<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn tags(&self) -> Option<Tags<'_>> {
        let at = self.u32(4)? as usize;
        let n = usize::from(self.u16(at)?);
        self.bytes.get(at + 2..at + 2 + 12 * n)?;
        // Some writers leave out the pointer behind the last image.
        let next = self.u32(at + 2 + 12 * n).unwrap_or(0);
        Some(Tags { file: self, start: at + 2, n, next })
    }

    /// Whether it is a camera's raw file, whose first image is a small preview.
    fn is_raw(&self, tags: &Tags<'_>) -> bool {
        let is_canon = self.bytes.get(8..10) == Some(b"CR");
        let is_dng = tags.first(50_706).is_some();
        let is_preview = tags.first(254).is_some_and(|kind| kind & 1 == 1);
        is_canon || is_dng || (is_preview && tags.first(330).is_some())
    }
}

impl Tags<'_> {
    /// The first value of a tag of whole numbers.
    fn first(&self, tag: u16) -> Option<u32> {
        let mut places = (0..self.n).map(|i| self.start + 12 * i);
        let at = places.find(|&at| self.file.u16(at) == Some(tag))?;
        let count = self.file.u32(at + 4)?;
        match self.file.u16(at + 2)? {
            // Up to four bytes stand in the entry itself, otherwise it has their place.
            1 if count <= 4 => self.file.bytes.get(at + 8).copied().map(u32::from),
            3 if count <= 2 => self.file.u16(at + 8).map(u32::from),
            3 => self.file.u16(self.file.u32(at + 8)? as usize).map(u32::from),
            4 if count <= 1 => self.file.u32(at + 8),
            4 => self.file.u32(self.file.u32(at + 8)? as usize),
            _ => Some(0),
        }
    }
}
