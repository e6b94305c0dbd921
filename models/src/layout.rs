//! The layout of a file format: a hash of its schema, so that a file of another layout is refused.
//!
//! Before the first release every format has the number 1 and may still change. A change of the
//! schema changes the hash, and a reader refuses a file with another hash. From the first release
//! on, the format number counts.

use serde::Deserialize;

use crate::fault::{Blame, Fault};
use crate::hex;

/// Hexadecimal digits of a layout.
const DIGITS: usize = 16;

/// A file that was written with another schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "written by another build of Handful: its layout is `{got}`, expected `{expected}`; \
     write the file again with this build"
)]
pub struct LayoutError {
    /// The layout that this build reads.
    pub expected: String,
    /// The layout found in the file.
    pub got: String,
}

/// The layout of a schema: the first 16 hexadecimal digits of the SHA-256 of its text.
///
/// The schema lists every field and tensor with its type and shape. White space does not count. A
/// field after `+` does not count either: it came later and is left out where it is not used. So
/// files without it stay readable, and a program from before refuses a file that has it, because it
/// does not know the field.
///
/// # Examples
/// ```
/// let layout = models::layout::of("center f32[s]\nword f16[k,d]");
/// assert_eq!(layout.len(), 16);
/// assert_eq!(layout, models::layout::of("center f32[s] word f16[k,d]"));
/// assert_ne!(layout, models::layout::of("center f32[s] word f32[k,d]"));
/// assert_eq!(layout, models::layout::of("center f32[s] word f16[k,d], +mirror? bool"));
/// ```
pub fn of(schema: &str) -> String {
    let words: Vec<&str> = schema.split_whitespace().collect();
    let mut digits = hex::sha256(without_later(&words.join(" ")).as_bytes());
    digits.truncate(DIGITS);
    digits
}

/// A schema without the fields that came later: each begins with `+`, after a comma, and ends
/// before the next comma or brace.
fn without_later(schema: &str) -> String {
    let mut parts = schema.split(", +");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([',', '}']).unwrap_or(part.len());
        // The space before a brace belongs to what is kept.
        let end = if part[..end].ends_with(' ') { end - 1 } else { end };
        kept += &part[end..];
    }
    kept
}

/// Checks the layout that a file gives for itself.
///
/// # Errors
/// [`LayoutError`] if the file was written with another schema than `schema`.
pub fn check(schema: &str, got: &str) -> Result<(), LayoutError> {
    let expected = of(schema);
    if got == expected {
        return Ok(());
    }
    // A hostile file may give a long text, and the error is shown to people.
    Err(LayoutError { expected, got: got.chars().take(DIGITS).collect() })
}

/// A file format: the kind of a file, its number and its schema.
///
/// The JSON object that describes a file starts with `kind`, `format` and `layout`. A reader checks
/// these three before any other field, because a file of another layout may have other fields.
#[derive(Debug, Clone, Copy)]
pub struct FileFormat {
    /// The value of `kind`; `None` for files without that field, which their name identifies.
    pub kind: Option<&'static str>,
    /// The value of `format`.
    pub number: u32,
    /// All fields and tensors with their types and shapes.
    pub schema: &'static str,
}

/// A file of another kind, of another format number or of another layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The description is not a JSON object with the three fields.
    #[error("the description is not usable: {0}")]
    Description(String),
    /// A file of another kind.
    #[error("the file is `{got}`, expected `{expected}`")]
    Kind {
        /// The kind that was expected; empty where a file has none.
        expected: &'static str,
        /// The kind found; empty where there is none.
        got: String,
    },
    /// A file with another format number.
    #[error("format {got}, expected {expected}: use the version of Handful that wrote the file")]
    Number {
        /// The number that this build reads.
        expected: u32,
        /// The number found.
        got: u32,
    },
    /// A file that was written with another schema.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl Fault for LayoutError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Fault for FormatError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// The fields of a description that are checked first.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    kind: String,
    format: u32,
    // Files from before there were layouts have none, and are refused like those of another layout.
    #[serde(default)]
    layout: String,
}

impl FileFormat {
    /// The value of `kind`, empty where the format has none.
    pub fn kind(&self) -> String {
        self.kind.unwrap_or_default().to_owned()
    }

    /// The value of `layout`, see [`of`].
    pub fn layout(&self) -> String {
        of(self.schema)
    }

    /// Checks `kind`, `format` and `layout` of the JSON object `description`.
    ///
    /// # Errors
    /// The first of the three that differs, or text that is not such an object.
    pub fn check(&self, description: &[u8]) -> Result<(), FormatError> {
        let header: Header = serde_json::from_slice(description)
            .map_err(|e| FormatError::Description(e.to_string()))?;
        let expected = self.kind.unwrap_or_default();
        if header.kind != expected {
            return Err(FormatError::Kind { expected, got: header.kind });
        }
        if header.format != self.number {
            return Err(FormatError::Number { expected: self.number, got: header.format });
        }
        Ok(check(self.schema, &header.layout)?)
    }
}

/// The keys of a JSON value, at any depth, that a schema does not name. A field that was added
/// without its word in the schema would leave the layout as it was.
#[cfg(test)]
pub(crate) fn unnamed(schema: &str, value: &serde_json::Value) -> Vec<String> {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            let keys = fields.keys().filter(|key| !is_named(schema, key)).cloned();
            keys.chain(fields.values().flat_map(|value| unnamed(schema, value))).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| unnamed(schema, item)).collect(),
        _ => Vec::new(),
    }
}

/// Whether a schema has this word.
#[cfg(test)]
pub(crate) fn is_named(schema: &str, name: &str) -> bool {
    schema.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_schema_is_refused_with_both_layouts() {
        assert_eq!(check("a u32", &of("a u32")), Ok(()));
        let error = check("a u32", &of("a u64")).expect_err("another layout");
        assert_eq!((error.expected, error.got), (of("a u32"), of("a u64")));
        let long = check("a u32", &"x".repeat(1000)).expect_err("not a layout");
        assert_eq!(long.got.len(), DIGITS);
    }

    #[test]
    fn fields_that_came_later_do_not_count() {
        let before = "a { b u32, c? text } d f32[2,3]";
        for later in [
            "a { b u32, c? text, +e? bool } d f32[2,3]",
            "a { b u32, +e? bool, c? text, +f? u8 } d f32[2,3]",
            "a { b u32, c? text } d f32[2,3], +g? u8",
        ] {
            assert_eq!(of(later), of(before), "{later}");
        }
        assert_ne!(of("a { b u32, c? text, e? bool } d f32[2,3]"), of(before));
    }

    #[test]
    fn keys_that_a_schema_lacks_are_found_at_any_depth() {
        let value = serde_json::json!({ "a": [{ "b": 1, "c": 2 }], "d": {} });
        assert_eq!(unnamed("a { b u32 }[]", &value), ["d", "c"]);
    }

    #[test]
    fn kind_number_and_layout_are_checked_before_other_fields() {
        let format = FileFormat { kind: Some("handful-a"), number: 1, schema: "a u32" };
        let refused = |text: &str| format.check(text.as_bytes()).expect_err("another file");
        let good = format!(
            r#"{{"kind":"handful-a","format":1,"layout":"{}","other":[]}}"#,
            format.layout()
        );
        assert_eq!(format.check(good.as_bytes()), Ok(()));
        let error = refused(&good.replace("handful-a", "handful-b"));
        assert_eq!(error.to_string(), "the file is `handful-b`, expected `handful-a`");
        let error = refused(&good.replace("\"format\":1", "\"format\":4"));
        assert!(error.to_string().starts_with("format 4, expected 1: "), "{error}");
        let error = refused(r#"{"kind":"handful-a","format":1}"#);
        assert!(matches!(error, FormatError::Layout(_)), "{error}");
        assert!(matches!(refused("[]"), FormatError::Description(_)));
    }
}
