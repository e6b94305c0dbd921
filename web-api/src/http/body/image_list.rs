//! Images as texts in JSON: `{"images":["<base64>", …]}`.
//!
//! Each text is decoded as soon as it is parsed, so that texts and images are not both in memory
//! beside the body.

use std::fmt;

use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::wording::{not_json, printable, too_many_files};
use crate::http::problem::{Code, Problem};
use crate::jobs::uploads::Upload;

/// The only field.
const IMAGES: &str = "images";

/// The images of a JSON body, each with its place in the list as its name.
///
/// # Errors
/// `bad_request` for anything but a list of texts in base64; `too_large` for more than `max_files`.
pub(super) fn images(body: &[u8], max_files: usize) -> Result<Vec<Upload>, Problem> {
    // First, so that what is wrong after that is about a field.
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| not_json(&error))?;
    let mut images = Images { max_files, files: None, problem: None };
    let mut parser = serde_json::Deserializer::from_slice(body);
    let read = DeserializeSeed::deserialize(&mut images, &mut parser);
    match (images.problem, images.files) {
        (Some(problem), _) => Err(problem),
        (None, Some(files)) if read.is_ok() && !files.is_empty() => Ok(files),
        (None, Some(_)) => Err(wrong("images: expected a list of one or more texts in base64.")),
        (None, None) if read.is_ok() => Err(wrong("The field `images` is missing.")),
        (None, None) => Err(wrong("The JSON body: expected an object with the list `images`.")),
    }
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, detail)
}

/// What was read so far.
struct Images {
    max_files: usize,
    /// `None` before the list.
    files: Option<Vec<Upload>>,
    /// Errors of the parser have no code.
    problem: Option<Problem>,
}

impl Images {
    fn fail<E: Error>(&mut self, problem: Problem) -> E {
        self.problem = Some(problem);
        E::custom("")
    }
}

impl<'de> DeserializeSeed<'de> for &mut Images {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Images {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            if name != IMAGES {
                let name = printable(&name);
                let detail = format!("Unknown field `{name}`; expected `{IMAGES}`.");
                return Err(self.fail(wrong(detail)));
            }
            if self.files.is_some() {
                return Err(self.fail(wrong("The field `images`: expected once, got twice.")));
            }
            self.files = Some(Vec::new());
            fields.next_value_seed(List(&mut *self))?;
        }
        Ok(())
    }
}

/// The value of the field.
struct List<'a>(&'a mut Images);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<(), A::Error> {
        let Self(images) = self;
        let mut files = Vec::new();
        loop {
            let name = format!("{IMAGES}[{}]", files.len());
            let bytes = match texts.next_element_seed(Text) {
                Ok(None) => break,
                Ok(Some(_)) if files.len() == images.max_files => {
                    return Err(images.fail(too_many_files(images.max_files)));
                }
                Ok(Some(Ok(bytes))) => bytes,
                Ok(Some(Err(reason))) => {
                    let problem = wrong(format!("{name}: {reason}."));
                    return Err(images.fail(problem.in_file(Some(&name))));
                }
                // The syntax is right, so it is another kind of value.
                Err(_) => {
                    return Err(images.fail(wrong(format!("{name}: expected text in base64."))));
                }
            };
            files.push(Upload { file: Some(name), bytes });
        }
        images.files = Some(files);
        Ok(())
    }
}

/// One text. What is wrong with it is a value: only the list knows its place.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Result<Bytes, String>;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Self::Value, D::Error> {
        parser.deserialize_str(self)
    }
}

impl Visitor<'_> for Text {
    type Value = Result<Bytes, String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(decoded(text))
    }
}

/// The bytes of a text in base64, in either alphabet, with or without padding; also of a data URL.
fn decoded(text: &str) -> Result<Bytes, String> {
    let text = match text.strip_prefix("data:") {
        None => text,
        Some(url) => match url.split_once(',') {
            Some((kind, text)) if kind.ends_with(";base64") => text,
            _ => return Err("not base64: a data URL begins with `data:image/…;base64,`".to_owned()),
        },
    };
    if text.is_empty() {
        return Err("an empty text; expected a file in base64".to_owned());
    }
    let is_url_safe = text.contains(['-', '_']);
    let alphabet = if is_url_safe { URL_SAFE_PAD_INDIFFERENT } else { STANDARD_PAD_INDIFFERENT };
    let bytes = alphabet.decode(text).map_err(|error| format!("not base64: {error}"))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        let bytes = [0xFB, 0xEF, 0xFF, 0xFE];
        for text in [
            "++///g==",
            "++///g",
            "--___g==",
            "--___g",
            "data:image/png;base64,++///g==",
            "data:;base64,--___g",
        ] {
            assert_eq!(decoded(text).unwrap(), &bytes[..], "{text}");
        }
        for wrong in ["", "+-//", "a b=", "=", "aa=a", "data:image/png,aaaa", "data:x", "ä"] {
            assert!(decoded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_body_has_one_list_of_texts() {
        let files = images(br#" {"images":["YQ==","Y\u0067"]}"#, 2).unwrap();
        let names: Vec<_> = files.iter().map(|upload| upload.file.as_deref().unwrap()).collect();
        assert_eq!(names, ["images[0]", "images[1]"]);
        assert_eq!((&files[0].bytes[..], &files[1].bytes[..]), (&b"a"[..], &b"b"[..]));
        for (wrong, expected) in [
            ("", "not valid JSON"),
            ("{", "not valid JSON"),
            ("[]", "expected an object"),
            ("5", "expected an object"),
            ("{}", "The field `images` is missing."),
            (r#"{"images":[]}"#, "images: expected a list"),
            (r#"{"images":5}"#, "images: expected a list"),
            (r#"{"images":"YQ=="}"#, "images: expected a list"),
            (r#"{"images":["YQ==",5]}"#, "images[1]: expected text in base64."),
            (r#"{"images":["YQ==","?"]}"#, "images[1]: not base64: "),
            (r#"{"images":["YQ=="],"images":[]}"#, "expected once, got twice"),
            (r#"{"images":["YQ=="],"names":["a"]}"#, "Unknown field `names`; expected `images`."),
        ] {
            let problem = images(wrong.as_bytes(), 2).unwrap_err();
            assert_eq!(problem.code(), Code::BadRequest, "{wrong}");
            assert!(problem.to_string().contains(expected), "{wrong}: {problem}");
        }
    }

    #[test]
    fn a_list_has_as_many_images_as_a_form() {
        let problem = images(br#"{"images":["YQ==","YQ==","YQ=="]}"#, 2).unwrap_err();
        assert_eq!(problem.code(), Code::TooLarge);
    }
}
