//! The workspace as text: its packages, and the product code of their source files.

pub(crate) mod lexer;
mod product;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::{Table, Value};

/// Folders that hold no product code, wherever they lie in a package.
const NOT_PRODUCT: [&str; 4] = ["tests", "benches", "fuzz", "target"];

/// A member of the workspace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the checkout.
    pub(crate) folder: PathBuf,
}

/// The product code of one source file.
pub(crate) struct Source {
    /// Relative to the checkout.
    pub(crate) path: PathBuf,
    /// The lines of test items are blank, so line numbers stay true.
    pub(crate) text: String,
    /// Lines of the file that belong to no test item.
    pub(crate) lines: usize,
    /// Without test items.
    pub(crate) syntax: syn::File,
    /// Modules of this file that are compiled for tests only and live in files of their own.
    test_modules: Vec<String>,
}

/// The members that the manifest of the workspace lists, in its order.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>> {
    let workspace = manifest(root)?;
    let members = workspace.get("workspace").and_then(|workspace| workspace.get("members"));
    let members = members.and_then(Value::as_array).context("Cargo.toml lists no members")?;
    members.iter().filter_map(Value::as_str).map(|folder| package(root, folder)).collect()
}

fn package(root: &Path, folder: &str) -> Result<Package> {
    let manifest = manifest(&root.join(folder))?;
    let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
    let name = name.with_context(|| format!("{folder}/Cargo.toml names no package"))?;
    Ok(Package { name: name.to_owned(), folder: folder.into() })
}

/// The `Cargo.toml` of a folder.
pub(crate) fn manifest(folder: &Path) -> Result<Table> {
    let path = folder.join("Cargo.toml");
    read(&path)?.parse().with_context(|| format!("{} is not TOML", path.display()))
}

/// Product code of a package, sorted by path. A package below its folder is not part of it.
pub(crate) fn sources(root: &Path, package: &Package) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in rust_files(&root.join(&package.folder))? {
        let relative = path.strip_prefix(root).context("invariant: found below the checkout")?;
        sources.push(Source::parse(relative, &read(&path)?)?);
    }
    // A file does not show that it is test code; the `mod` item of its parent does.
    let tests: Vec<PathBuf> = sources.iter().flat_map(Source::test_files).collect();
    sources.retain(|source| !tests.iter().any(|test| source.path.starts_with(test)));
    Ok(sources)
}

/// Files that end in `.rs`, except those of tests and of other packages.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() && !is_left_out(&path) {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            files.push(path);
        }
    }
    Ok(files)
}

fn is_left_out(folder: &Path) -> bool {
    // `models/few-shot` lies within `models`, yet is measured on its own.
    let is_other_package = folder.join("Cargo.toml").exists();
    is_other_package || NOT_PRODUCT.iter().any(|name| folder.ends_with(name))
}

/// What lies in a folder, sorted, without hidden names.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in read {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

impl Source {
    /// True for the first file of a library or a program.
    pub(crate) fn is_crate_root(&self) -> bool {
        let is_program = self.path.parent().is_some_and(|folder| folder.ends_with("src/bin"));
        is_program || ["lib.rs", "main.rs"].iter().any(|name| self.path.ends_with(name))
    }

    /// The folder where the modules of this file have theirs.
    pub(crate) fn children_folder(&self) -> PathBuf {
        let is_beside = ["mod.rs", "build.rs"].iter().any(|name| self.path.ends_with(name));
        match is_beside || self.is_crate_root() {
            true => self.path.parent().unwrap_or(Path::new("")).to_owned(),
            false => self.path.with_extension(""),
        }
    }

    /// Files and folders of the modules that are compiled for tests only.
    fn test_files(&self) -> Vec<PathBuf> {
        let folder = self.children_folder();
        let names = self.test_modules.iter();
        names.flat_map(|name| [folder.join(name), folder.join(format!("{name}.rs"))]).collect()
    }
}
