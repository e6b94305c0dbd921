//! The guide as a site: the documents of the checkout as an mdBook, with the reference of the API.
//!
//! The pages keep the places that the documents have in the checkout, so their links are the same.
//! Nothing of the site is loaded from another host.

mod api;
pub(crate) mod book;
mod pages;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::sources::read;

/// Where the book is built.
const BOOK: &str = "target/book";

/// The version that is installed where none is.
const MDBOOK: &str = "0.5.4";

/// Builds the site in `target/book/html`; with `rust`, also the reference of the Rust library.
pub(crate) fn docs(root: &Path, rust: bool) -> Result<()> {
    let program = mdbook(root)?;
    let folder = root.join(BOOK);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {BOOK}"))?;
    }
    let document = serde_json::from_str(&read(&root.join("docs/openapi.json"))?)?;
    book::stage(root, &folder, &api::reference(&document)?)?;
    process::run(Command::new(program).arg("build").arg(&folder))?;
    let site = folder.join("html");
    if rust {
        add_rust(root, &site)?;
    }
    let lost = pages::problems(&site)?;
    if !lost.is_empty() {
        bail!("the site has {} broken links:\n{}", lost.len(), lost.join("\n"));
    }
    println!("the site: {}/html/index.html", folder.display());
    Ok(())
}

/// mdBook: that of the machine, or one of our own in `target/tools`, which compiles for minutes.
fn mdbook(root: &Path) -> Result<OsString> {
    let ours = root.join("target/tools");
    let installed = ours.join("bin/mdbook");
    for program in [PathBuf::from("mdbook"), installed.clone()] {
        let mut version = Command::new(&program);
        version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null());
        if version.status().is_ok_and(|status| status.success()) {
            return Ok(program.into());
        }
    }
    println!("docs: installing mdbook {MDBOOK} into target/tools (some minutes)");
    let mut install = process::cargo(root);
    install.args(["install", "mdbook", "--version", MDBOOK, "--locked"]);
    install.args(["--no-default-features", "--features", "search", "--root"]).arg(ours);
    process::run(&mut install)?;
    Ok(installed.into())
}

/// The reference of the libraries that others use, as the folder `rust` of the site.
fn add_rust(root: &Path, site: &Path) -> Result<()> {
    let made = root.join(BOOK).join("rustdoc");
    let mut doc = process::cargo(root);
    doc.args(["doc", "--no-deps", "--release", "--target-dir"]).arg(&made);
    doc.args(["-p", "handful-edge", "-p", "handful-few-shot", "-p", "handful-models"]);
    process::run(&mut doc)?;
    fs::rename(made.join("doc"), site.join("rust")).context("cannot move the Rust reference")
}
