//! A gallery in one file, `NAME.handful`: a copy to keep, to move to another device or to join with
//! another gallery. `docs/formats.md` has the format.
//!
//! The file is written and read in parts, so both take little memory however large a gallery is.
//! It has the journal whole, with the embeddings and images of examples that were removed, so that
//! undo works after an import. What was purged is in no file.
//!
//! An import joins two journals as sets of changes: the same file imported twice changes nothing,
//! and two devices that import each other's file have equal galleries. A file is checked whole
//! before anything is written.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256 as Hasher};

use super::change::Sha256;
use super::id::ExampleId;
use super::label::Label;

mod check_contents;
mod form;
#[cfg(test)]
mod hostile;
mod import;
mod read;
#[cfg(test)]
mod round_trip;
mod tensors;
mod write;
mod zip;

pub use import::Imported;
pub use read::Archive;
pub use write::Export;

/// Every format has this number until the first release; the layout identifies the schema.
const FORMAT: u64 = 1;

/// What the layout is the hash of. A change of an entry or of a field changes this text.
const SCHEMA: &str = "
    manifest.json: { format, layout, gallery, space_id, embedding_length,
        entries: [{ name, size, sha256 }] }
    journal.jsonl: json change, one a line; an enrolled example { id, sha256, crop? }
    embeddings/00000.safetensors: embeddings f32 [n, s], examples u8 [n, 16]
    images/e_...: bytes of an image file
";

/// The most bytes of a journal: it is in memory while it is joined with another.
const MAX_JOURNAL_BYTES: u64 = 256 << 20;

/// The most embeddings of an archive, and the most entries. A reader keeps a list of both in
/// memory, whose length the file must not decide. A journal names each example in 120 bytes, so the
/// longest one has fewer examples, and there is room for the entries that are no images.
const MAX_EXAMPLES: u64 = MAX_JOURNAL_BYTES / 100;

/// The content of the last entry. The time of the export is not in it, so that equal galleries of
/// the same name have equal files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u64,
    layout: String,
    /// The name of the gallery.
    #[serde(deserialize_with = "name_of_gallery")]
    gallery: Label,
    /// Identifies the backbone of the embeddings.
    space_id: String,
    /// That of all embeddings; null before the first.
    embedding_length: Option<usize>,
    /// All others, in the order of the file.
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: EntryName,
    size: u64,
    sha256: Sha256,
}

/// The names that an entry can have, in the order of the file, which is that of their texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
enum EntryName {
    Embeddings(u32),
    Image(ExampleId),
    Journal,
    Manifest,
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embeddings(part) => write!(f, "embeddings/{part:05}.safetensors"),
            Self::Image(id) => write!(f, "images/{id}"),
            Self::Journal => f.write_str("journal.jsonl"),
            Self::Manifest => f.write_str("manifest.json"),
        }
    }
}

impl From<EntryName> for String {
    fn from(name: EntryName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for EntryName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let part = text.strip_prefix("embeddings/").and_then(|n| n.strip_suffix(".safetensors"));
        let name = if let Some(part) = part {
            part.parse().ok().map(Self::Embeddings)
        } else if let Some(id) = text.strip_prefix("images/") {
            id.parse().ok().map(Self::Image)
        } else {
            [Self::Journal, Self::Manifest].into_iter().find(|name| name.to_string() == text)
        };
        // A number has several texts, of which one is right.
        let name = name.filter(|name| name.to_string() == text);
        name.ok_or_else(|| format!("`{}` is not the name of an entry", printable(&text)))
    }
}

/// A name as an export writes it: it follows the rules of labels already.
fn name_of_gallery<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Label, D::Error> {
    let text = String::deserialize(deserializer)?;
    let label = Label::parse(&text).ok().filter(|label| label.as_str() == text);
    let reason = format!("`{}` is not the name of a gallery", printable(&text));
    label.ok_or_else(|| D::Error::custom(reason))
}

/// Text of a file for an error: short, with a question mark for each control character.
fn printable(text: &str) -> String {
    let letters = text.chars().take(160);
    letters.map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// Why JSON is refused, without the place in it and without escapes of Rust: the reason may quote
/// the file.
fn json_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let mut rest = text.strip_suffix(place.as_str()).unwrap_or(&text);
    let mut plain = String::new();
    while let Some((before, escape)) = rest.split_once("\\u{") {
        plain.push_str(before);
        plain.push('?');
        rest = escape.split_once('}').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    printable(&plain)
}

/// Sums up bytes as they pass.
#[derive(Default)]
struct Measure {
    sha256: Hasher,
    crc: crc32fast::Hasher,
    size: u64,
}

/// What identifies the bytes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measured {
    size: u64,
    sha256: Sha256,
    /// The checksum of zip files, by which other programs check the entry.
    crc: u32,
}

impl Measure {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.crc.update(bytes);
        self.size += bytes.len() as u64;
    }

    fn finish(self) -> Measured {
        let sha256 = Sha256(self.sha256.finalize().into());
        Measured { size: self.size, sha256, crc: self.crc.finalize() }
    }
}

impl Measured {
    fn of(bytes: &[u8]) -> Self {
        let mut measure = Measure::default();
        measure.update(bytes);
        measure.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ID: &str = "e_0193b7a2c4d87000812ab34cd56ef789";

    #[test]
    fn names_are_read_as_they_are_written_and_sorted_as_their_texts() {
        let image = EntryName::Image(ID.parse().unwrap());
        let names = [
            EntryName::Embeddings(0),
            EntryName::Embeddings(12),
            image,
            EntryName::Journal,
            EntryName::Manifest,
        ];
        let texts = names.map(|name| name.to_string());
        assert!(names.is_sorted() && texts.is_sorted(), "{texts:?}");
        for (name, text) in names.into_iter().zip(texts) {
            assert_eq!(EntryName::try_from(text), Ok(name));
        }
    }

    #[test]
    fn other_names_are_refused() {
        for wrong in [
            "",
            "../journal.jsonl",
            "/journal.jsonl",
            "images/../journal.jsonl",
            "images/",
            "images/a.jpg",
            "images//e_0193b7a2c4d87000812ab34cd56ef789",
            "embeddings/0.safetensors",
            "embeddings/+0001.safetensors",
            "embeddings/-0001.safetensors",
            "Journal.jsonl",
            "journal.jsonl/",
        ] {
            let error = EntryName::try_from(wrong.to_owned()).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn reasons_have_no_escapes_and_no_place() {
        let name = "\u{1b}[31m at line 2 \u{7}";
        let text = serde_json::json!(name).to_string();
        let error = serde_json::from_str::<EntryName>(&text).unwrap_err();
        let reason = json_reason(&error);
        assert_eq!(reason, "`?[31m at line 2 ?` is not the name of an entry");
        let error = serde_json::from_str::<u32>(&text).unwrap_err();
        assert_eq!(json_reason(&error), "invalid type: string \"?[31m at line 2 ?\", expected u32");
    }

    #[test]
    fn bytes_are_measured_as_they_pass() {
        let mut measure = Measure::default();
        measure.update(b"1234");
        measure.update(b"56789");
        let measured = measure.finish();
        assert_eq!(measured, Measured::of(b"123456789"));
        // The check value of this CRC.
        assert_eq!((measured.size, measured.crc), (9, 0xCBF4_3926));
    }
}
