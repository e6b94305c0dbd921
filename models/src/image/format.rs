//! Which format a file has, by its first bytes.
//!
//! Not by name or content type: both are often wrong. What is not read is named, with what to do.

use super::error::ImageError;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    WebP,
    Bmp,
    Tiff,
    Gif,
}

impl Format {
    /// Its name in texts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Gif => "GIF",
        }
    }
}

/// The extensions of the files that are read as images, in lower case and without the dot.
pub const EXTENSIONS: &[&str] =
    &["jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "tif", "tiff", "gif"];

/// (where, bytes, format).
const READ: &[(usize, &[u8], Format)] = &[
    (0, b"\xFF\xD8\xFF", Format::Jpeg),
    (0, b"\x89PNG\r\n\x1A\n", Format::Png),
    (8, b"WEBP", Format::WebP),
    (0, b"BM", Format::Bmp),
    (0, b"II*\0", Format::Tiff),
    (0, b"MM\0*", Format::Tiff),
    (0, b"GIF87a", Format::Gif),
    (0, b"GIF89a", Format::Gif),
];

const SAVE: &str = "save it as JPEG or PNG";

/// (where, bytes, name, what to do).
const REFUSED: &[(usize, &[u8], &str, &str)] = &[
    (4, b"ftypavif", "AVIF", SAVE),
    (4, b"ftypavis", "AVIF", SAVE),
    (4, b"ftypheic", HEIC, CAMERA),
    (4, b"ftypheix", HEIC, CAMERA),
    (4, b"ftypheim", HEIC, CAMERA),
    (4, b"ftypheis", HEIC, CAMERA),
    (4, b"ftyphevc", HEIC, CAMERA),
    (4, b"ftyphevx", HEIC, CAMERA),
    (4, b"ftypmif1", "HEIF (HEIC or AVIF)", CAMERA),
    (4, b"ftypmsf1", "HEIF (HEIC or AVIF)", CAMERA),
    (4, b"ftypcrx ", RAW, CAMERA_RAW),
    (4, b"ftyp", "a film (MP4 or of that family)", "send single images: save them as JPEG or PNG"),
    (0, b"\0\0\0\x0CjP  ", "JPEG 2000", SAVE),
    (0, b"\xFF\x4F\xFF\x51", "JPEG 2000", SAVE),
    (0, b"\0\0\0\x0CJXL ", "JPEG XL", SAVE),
    (0, b"\xFF\x0A", "JPEG XL", SAVE),
    (0, b"II\xBC\x01", "JPEG XR", SAVE),
    (0, b"II+\0", "BigTIFF", "save it as an ordinary TIFF, as JPEG or as PNG"),
    (0, b"MM\0+", "BigTIFF", "save it as an ordinary TIFF, as JPEG or as PNG"),
    (0, b"%PDF", "PDF", "send its images: save them as JPEG or PNG"),
    (0, b"8BPS", "Photoshop (PSD)", SAVE),
    (0, b"gimp xcf", "GIMP (XCF)", SAVE),
    (0, b"\0\0\x01\0", "an icon (ICO)", SAVE),
    (0, b"\x76\x2F\x31\x01", "OpenEXR", SAVE),
    (0, b"#?RADIANCE", "Radiance HDR", SAVE),
    (0, b"qoif", "QOI", SAVE),
    (0, b"DDS ", "DDS", SAVE),
    (0, b"SIMPLE  =", "FITS", SAVE),
    (128, b"DICM", "DICOM", SAVE),
    (0, b"FUJIFILMCCD-RAW", RAW, CAMERA_RAW),
    (0, b"IIU\0", RAW, CAMERA_RAW),
    (0, b"IIRO", RAW, CAMERA_RAW),
    (0, b"IIRS", RAW, CAMERA_RAW),
    (8, b"AVI ", "a film (AVI)", "send single images: save them as JPEG or PNG"),
    (
        0,
        b"\x1A\x45\xDF\xA3",
        "a film (Matroska or WebM)",
        "send single images: save them as JPEG or PNG",
    ),
    (0, b"PK\x03\x04", "a zip archive", "unpack it and send its images, as JPEG or PNG"),
    (0, b"\x1F\x8B", "a gzip archive", "unpack it and send its images, as JPEG or PNG"),
];

const HEIC: &str = "HEIC";
// Named as in the settings of the phones that make such files.
const CAMERA: &str = "set the camera to \"most compatible\", or save it as JPEG";
pub(super) const RAW: &str = "a camera's raw file";
pub(super) const CAMERA_RAW: &str = "save it as JPEG, or set the camera to save JPEG as well";

/// The format of a file.
pub(super) fn sniff(bytes: &[u8]) -> Result<Format, ImageError> {
    for &(at, signature, format) in READ {
        if has(bytes, at, signature) && (format != Format::WebP || has(bytes, 0, b"RIFF")) {
            return Ok(format);
        }
    }
    for &(at, signature, what, hint) in REFUSED {
        if has(bytes, at, signature) {
            return Err(ImageError::Unsupported { what, hint });
        }
    }
    Err(by_text(bytes))
}

fn has(bytes: &[u8], at: usize, signature: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|tail| tail.starts_with(signature))
}

/// Formats that are text, and everything else.
fn by_text(bytes: &[u8]) -> ImageError {
    let start = &bytes[..bytes.len().min(1024)];
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    let is_net_pnm = matches!(start, [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..]);
    let (what, hint) = if text.starts_with('<') && text.contains("<svg") {
        ("SVG (a drawing, not pixels)", SAVE)
    } else if text.starts_with("<!doctype html") || text.starts_with("<html") {
        ("a web page (HTML)", "download the image itself, as JPEG or PNG")
    } else if is_net_pnm {
        ("PNM (PBM, PGM or PPM)", SAVE)
    } else {
        // The formats of `FORMATS`.
        (
            "data that does not begin like an image",
            "expected a JPEG, PNG, WebP, BMP, TIFF or GIF file",
        )
    };
    ImageError::Unsupported { what, hint }
}

#[cfg(test)]
mod tests {
    use super::super::error::FORMATS;
    use super::*;

    #[test]
    fn every_signature_gives_its_own_format() {
        for &(at, signature, format) in READ {
            let mut bytes = b"RIFF\0\0\0\0".to_vec();
            bytes.truncate(at);
            bytes.extend(signature);
            assert_eq!(sniff(&bytes).ok(), Some(format));
        }
        for &(at, signature, what, _) in REFUSED {
            let mut bytes = vec![b'.'; at];
            bytes.extend(signature);
            match sniff(&bytes) {
                Err(ImageError::Unsupported { what: named, .. }) => assert_eq!(named, what),
                other => panic!("{what}: {other:?}"),
            }
        }
    }

    #[test]
    fn texts_list_the_formats_that_are_read() {
        let error = sniff(b"hello").unwrap_err();
        assert!(error.to_string().contains(FORMATS), "{error}");
        assert!(ImageError::Empty.to_string().contains(FORMATS));
    }
}
