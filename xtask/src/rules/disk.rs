//! `models` opens files only in `disk` and uses neither global state nor a clock, and every source
//! file opens with a `//!` sentence.

use std::path::Path;

use crate::root;
use crate::sources::lexer::{Kind, pieces};
use crate::sources::{Source, packages, read, sources};

/// Names that reach files, the network, other processes, the clock or global state.
const REACHING: [&str; 16] = [
    "std::fs",
    "fs::",
    "File::",
    "OpenOptions",
    "std::net",
    "TcpStream",
    "std::process",
    "Command::",
    "std::env",
    "static ",
    "thread_local",
    "OnceLock",
    "LazyLock",
    "SystemTime",
    "Instant",
    "mmap",
];

/// Files that use such a name with reason.
const WITH_REASON: [(&str, &str); 6] = [
    // Step tables of the standard Huffman codes: constants, made once for all files.
    ("models/src/image/jpeg/huffman.rs", "OnceLock"),
    ("models/src/image/jpeg/standard_tables.rs", "static "),
    ("models/src/image/jpeg/standard_tables.rs", "LazyLock"),
    // The hook of panics has no other way to learn that a panic will be caught.
    ("models/src/image/guard.rs", "static "),
    ("models/src/image/guard.rs", "thread_local"),
    // A field of each block, no global: a block is unpacked once, when it is first read.
    ("models/src/knowledge/lexicon/blocks.rs", "OnceLock"),
];

fn has_reason(file: &Path, word: &str) -> bool {
    WITH_REASON.iter().any(|(path, allowed)| file == Path::new(path) && word == *allowed)
}

/// Names in the code of a file that reach beyond the process.
fn reaches(source: &str) -> Vec<&'static str> {
    let code = pieces(source).into_iter().filter(|(kind, _)| *kind == Kind::Code);
    let code: Vec<&str> = code.map(|(_, range)| &source[range]).collect();
    REACHING.into_iter().filter(|word| code.iter().any(|code| names(code, word))).collect()
}

fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(is_inside_name))
}

/// What stands before the rest of a longer name. After an apostrophe it is a lifetime:
/// `&'static str` is no global.
fn is_inside_name(before: char) -> bool {
    before.is_alphanumeric() || before == '\''
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
            let mut found = reaches(&source.text);
            found.retain(|word| !has_reason(&source.path, word));
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
    fn clocks_and_globals_are_found_but_no_lifetimes() {
        let source = "static A: LazyLock<u8> = b();\nfn c() { Instant::now() }";
        assert_eq!(reaches(source), ["static ", "LazyLock", "Instant"]);
        assert_eq!(reaches("fn a() -> &'static str { \"static \" }"), [""; 0]);
    }

    #[test]
    fn a_file_without_a_module_line_is_found() {
        assert!(opens_with_a_sentence("//! Reads.\nfn a() {}"));
        assert!(!opens_with_a_sentence("fn a() {}"));
    }
}
