//! What a file is that does not end as an archive does.

use crate::gallery::error::ArchiveError;

/// The bytes at the beginning of a file that show what it is: a header with the longest name.
pub(super) const START_BYTES: u64 = 128;
/// The same at its end: the directory of a zip file, or the last part of it.
pub(super) const TAIL_BYTES: u64 = 1 << 20;

/// The first bytes of a zip file.
const ZIP: &[u8] = b"PK\x03\x04";
/// Where the name begins in the first header of a zip file.
const NAME_AT: usize = 30;
/// What the first name of an archive begins with.
const FIRST_NAMES: [&[u8]; 3] = [b"embeddings/", b"images/e_", b"journal.jsonl"];
/// The first bytes of the last record of a zip file.
const ZIP_END: &[u8] = b"PK\x05\x06";
/// The names that every archive has.
const NAMES: [&[u8]; 2] = [b"journal.jsonl", b"manifest.json"];

/// Why a file with this start and this tail is refused.
pub(super) fn refusal(start: &[u8], tail: &[u8]) -> ArchiveError {
    if contains(tail, ZIP_END) && NAMES.iter().all(|name| contains(tail, name)) {
        let reason = "it was changed or packed anew by another program";
        return ArchiveError::Broken(reason.to_owned());
    }
    let name = start.get(NAME_AT..).unwrap_or_default();
    if start.starts_with(ZIP) && FIRST_NAMES.iter().any(|first| name.starts_with(first)) {
        return ArchiveError::Broken("it is cut: its end is missing".to_owned());
    }
    ArchiveError::NoArchive
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first header of a zip file with this name.
    fn start(name: &str) -> Vec<u8> {
        [ZIP, &[0; NAME_AT - 4], name.as_bytes()].concat()
    }

    /// The end of a zip file with these names.
    fn tail(names: &str) -> Vec<u8> {
        [names.as_bytes(), ZIP_END, &[0; 18]].concat()
    }

    #[test]
    fn a_file_of_another_kind_is_not_called_damaged() {
        let cases = [
            (Vec::new(), Vec::new()),
            (b"hello".to_vec(), b"hello".to_vec()),
            (start("photos/a.jpg"), tail("photos/a.jpg")),
            (start("photos/a.jpg"), tail("photos/manifest.json")),
            (b"journal.jsonl".to_vec(), Vec::new()),
        ];
        for (first, last) in cases {
            let refused = refusal(&first, &last);
            assert!(matches!(refused, ArchiveError::NoArchive), "{refused}");
        }
    }

    #[test]
    fn an_archive_that_was_packed_anew_or_cut_is_told_as_such() {
        let anew = refusal(&start("manifest.json"), &tail("manifest.json journal.jsonl"));
        assert!(anew.to_string().contains("packed anew by another program"), "{anew}");
        for name in ["embeddings/00000.safetensors", "images/e_01", "journal.jsonl"] {
            let cut = refusal(&start(name), b"");
            assert!(cut.to_string().contains("it is cut"), "{cut}");
        }
    }
}
