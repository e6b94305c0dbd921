//! `handful-export fit-decision`: fits the decision of a bundle on base classes.

mod text;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use edge::embedder::Embedder;
use edge::engine::{EngineChoice, EngineOptions, PrecisionChoice};
use edge::locate::{self, Environment};
use export::fit_decision::{FitInputs, FittedDecision, NamedDataset, write};
use models::bundle::{self, Bundle, BundleLimits, Precision};
use models::dataset::{Dataset, Half, LeftOut};
use models::fault::AnyFault;
use serde_json::{Value, json};
use terminal::note;

use super::output::progress;

/// The ends of the names of archives, which are no part of a data set's name.
const ARCHIVES: [&str; 6] = [".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar", ".zip"];

const EXAMPLES: &str = "\
Examples:
  handful-export fit-decision bundles/lite0 --data caltech.tar.gz --data cifar_fs.tar.gz
  handful-export fit-decision bundles/lite0 --data photos/ --out bundles/lite0-photos
  handful-export fit-decision bundles/lite0 --data caltech.tar.gz --hold-out second-half --out half

The decision separates known images from unknown ones: its limits are fitted to galleries that are drawn
from the base classes of each data set. Give images like those that the bundle will see, of many
classes. Give the data set that the name regressor was trained on, too: its classes would otherwise
be taken for rows of the classifier. All other files of the bundle stay as they are.

Exit codes: 0 written, 1 failed (nothing written), 2 bad input (nothing written).";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FitDecisionArguments {
    /// The bundle's folder.
    bundle: PathBuf,
    /// A data set whose base classes are used. Each data set counts the same. Repeatable.
    #[arg(long, value_name = "PATH", required = true)]
    data: Vec<PathBuf>,
    /// The folder to write the bundle to [default: the bundle is replaced].
    #[arg(long, value_name = "BUNDLE")]
    out: Option<PathBuf>,
    /// Random seed of the galleries.
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Half of the base classes to leave out of the fit, and to measure the result on: first-half
    /// (every second class by name, from the first one on) or second-half (the others).
    #[arg(long, value_name = "HALF")]
    hold_out: Option<Half>,
    /// The engine to embed with: auto, tensorrt, cuda, cpu or tract.
    #[arg(long, default_value = "auto")]
    engine: EngineChoice,
    /// ONNX Runtime's library [default: ORT_DYLIB_PATH, or next to this program].
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &FitDecisionArguments) -> Result<(), AnyFault> {
    let start = Instant::now();
    let bundle = Bundle::open(&arguments.bundle, &BundleLimits::default())?;
    let out = arguments.out.as_ref().unwrap_or(&arguments.bundle);
    // Embedding takes minutes: refuse a taken place before.
    bundle::check_place(out)?;
    let datasets: Vec<NamedDataset> = arguments
        .data
        .iter()
        .map(|path| open(path, arguments.json))
        .collect::<Result<_, AnyFault>>()?;
    let fitted = fitted(arguments, &bundle, &datasets)?;
    write(&bundle, &fitted.fit.model, out)?;
    terminal::print(match arguments.json {
        true => text::json(&fitted, &left_out(&datasets), out),
        false => text::summary(&fitted, arguments.hold_out, out, start.elapsed()),
    })?;
    Ok(())
}

fn fitted(
    arguments: &FitDecisionArguments,
    bundle: &Bundle,
    datasets: &[NamedDataset],
) -> Result<FittedDecision, AnyFault> {
    let library = arguments.onnxruntime.as_deref();
    let environment = Environment::read();
    let engine = locate::engine_for(arguments.engine, library, &environment);
    let onnxruntime = locate::onnxruntime_for(engine, library, &environment)?;
    // Integers would add their own noise, and not every bundle has them.
    let precision = PrecisionChoice::Only(Precision::Fp32);
    let options = EngineOptions { onnxruntime, precision, ..EngineOptions::default() };
    let mut embedder = Embedder::open(bundle, engine, &options)?;
    let bar = progress("embedding", "images", arguments.json);
    let hold_out = arguments.hold_out;
    let inputs = FitInputs::embed(&mut embedder, bundle, datasets, hold_out, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let bar = progress("fitting", "galleries", arguments.json);
    let fitted = inputs.fitted(arguments.seed, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    Ok(fitted)
}

/// What the data sets leave out, each entry with the name of its data set.
fn left_out(datasets: &[NamedDataset]) -> Vec<Value> {
    let mut all = Vec::new();
    for NamedDataset { name, dataset } in datasets {
        for LeftOut { path, reason } in &dataset.left_out {
            all.push(json!({ "data": name, "path": path, "reason": reason }));
        }
    }
    all
}

/// Opens a data set, and names it after its file.
fn open(path: &Path, json: bool) -> Result<NamedDataset, AnyFault> {
    let dataset = Dataset::open(path)?;
    for line in
        dataset.notices(if json { ", all of them in the JSON" } else { "; --json lists all" })
    {
        note!("warning: {}: {line}", path.display());
    }
    let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let file = file.file_name().map(|file| file.to_string_lossy().into_owned());
    let name = file.unwrap_or_else(|| path.display().to_string());
    let stem = ARCHIVES.iter().find_map(|end| name.strip_suffix(end));
    Ok(NamedDataset { name: stem.unwrap_or(&name).to_owned(), dataset })
}
