//! The law of imports, read from the manifests, and what `models` promises never to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use models::disk;
use toml::{Table, Value};

/// Which of our crates a crate may name: models <- edge <- {export, web-api}, models <- train.
const LAW: [(&str, &[&str]); 6] = [
    ("models", &[]),
    ("edge", &["models"]),
    ("train", &["models"]),
    ("export", &["edge", "models"]),
    ("web-api", &["edge", "models"]),
    ("xtask", &[]),
];

/// Crates that only one of ours may name, by how their names begin.
const OWNERS: [(&str, &str); 9] = [
    ("tch", "train"),
    ("torch-sys", "train"),
    ("ort", "edge"),
    ("tract", "edge"),
    ("redb", "edge"),
    ("axum", "web-api"),
    ("tokio", "web-api"),
    ("hyper", "web-api"),
    ("tower", "web-api"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(path: &Path) -> String {
    String::from_utf8(disk::read(path, 1 << 20).unwrap()).unwrap()
}

/// Every crate that a manifest names: dependencies for use, tests, build scripts and single platforms.
fn named_crates(manifest: &Table) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (key, value) in manifest.get(section).and_then(Value::as_table).into_iter().flatten() {
            // A dependency may be renamed; what counts is the package.
            let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
            names.insert(package.to_owned());
        }
    }
    let platforms = manifest.get("target").and_then(Value::as_table);
    for platform in platforms.into_iter().flatten().filter_map(|(_, value)| value.as_table()) {
        names.extend(named_crates(platform));
    }
    names
}

/// One sentence for each breach by a crate that names these others.
fn breaches(name: &str, named: &BTreeSet<String>) -> Vec<String> {
    let (_, allowed) = LAW.iter().find(|(known, _)| *known == name).unwrap();
    let ours = |other: &str| LAW.iter().any(|(known, _)| *known == other);
    let imports = named
        .iter()
        .filter(|other| ours(other) && *other != name && !allowed.contains(&other.as_str()))
        .map(|other| format!("{name} names {other}"));
    let foreign = named.iter().flat_map(|other| {
        let owner = OWNERS.iter().find(|(stem, _)| begins(other, stem));
        owner
            .filter(|(_, owner)| *owner != name)
            .map(|(_, owner)| format!("{name} names {other}; only {owner} may"))
    });
    imports.chain(foreign).collect()
}

fn begins(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[test]
fn manifests_hold_the_law_of_imports() {
    let mut found = Vec::new();
    for (name, _) in LAW {
        let manifest: Table = text(&root().join(name).join("Cargo.toml")).parse().unwrap();
        assert_eq!(
            manifest["package"]["name"].as_str(),
            Some(name),
            "a package has its folder's name"
        );
        found.extend(breaches(name, &named_crates(&manifest)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_law_covers_every_member() {
    let workspace: Table = text(&root().join("Cargo.toml")).parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members: BTreeSet<&str> = members.iter().filter_map(Value::as_str).collect();
    assert_eq!(members, LAW.iter().map(|(name, _)| *name).collect());
}

#[test]
fn breaches_of_every_kind_are_seen() {
    let breaches_of = |name: &str, manifest: &str| {
        breaches(name, &named_crates(&manifest.parse().unwrap())).len()
    };
    assert_eq!(breaches_of("train", "[dev-dependencies]\nedge.workspace = true"), 1);
    assert_eq!(breaches_of("models", "[build-dependencies]\ntokio = \"1\""), 1);
    assert_eq!(breaches_of("web-api", "[target.'cfg(unix)'.dependencies]\ntract-onnx = \"0\""), 1);
    assert_eq!(
        breaches_of("export", "[dependencies]\nengine = { package = \"ort\", version = \"2\" }"),
        1
    );
    assert_eq!(breaches_of("edge", "[dependencies]\nort = \"2\"\nmodels.workspace = true"), 0);
    assert_eq!(
        breaches_of("models", "[dev-dependencies]\nmodels = { path = \".\" }\nportable = \"1\""),
        0
    );
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in disk::list(folder).unwrap() {
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Files that hold nothing but tests may open what they like and need no module line.
fn program_sources(folder: &Path) -> Vec<PathBuf> {
    let is_program = |path: &PathBuf| path.file_name().is_some_and(|name| name != "tests.rs");
    sources(folder).into_iter().filter(is_program).collect()
}

/// Words of a source file's program text that reach beyond the process.
fn reaches(source: &str) -> Vec<&'static str> {
    const WORDS: [&str; 11] = [
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
    // Tests come last in a file and may open what they like.
    let program = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> =
        program.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    WORDS.into_iter().filter(|word| code.iter().any(|line| uses(line, word))).collect()
}

fn uses(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(char::is_alphanumeric))
}

#[test]
fn models_opens_files_only_in_disk() {
    let folder = root().join("models/src");
    let files = program_sources(&folder);
    assert!(files.len() > 15, "{files:?}");
    for path in files {
        let relative = path.strip_prefix(&folder).unwrap().to_owned();
        if relative == Path::new("disk.rs") || relative.starts_with("disk") {
            continue;
        }
        let found = reaches(&text(&path));
        assert!(found.is_empty(), "{} uses {found:?}", path.display());
    }
    assert_eq!(
        reaches(&text(&folder.join("disk.rs")))[..3],
        ["std::fs", "fs::", "File::"],
        "the scan sees such words"
    );
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for path in program_sources(&root().join("models/src")) {
        assert!(text(&path).starts_with("//! "), "{} has no module line", path.display());
    }
}
