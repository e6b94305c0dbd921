//! The layout of a file format: a hash of its schema, so that a file of another layout is refused.
//!
//! Before the first release every format has the number 1 and may still change. A change of the
//! schema changes the hash, and a reader that meets another hash refuses the file in one sentence.
//! From the first release on, the format number counts.

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
/// The schema lists every field and tensor with its type and shape. White space does not count.
///
/// # Examples
/// ```
/// let layout = models::layout::of("center f32[s]\nword f16[k,d]");
/// assert_eq!(layout.len(), 16);
/// assert_eq!(layout, models::layout::of("center f32[s] word f16[k,d]"));
/// assert_ne!(layout, models::layout::of("center f32[s] word f32[k,d]"));
/// ```
pub fn of(schema: &str) -> String {
    let words: Vec<&str> = schema.split_whitespace().collect();
    let mut digits = hex::sha256(words.join(" ").as_bytes());
    digits.truncate(DIGITS);
    digits
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
    // A hostile file may give a long text.
    Err(LayoutError { expected, got: got.chars().take(DIGITS).collect() })
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
}
