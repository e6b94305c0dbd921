//! Texts of refusals that several kinds of bodies have.

use crate::http::problem::{Code, Problem};

/// The most characters of a file name in a response.
const MAX_FILE_NAME_CHARS: usize = 128;

/// A file name for a response: shortened, without control characters.
pub(super) fn printable(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(MAX_FILE_NAME_CHARS).collect()
}

pub(super) fn quoted(content_type: &str) -> String {
    if content_type.is_empty() {
        "none".to_owned()
    } else {
        format!("`{}`", printable(content_type))
    }
}

pub(super) fn too_many_files(max_files: usize) -> Problem {
    let detail =
        format!("A call takes at most {max_files} files; send the others in further calls.");
    Problem::new(Code::TooLarge, detail)
}

pub(super) fn not_json(error: &serde_json::Error) -> Problem {
    let line = error.line();
    let column = error.column();
    let detail = format!("The body is not valid JSON: see line {line}, column {column}.");
    Problem::new(Code::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_lose_control_characters() {
        assert_eq!(printable("a\r\nb\u{1b}.jpg"), "ab.jpg");
        assert_eq!(printable(&"x".repeat(10_000)).len(), MAX_FILE_NAME_CHARS);
    }
}
