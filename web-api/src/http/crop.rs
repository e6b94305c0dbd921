//! The parameter `crop`: the part of its image that a call uses.

use models::image::Crop;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::problem::{Code, Problem};
use crate::jobs::uploads::Uploads;

/// A rectangle `x,y,w,h`.
///
/// # Errors
/// With the form and what was given.
pub fn parameter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Crop>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let crop = text.parse::<Crop>().ok().filter(|_| has_plain_numbers(&text));
    let expected = "expected x,y,w,h: four fractions of the image up to 1, or four whole pixels";
    crop.map(Some).ok_or_else(|| D::Error::custom(format_args!("{expected}; got `{text}`")))
}

/// Whether the text has only what the pattern of the OpenAPI document allows: no sign, no exponent.
fn has_plain_numbers(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
}

/// The images of a call, of which only the part `crop` is used.
///
/// # Errors
/// `bad_request` for a crop of several images.
pub fn of_one_image(mut images: Uploads, crop: Option<Crop>) -> Result<Uploads, Problem> {
    let n_images = images.files.len();
    if crop.is_some() && n_images > 1 {
        let detail = format!(
            "crop: expected a call with one image, got {n_images} images; send one image a call \
             when a crop is given."
        );
        return Err(Problem::new(Code::BadRequest, detail));
    }
    images.crop = crop;
    Ok(images)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use axum::body::Bytes;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;
    use crate::jobs::budget::Budget;
    use crate::jobs::uploads::Upload;

    fn read(text: &str) -> Result<Option<Crop>, Error> {
        let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
        parameter(deserializer)
    }

    #[test]
    fn four_plain_numbers_are_a_crop() {
        for text in ["0.25,0,0.5,1", "0,0,1,1", "10,20,64,48"] {
            assert!(read(text).unwrap().is_some(), "{text}");
        }
        for text in
            ["", "x", "0,0,1", "0,0,1,1,1", "+0,0,1,1", "0,0,1e0,1", "-1,0,1,1", "0,0,NaN,1"]
        {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("x,y,w,h") && error.ends_with(&format!("`{text}`")), "{error}");
        }
    }

    fn images(n: usize) -> Uploads {
        let memory = Budget::new(64, 1).lease(IpAddr::from([127, 0, 0, 1]).into());
        Uploads::new(vec![Upload { file: None, bytes: Bytes::new() }; n], memory)
    }

    #[test]
    fn a_crop_is_of_one_image() {
        let crop = read("0,0,1,1").unwrap();
        assert!(of_one_image(images(1), crop).unwrap().crop.is_some());
        assert!(of_one_image(images(2), None).unwrap().crop.is_none());
        let problem = of_one_image(images(2), crop).unwrap_err();
        assert_eq!(problem.code(), Code::BadRequest);
        assert!(problem.to_string().contains("one image a call"), "{problem}");
    }
}
