//! Project chores: `cargo xtask setup | test | style | results | client | docs | container |
//! nightly | release | ci | dist`.
//!
//! Everything a checkout needs beyond crates is fetched here, by package name and only when it is
//! missing; everything a change must pass is run here, so that a person and CI type the same words.

mod ci;
mod client;
mod container;
mod dist;
mod docs;
mod nightly;
mod process;
mod release;
mod results;
#[cfg(test)]
mod rules;
mod running;
mod setup;
mod sources;
mod style;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  cargo xtask setup     fetch what the tests and the training need, once
  cargo xtask test      the same, then every test of every crate
  cargo xtask style     how the sources read: lengths of functions and files, closures, comments
  cargo xtask results   write the accuracy tables of README.md and docs/results.md
  cargo xtask client    write what is generated of the Python client from docs/openapi.json
  cargo xtask docs      build the guide as a site, in target/book/html
  cargo xtask container gather the root of the container image, and start the service in it
  cargo xtask nightly fuzz
                        what takes hours: fuzzing, or the service under load
  cargo xtask release 0.2.0
                        make everything of a version but its commit and its tag
  cargo xtask ci        format, licenses, lints, style, documentation, tests, benchmarks, a start of
                        the service, the Python client, the example
  cargo xtask dist      the files that users install: archives, packages, lists of contents, hashes";

/// Chores of this project.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Make `.venv` (Python checks of exported models) and `.libtorch` (for `train`) if missing.
    Setup {
        /// Lay them in this folder instead of the checkout.
        #[arg(long, value_name = "FOLDER")]
        into: Option<PathBuf>,
        /// Fetch WordNet and word vectors into `.knowledge` instead, for `handful-train knowledge`.
        #[arg(long)]
        knowledge: bool,
        /// Fetch an EfficientNet-Lite0 trained on ImageNet into `.weights` instead, for
        /// `handful-train import`.
        #[arg(long, conflicts_with = "knowledge")]
        weights: bool,
    },
    /// Set up, then run every test of every crate and count what passed, failed and was skipped.
    Test,
    /// Measure how the sources read, by crate, and hold them to the limits.
    Style(style::Options),
    /// Run every check a change must pass, cheapest first.
    Ci,
    /// Write the accuracy tables of README.md and docs/results.md from docs/reports.
    Results {
        /// Only compare; fail when a table differs from its reports.
        #[arg(long)]
        check: bool,
    },
    /// Write the generated part of the Python client in clients/python.
    Client,
    /// Build the guide as a site, with the reference of the HTTP API, and check its links.
    Docs {
        /// Add the reference of the Rust library, which takes minutes.
        #[arg(long)]
        rust: bool,
    },
    /// Gather the root of the container image, and start the service in it.
    Container,
    /// Fuzz every reader, or run the service for an hour.
    Nightly {
        /// What to do.
        work: nightly::Work,
    },
    /// Check the tree, write versions and dates, build what users get, and write the notes.
    Release {
        /// The version, such as 0.2.0.
        version: String,
        /// Only write the notes, of a version that is made.
        #[arg(long)]
        notes: bool,
    },
    /// Build the programs for every processor and make what users install, in target/dist.
    Dist(dist::Options),
}

fn main() -> ExitCode {
    match run(Cli::parse().chore) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does a chore; `false` when it ran to its end and found something wrong.
fn run(chore: Chore) -> Result<bool> {
    let root = root()?;
    match chore {
        Chore::Setup { into, knowledge, weights } => {
            let home = into.unwrap_or(root);
            let lay = match (knowledge, weights) {
                (true, _) => setup::knowledge,
                (_, true) => setup::weights,
                _ => setup::setup,
            };
            lay(&home).map(|()| true)
        }
        Chore::Test => Ok(test::test(&root)),
        Chore::Style(options) => style::style(&root, &options),
        Chore::Ci => Ok(ci::ci(&root)),
        Chore::Results { check } => results::results(&root, check),
        Chore::Client => client::generate(&root).map(|()| true),
        Chore::Docs { rust } => docs::docs(&root, rust).map(|()| true),
        Chore::Container => container::container(&root).map(|()| true),
        Chore::Nightly { work } => nightly::nightly(&root, work).map(|()| true),
        Chore::Release { version, notes: true } => release::notes(&root, &version).map(|()| true),
        Chore::Release { version, .. } => release::release(&root, &version).map(|()| true),
        Chore::Dist(options) => dist::dist(&root, &options).map(|()| true),
    }
}

/// The checkout: the folder above this package, from the variable that cargo sets.
fn root() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let package = PathBuf::from(package);
    let root = package.parent().context("xtask has no parent folder")?;
    Ok(root.to_path_buf())
}
