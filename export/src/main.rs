//! `handful-export`: writes a training run as a verified bundle.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use edge::engine::{EngineChoice, EngineOptions};
use edge::locate::{self, Environment, NotFound};
use export::bundle_writer::{Draft, MAX_BATCH, Proof, Recipe, WriteError, export};
use export::calibrate::{self, Method};
use export::completer::NETWORK;
use export::inspect::{InspectError, Inspection};
use export::recheck::Recheck;
use export::run::{CHECKPOINT, Run, RunError};
use export::variant::Calibration;
use few_shot::evaluate::{Outcome, Report};
use models::bundle::{
    self, Accuracy, Bundle, BundleError, BundleLimits, LARGEST_BATCH, MAX_INPUT_SIZE, Precision,
    WeightStorage,
};
use models::disk;
use models::knowledge::lexicon;
use models::preprocess::Preprocess;
use serde::Deserialize;

const EXAMPLES: &str = "\
Examples:
  handful-export runs/cifar-fs --out models/bundles/resnet12-cifar-fs
  handful-export runs/cifar-fs --out bundles/exact --weights fp32
  handful-export runs/cifar-fs --out bundles/named --lexicon lexicon.bin
  handful-export runs/cifar-fs --out out/b --accuracy val-1.json --accuracy tract=device-1.json
  handful-export runs/lite0 --out bundles/lite0 --precision fp32,int8-u8 --calibrate images/
  handful-export runs/lite0 --out bundles/jetson --precision fp16,int8-s8 --calibrate images/
  handful-export runs/lite0 --out bundles/small --input-size 160
  handful-export inspect bundles/lite0
  handful-export verify bundles/lite0 --against runs/lite0

The run's folder holds best.safetensors and golden.safetensors, as `handful-train pretrain` and
`handful-train import` write them. An existing bundle at --out is replaced; any other
folder that is not empty is left alone.

Exit codes: 0 written, 1 failed (nothing written), 2 bad input (nothing written).";

const MAX_REPORT_BYTES: u64 = 1 << 20;

/// Write a training run as a bundle: fold, write ONNX, verify on every engine here, put in place.
#[derive(Debug, Parser)]
#[command(name = "handful-export", version, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    export: Option<Export>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a bundle is: layers, sizes, accuracy, where it comes from, under what terms
    Inspect {
        /// The bundle's folder.
        bundle: PathBuf,
        /// Print one JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Prove a bundle again: hashes, self-tests on every engine here, and a run's golden outputs
    Verify {
        /// The bundle's folder.
        bundle: PathBuf,
        /// The run that it was made of: its golden outputs are replayed through the fp32 file (for a bundle of another
        /// size, the reference's). Files in other arithmetic are held to their self-tests.
        #[arg(long, value_name = "RUN")]
        against: Option<PathBuf>,
        /// The engine to try: auto (all), tensorrt, cuda, cpu or tract.
        #[arg(long, default_value = "auto")]
        engine: EngineChoice,
        /// ONNX Runtime's library [default: where `handful` looks for it].
        #[arg(long, value_name = "FILE")]
        onnxruntime: Option<PathBuf>,
        /// Print one JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
}

/// Write a run as a bundle.
#[derive(Debug, Args)]
struct Export {
    /// The run's folder.
    run: PathBuf,
    /// The folder to write.
    #[arg(long, value_name = "BUNDLE")]
    out: PathBuf,
    /// The bundle's name [default: the folder's].
    #[arg(long)]
    name: Option<String>,
    /// How weights are stored; fp16 halves the file and is widened when it is loaded.
    #[arg(long, value_enum, default_value = "fp16")]
    weights: Weights,
    /// Side of the images that the network takes, in pixels [default: the run's]. A gallery of one size is of no use to
    /// another. Not with --lexicon: names are learned at the run's own size.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_INPUT_SIZE as u64))]
    input_size: Option<usize>,
    /// The most images of one run, 1 to 4096: TensorRT builds its engine for as many, and a batch takes as much memory.
    #[arg(long, value_name = "N", default_value_t = MAX_BATCH, value_parser = RangedU64ValueParser::<usize>::new().range(1..=LARGEST_BATCH as u64))]
    batch_max: usize,
    /// In which arithmetic the backbone can be run, a comma between two: fp32 always, fp16 for CUDA and TensorRT, int8-u8
    /// for ONNX Runtime on processors, int8-s8 for TensorRT, int8 for both of these.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "fp32")]
    precision: Vec<Arithmetic>,
    /// Images to find ranges of 8-bit numbers with: a data set, or a folder of images for each class; 128 are looked at.
    #[arg(long, value_name = "DATA")]
    calibrate: Option<PathBuf>,
    /// How ranges of 8-bit numbers are chosen.
    #[arg(long, value_enum, default_value = "minmax")]
    ranges: Method,
    /// An accuracy to carry along: a file written by `evaluate --json`, preceded by the engine that
    /// made the embeddings if it was not libtorch, and its precision if it was not fp32. May be repeated.
    #[arg(long, value_name = "[ENGINE[:PRECISION]=]FILE")]
    accuracy: Vec<String>,
    /// The lexicon of `handful-train lexicon`: with it, and `handful-train complete` before, the bundle
    /// also learns from names. It is put beside the bundle, where all bundles of a folder share it.
    #[arg(long, value_name = "FILE")]
    lexicon: Option<PathBuf>,
    /// Under what terms the weights may be used.
    #[arg(long, value_name = "TERMS", default_value = "MIT OR Apache-2.0")]
    license: String,
    /// ONNX Runtime's library, to verify with [default: where `handful` looks for it].
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Weights {
    Fp16,
    Fp32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Arithmetic {
    Fp32,
    Fp16,
    Int8,
    #[value(name = "int8-u8")]
    Int8U8,
    #[value(name = "int8-s8")]
    Int8S8,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (result, json) = match (&arguments.command, &arguments.export) {
        (Some(Command::Inspect { bundle, json }), _) => (inspect(bundle, *json), *json),
        (Some(Command::Verify { bundle, against, engine, onnxruntime, json }), _) => {
            let (against, library) = (against.as_deref(), onnxruntime.as_deref());
            (verify(bundle, against, *engine, library, *json), *json)
        }
        (None, Some(export)) => (run(export), export.json),
        // clap asks for a run where there is no command.
        (None, None) => (Err(BadInput("expected a run to export".to_owned()).into()), false),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report_failure(&error, json);
            ExitCode::from(if is_bad_input(&error) { 2 } else { 1 })
        }
    }
}

fn inspect(bundle: &Path, json: bool) -> anyhow::Result<()> {
    let inspection = Inspection::of(&Bundle::open(bundle, &BundleLimits::default())?)?;
    show(&inspection, json)
}

fn verify(
    bundle: &Path,
    against: Option<&Path>,
    engine: EngineChoice,
    library: Option<&Path>,
    json: bool,
) -> anyhow::Result<()> {
    let bundle = Bundle::open(bundle, &BundleLimits::default())?;
    let run = against.map(Run::open).transpose()?;
    let onnxruntime = locate::onnxruntime_for(engine, library, &Environment::read())?;
    let options = EngineOptions { onnxruntime, ..EngineOptions::default() };
    let recheck = Recheck::of(&bundle, run.as_ref(), engine, &options).map_err(of_the_run)?;
    show(&recheck, json)?;
    anyhow::ensure!(
        recheck.passed(),
        "the bundle does not compute here what it says (see the table)"
    );
    Ok(())
}

/// A run that fails its own proof says nothing about the bundle.
fn of_the_run(error: WriteError) -> anyhow::Error {
    let is_rejected = matches!(error, WriteError::Rejected(_));
    let error = anyhow::Error::new(error);
    if !is_rejected {
        return error;
    }
    error.context(
        "--against: the run's golden.safetensors does not prove its best.safetensors (see the table); they are not of one training",
    )
}

fn show(answer: &(impl std::fmt::Display + serde::Serialize), json: bool) -> anyhow::Result<()> {
    let text = if json { serde_json::to_string_pretty(answer)? } else { answer.to_string() };
    // A closed pipe is the reader's choice.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}

fn run(arguments: &Export) -> anyhow::Result<()> {
    let start = Instant::now();
    let run = Run::open(&arguments.run)?;
    let own = run.checkpoint.preprocess.size;
    let size = arguments.input_size.unwrap_or(own);
    if size != own {
        check_size(arguments, own, size)?;
    }
    let recipe = recipe(arguments, &Preprocess { size, ..run.checkpoint.preprocess.clone() })?;
    let wanted = arguments.onnxruntime.as_deref();
    let onnxruntime = locate::onnxruntime_for(EngineChoice::Auto, wanted, &Environment::read())?;
    let options = EngineOptions { onnxruntime, ..EngineOptions::default() };
    if run.kernel.is_some() && recipe.lexicon.is_none() {
        let reason = match size == own {
            true => "without --lexicon no name can be looked up".to_owned(),
            false => format!("it is for images of {own}x{own}"),
        };
        eprintln!(
            "note: the run has a completer, but {reason}: the bundle learns from images alone"
        );
    }
    if !arguments.json {
        let (run, out) = (arguments.run.display(), arguments.out.display());
        eprintln!("exporting {CHECKPOINT} of {run} to {out}; verifying takes a moment …");
    }
    bundle::check_place(&arguments.out).map_err(WriteError::from)?;
    let run = run.resized(size)?;
    let (draft, proof) = export(&run, &recipe, &options, &arguments.out)?;
    let text = match arguments.json {
        true => as_json(&draft, &proof, &arguments.out),
        false => summary(&draft, &proof, &arguments.out, start),
    };
    // A closed pipe is the reader's choice, and the bundle is in place.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}

/// What belongs to the run's own size cannot go with another one.
fn check_size(arguments: &Export, own: usize, asked: usize) -> Result<(), BadInput> {
    if arguments.lexicon.is_some() {
        return Err(BadInput(format!(
            "--input-size {asked} with --lexicon: names are learned at the run's own size, {own}; leave one of them out, or import the weights with a recipe of that size (`handful-train import --preprocess FILE`) and run `knowledge` and `complete` there"
        )));
    }
    let of_the_run = |given: &&String| !given.contains('=') || given.starts_with("libtorch");
    match arguments.accuracy.iter().find(of_the_run) {
        Some(given) => Err(BadInput(format!(
            "--accuracy {given}: libtorch measured that on images of {own}x{own}, not of {asked}x{asked}; measure the bundle with `handful evaluate` and name the engine, ENGINE=FILE"
        ))),
        None => Ok(()),
    }
}

fn recipe(arguments: &Export, preprocess: &Preprocess) -> anyhow::Result<Recipe> {
    let folder = || Some(arguments.out.file_name()?.to_string_lossy().into_owned());
    Ok(Recipe {
        name: arguments.name.clone().or_else(folder).unwrap_or_default(),
        storage: match arguments.weights {
            Weights::Fp16 => WeightStorage::Fp16,
            Weights::Fp32 => WeightStorage::Fp32,
        },
        max_batch: arguments.batch_max,
        accuracy: arguments
            .accuracy
            .iter()
            .map(|given| accuracy(given))
            .collect::<Result<_, _>>()?,
        weights_license: arguments.license.clone(),
        lexicon: arguments.lexicon.as_deref().map(read_lexicon).transpose()?,
        half_arithmetic: arguments.precision.contains(&Arithmetic::Fp16),
        calibration: calibration(arguments, preprocess)?,
    })
}

/// What variants in integers are made from, if any are asked for.
fn calibration(arguments: &Export, preprocess: &Preprocess) -> anyhow::Result<Option<Calibration>> {
    let mut precisions = Vec::new();
    for asked in &arguments.precision {
        precisions.extend(match asked {
            Arithmetic::Fp32 | Arithmetic::Fp16 => &[][..],
            Arithmetic::Int8 => &[Precision::Int8U8, Precision::Int8S8],
            Arithmetic::Int8U8 => &[Precision::Int8U8],
            Arithmetic::Int8S8 => &[Precision::Int8S8],
        });
    }
    precisions.sort_by_key(|precision| Precision::ALL.iter().position(|known| known == precision));
    precisions.dedup();
    if precisions.is_empty() {
        return Ok(None);
    }
    let missing = || {
        BadInput(
            "--precision int8 needs --calibrate: some of the images that the network was trained on, or will see".to_owned(),
        )
    };
    let data = arguments.calibrate.as_deref().ok_or_else(missing)?;
    let images = calibrate::images(data, preprocess).map_err(WriteError::from)?;
    Ok(Some(Calibration { precisions, images, method: arguments.ranges }))
}

fn read_lexicon(path: &Path) -> Result<Vec<u8>, BadInput> {
    disk::read(path, lexicon::MAX_BYTES).map_err(|e| BadInput(format!("--lexicon: {e}")))
}

/// Reads `[ENGINE[:PRECISION]=]FILE`.
fn accuracy(given: &str) -> Result<Accuracy, BadInput> {
    let (engine, file) = given.split_once('=').unwrap_or(("libtorch", given));
    let bad = |reason: String| BadInput(format!("--accuracy {given}: {reason}"));
    let (engine, word) = engine.split_once(':').unwrap_or((engine, "fp32"));
    let named = Precision::ALL.into_iter().find(|precision| precision.to_string() == word);
    let unknown =
        || bad(format!("unknown precision `{word}`: expected fp32, fp16, int8-u8 or int8-s8"));
    let precision = named.ok_or_else(unknown)?;
    let bytes = disk::read(Path::new(file), MAX_REPORT_BYTES).map_err(|e| bad(e.to_string()))?;
    let report: Report = serde_json::from_slice(&bytes)
        .map_err(|e| bad(format!("not a report of `evaluate --json`: {e}")))?;
    let report = serde_json::to_value(report).expect("invariant: a report has only string keys");
    Ok(Accuracy { engine: engine.to_owned(), precision, report })
}

/// Something that the user gave cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadInput(String);

fn is_bad_input(error: &anyhow::Error) -> bool {
    let write = error.downcast_ref::<WriteError>().is_some_and(WriteError::is_bad_input);
    let bundle = error.is::<BundleError>() || error.is::<InspectError>();
    write || bundle || error.is::<RunError>() || error.is::<NotFound>() || error.is::<BadInput>()
}

fn report_failure(error: &anyhow::Error, json: bool) {
    let rejected = match error.downcast_ref::<WriteError>() {
        Some(WriteError::Rejected(verified)) => Some(verified),
        _ => None,
    };
    if json {
        let object = serde_json::json!({ "written": false, "error": error.to_string(), "verification": rejected });
        let _ = writeln!(std::io::stdout(), "{object:#}");
    } else if let Some(verified) = rejected {
        eprint!("{verified}");
    }
    // Each error already says its cause.
    eprintln!("error: {error}");
}

fn as_json(draft: &Draft, proof: &Proof, out: &Path) -> String {
    let object = serde_json::json!({
        "written": true,
        "bundle": out,
        "name": draft.manifest.name,
        "space_id": draft.manifest.space_id,
        "weights": draft.manifest.backbone.weights,
        "files": draft.manifest.files,
        "verification": proof.backbone,
        "variants": proof.variants.iter().map(|(precision, verified)| (precision.to_string(), verified)).collect::<BTreeMap<_, _>>(),
        "completer_verification": proof.completer,
    });
    format!("{object:#}")
}

fn summary(draft: &Draft, proof: &Proof, out: &Path, start: Instant) -> String {
    let manifest = &draft.manifest;
    let network = &manifest.backbone;
    let (size, bytes) = (manifest.preprocess.size, megabytes(draft.onnx.len()));
    let mut lines = vec![
        format!(
            "  network   {} {size}x{size} -> {} values, {:.2} GFLOP an image, normalizations folded",
            draft.graph.name,
            network.embedding_size,
            network.flops as f64 / 1e9
        ),
        format!(
            "  file      {} {bytes}, weights {}, arithmetic {}, ONNX opset {}",
            network.file, network.weights, network.precision, network.opset
        ),
        format!("  space     {}", manifest.space_id),
        match &manifest.knowledge {
            Some(names) => format!(
                "  names     {} and, beside the bundle, {} ({})",
                names.kernel,
                names.lexicon.file,
                megabytes(names.lexicon.bytes as usize)
            ),
            None => "  names     none: it learns from images alone".to_owned(),
        },
    ];
    lines.extend(manifest.accuracy.iter().flat_map(accuracy_lines));
    lines.push(format!("\n{}", proof.backbone));
    for (precision, verified) in &proof.variants {
        let against = match precision.is_integer() {
            true => "the reference of the same rounding",
            false => "what was trained",
        };
        lines.push(format!("the same in {precision}, against {against}:\n\n{verified}"));
    }
    if let Some(completer) = &proof.completer {
        lines.push(format!("{NETWORK}, from a prototype to a completed one:\n\n{completer}"));
    }
    lines.push(format!(
        "wrote {} ({}) in {:.1} s",
        out.display(),
        megabytes(manifest.files.values().map(|file| file.bytes as usize).sum()),
        start.elapsed().as_secs_f64()
    ));
    lines.join("\n")
}

fn accuracy_lines(accuracy: &Accuracy) -> Vec<String> {
    let Accuracy { engine, precision, report } = accuracy;
    let Ok(report) = Report::deserialize(report) else { return Vec::new() };
    let line = |outcome: &Outcome| {
        format!(
            "  accuracy  {:.2} ± {:.2} % ({}-way {}-shot, {}, {}, {} episodes on {engine} in {precision})",
            100.0 * outcome.accuracy,
            100.0 * outcome.ci95,
            report.n_way,
            report.k_shot,
            outcome.fusion,
            outcome.setting,
            report.episodes
        )
    };
    report.results.iter().map(line).collect()
}

fn megabytes(bytes: usize) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
