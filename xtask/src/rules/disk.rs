//! `models` opens files only in `disk`, and every source file opens with a `//!` sentence.

use std::path::Path;

use crate::root;
use crate::sources::lexer::{Kind, pieces};
use crate::sources::{Source, packages, read, sources};

/// Names that reach files, the network, other processes or hidden state.
const REACHING: [&str; 11] = [
    "std::fs",
    "fs::",
    "File::",
    "OpenOptions",
    "std::net",
    "TcpStream",
    "std::process",
    "Command::",
    "std::env",
    "static mut",
    "mmap",
];

/// Names in the code of a file that reach beyond the process.
fn reaches(source: &str) -> Vec<&'static str> {
    let code = pieces(source).into_iter().filter(|(kind, _)| *kind == Kind::Code);
    let code: Vec<&str> = code.map(|(_, range)| &source[range]).collect();
    REACHING.into_iter().filter(|word| code.iter().any(|code| names(code, word))).collect()
}

fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(char::is_alphanumeric))
}

fn models() -> Vec<Source> {
    let root = root().unwrap();
    let members = packages(&root).unwrap();
    let models = members.iter().find(|member| member.folder == Path::new("models"));
    sources(&root, models.unwrap()).unwrap()
}

#[test]
fn models_opens_files_only_in_disk() {
    let files = models();
    assert!(files.len() > 15, "{} files", files.len());
    for source in files.iter().filter(|source| !source.path.starts_with("models/src/disk")) {
        if source.path != Path::new("models/src/disk.rs") {
            let found = reaches(&source.text);
            assert!(found.is_empty(), "{} names {found:?}", source.path.display());
        }
    }
}

#[test]
fn every_module_opens_with_what_it_is() {
    let root = root().unwrap();
    for package in packages(&root).unwrap() {
        for source in sources(&root, &package).unwrap() {
            let path = source.path.display();
            let text = read(&root.join(&source.path)).unwrap();
            assert!(opens_with_a_sentence(&text), "{path} does not start with a `//!` sentence");
        }
    }
}

fn opens_with_a_sentence(text: &str) -> bool {
    text.starts_with("//! ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaching_names_are_found_in_code_only() {
        assert_eq!(reaches("use std::fs;\nfn a() { File::open(b) }"), ["std::fs", "File::"]);
        assert_eq!(reaches("// std::fs\nconst A: &str = \"File::\";\nProfile::new()"), [""; 0]);
    }

    #[test]
    fn a_file_without_a_module_line_is_found() {
        assert!(opens_with_a_sentence("//! Reads.\nfn a() {}"));
        assert!(!opens_with_a_sentence("fn a() {}"));
    }
}
