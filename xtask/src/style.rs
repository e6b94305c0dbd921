//! `cargo xtask style`: measures how the sources read and holds them to limits.

mod examples;
mod limits;
mod lines;
mod numbers;
mod report;
mod syntax;

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;

use crate::sources::{Package, packages, sources};
use numbers::Numbers;

const HELP: &str = "\
Columns, for product code (tests, benches and fuzz targets are left out):
  files    source files             >450     files with more than 450 lines
  code     lines with code          fn       functions and methods with a body
  p50 p90 max                       lines of a function, signature to closing brace
  >60      % of functions with more than 60 lines
  closure  closures with a name (`let f = |x| …`, `let f = &|x| …`) per 1,000 lines of code
  tuple    `let (a, b) = (x, y);` per 1,000 lines of code
  plain    lines with a `//` comment, in % of the lines of code; aim for 3, the limit is 2
  doc      lines with a `///` or `//!` comment, in % of the lines of code
  >100     comment lines with more than 100 columns
  no-ex    public modules of edge and few-shot without a doc example that compiles
  ex       doc examples that compile (edge and few-shot)

Limits: p50, p90, closure, tuple, plain and ex hold for the whole workspace; >450, >60, >100
and no-ex hold for every file, function, line and module. A violation ends with exit status 1.

Example:
  $ cargo xtask style --worst | grep edge/src
  closure   edge/src/explain.rs:41: at";

/// What to print.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// Print the numbers as JSON.
    #[arg(long)]
    json: bool,
    /// List the longest functions and files, and every place that counts against a limit.
    #[arg(long, conflicts_with = "json")]
    worst: bool,
}

/// Prints the house numbers by crate; `true` when all limits hold.
pub(crate) fn style(root: &Path, options: &Options) -> Result<bool> {
    let mut crates = Vec::new();
    for package in packages(root)? {
        let numbers = measure(root, &package)?;
        crates.push((package.name, numbers));
    }
    let mut all = Numbers::default();
    for (_, numbers) in &crates {
        all.add(numbers);
    }
    // The last row, which the limits of the whole workspace are held against.
    crates.push(("all".to_owned(), all));
    print(&crates, options)
}

fn measure(root: &Path, package: &Package) -> Result<Numbers> {
    let sources = sources(root, package)?;
    let mut numbers = Numbers::default();
    for source in &sources {
        syntax::measure(source, &mut numbers);
        lines::measure(source, &mut numbers);
    }
    if examples::are_wanted(&package.folder) {
        examples::measure(&sources, &mut numbers);
    }
    Ok(numbers)
}

fn print(crates: &[(String, Numbers)], options: &Options) -> Result<bool> {
    let (_, all) = crates.last().context("invariant: the sum is there")?;
    let violations = limits::violations(all);
    if options.json {
        println!("{}", report::json(crates, &violations)?);
        return Ok(violations.is_empty());
    }
    if options.worst {
        print!("{}", report::worst(all));
    }
    print!("{}", report::table(crates));
    for violation in &violations {
        println!("limit: {violation}");
    }
    Ok(violations.is_empty())
}
