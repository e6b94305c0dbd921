//! What may be wrong with an image that is enrolled. Findings are warnings: the image is enrolled
//! all the same, unless the call is strict.
//!
//! Some follow from the image itself: it is too small, nearly black or white, shows no shapes, or
//! has no sharp edge. The others compare it with what is enrolled: the same file, or the same part
//! of it, is in another class, nearly the same image is in this one, or it is unlike its class.
//!
//! # Examples
//! A black image is found when it is decoded to be enrolled:
//! ```
//! use edge::decoder::ImageDecoder;
//! use edge::gallery::KeepImages;
//! use edge::quality::Code;
//! use models::bundle::{Bundle, BundleLimits};
//! # use image::{DynamicImage, ImageFormat};
//! # let mut file = std::io::Cursor::new(Vec::new());
//! # DynamicImage::new_rgb8(48, 40).write_to(&mut file, ImageFormat::Png)?;
//! # let bytes = file.into_inner();
//!
//! let bundle = Bundle::open("tests/fixtures/tiny-bundle".as_ref(), &BundleLimits::default())?;
//! let decoder = ImageDecoder::new(&bundle.manifest);
//! let image = decoder.decode_to_keep(&bytes, KeepImages::Off, None)?;
//! assert_eq!(image.quality[0].code, Code::Dark);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use crate::gallery::ImageKey;

mod image;

pub(crate) use self::image::of_image;

/// Something that may be wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// For machines.
    pub code: Code,
    /// For people: what is wrong, and what to do.
    pub detail: String,
}

/// What may be wrong with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// It has too few pixels.
    Small,
    /// It is nearly black.
    Dark,
    /// It is nearly white.
    Bright,
    /// It shows no shapes: one tone, or nothing but noise.
    Flat,
    /// It has no sharp edge.
    Blurred,
    /// Its class has nearly the same image.
    NearDuplicate,
    /// Another class has the same file, or the same part of it.
    InOtherClass,
    /// It is unlike the other images of its class.
    Outlier,
    /// It is more like another class than like its own.
    CloserTo,
}

impl Code {
    /// As programs write it, e.g. `near_duplicate`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Dark => "dark",
            Self::Bright => "bright",
            Self::Flat => "flat",
            Self::Blurred => "blurred",
            Self::NearDuplicate => "near_duplicate",
            Self::InOtherClass => "in_other_class",
            Self::Outlier => "outlier",
            Self::CloserTo => "closer_to",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Finding {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// This image is in the class with this label, too.
    #[must_use]
    pub fn in_other_class(label: &str, image: ImageKey) -> Self {
        let what = match image.crop {
            Some(_) => "the same part of the same file",
            None => "the same file",
        };
        let detail = format!(
            "the class \"{label}\" has {what}; remove it from the class that it does not show"
        );
        Self::new(Code::InOtherClass, detail)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use models::image::Region;

    use super::*;

    #[test]
    fn a_part_of_a_file_is_no_file() {
        let whole = ImageKey { sha256: [1; 32], crop: None };
        let crop = Some("0,0,0.5,1".parse::<Region>().unwrap());
        let part = ImageKey { crop, ..whole };
        let of_whole = Finding::in_other_class("mug", whole).detail;
        assert!(of_whole.contains("\"mug\" has the same file;"), "{of_whole}");
        let of_part = Finding::in_other_class("mug", part).detail;
        assert!(of_part.contains("\"mug\" has the same part of the same file;"), "{of_part}");
    }
}
