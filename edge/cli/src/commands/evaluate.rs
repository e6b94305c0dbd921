//! `handful evaluate`: measures the few-shot accuracy of a bundle on this device, and what it
//! rejects.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use edge::decision;
use edge::device::Device;
use edge::evaluate::{Evaluation, ToReject, evaluate, nameless};
use edge::lexicon::NameKnowledge;
use few_shot::evaluation::episode::EpisodeSpec;
use few_shot::evaluation::report::{Protocol, Report};
use models::bundle::Bundle;
use models::dataset::{Dataset, DatasetError, Half, Split};
use models::disk;
use models::fault::{AnyFault, Message};
use serde::Serialize;
use terminal::note;

use super::inputs::print_notices;
use crate::text::{one_line, progress, show, to_json};

const EXAMPLES: &str = "\
Examples:
  handful evaluate --data cifar_fs.tar.gz --split val --k-shot 5
  handful evaluate my-bundle --data images/ --split base --engine tract --json report.json
  handful evaluate --data caltech_fs.tar.gz --unknown 5 --junk --plot rejection.svg

An episode is one random trial: N classes with K example images each, and query images to classify.
The same seed gives the same episodes as in `handful-train evaluate`, so results are comparable.
With --unknown, each trial also has query images of N other classes, which should be rejected.";

/// Measure the few-shot accuracy of a bundle on a data set, on this device
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Bundle to measure: a folder or a name [default: --bundle]
    #[arg(value_name = "BUNDLE")]
    named: Option<PathBuf>,

    /// Data set: a folder, .zip, .tar, .tar.gz or .tar.xz with manifest.csv, split folders or class
    /// folders; also miniImageNet, CIFAR-100 and tieredImageNet as published
    #[arg(long, value_name = "PATH")]
    data: PathBuf,

    /// Split to draw classes from: base, val or novel; a folder without splits has only base
    #[arg(long, default_value_t = Split::Val)]
    split: Split,

    /// Draw only from every second class of the split, by name: first-half or second-half
    #[arg(long, value_name = "HALF")]
    classes: Option<Half>,

    /// Classes per episode
    #[arg(long, default_value_t = 5, value_name = "N")]
    n_way: usize,

    /// Example images per class
    #[arg(long, default_value_t = 1, value_name = "K")]
    k_shot: usize,

    /// Query images per class
    #[arg(long, default_value_t = 15, value_name = "N")]
    n_query: usize,

    /// Number of episodes
    #[arg(long, default_value_t = 2000, value_name = "N")]
    episodes: u64,

    /// Random seed of the episodes
    #[arg(long, default_value_t = 7)]
    seed: u64,

    /// Also measure rejection: N unknown classes in addition to those of an episode
    #[arg(long, value_name = "N")]
    unknown: Option<usize>,

    /// Also measure rejection of 200 drawn images that show nothing: black, noise, gradients,
    /// strokes
    #[arg(long, requires = "unknown")]
    junk: bool,

    /// Draw ROC curves, and achieved against stated false-accept rates, as an SVG
    #[arg(long, value_name = "FILE", requires = "unknown")]
    plot: Option<PathBuf>,

    /// Print the report as JSON, or write it to FILE; give BUNDLE before it
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    json: Option<Option<PathBuf>>,
}

/// The report, in the form that every program of the project writes.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Answer(Report);

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let dataset = Dataset::open(&options.data).map_err(with_split)?;
    print_notices(&options.data, &dataset, matches!(options.json, Some(None)));
    dataset.filled_split(options.split).map_err(with_split)?;
    let bundle = device.bundle(options.named.as_deref())?;
    let protocol = options.protocol();
    let unknown = options.to_reject(&dataset, &protocol, &bundle)?;
    let knowledge = name_knowledge(&bundle);
    if let Some(knowledge) = &knowledge {
        note_nameless(&nameless(&dataset, &protocol, knowledge));
    }
    let mut embedder = device.embedder(&bundle)?;
    let prints_json = matches!(options.json, Some(None));
    // The number of images is known when `evaluate` has read the split.
    let bar = progress("embedding", 0, prints_json);
    let knowledge = knowledge.as_ref();
    let evaluation = Evaluation { dataset: &dataset, protocol, knowledge, unknown };
    let report = evaluate(&mut embedder, &evaluation, &mut |done, n| {
        bar.set_length(n as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if let Some(file) = &options.plot {
        disk::write(file, report.rejection_svg().as_bytes())?;
    }
    let answer = Answer(Report { left_out: dataset.left_out.clone(), ..report });
    if let Some(Some(file)) = &options.json {
        // The file does not replace the table on standard output.
        disk::write(file, (to_json(&answer) + "\n").as_bytes())?;
    }
    show(&answer, prints_json)?;
    if !prints_json {
        // Not part of the report, so not on standard output.
        let name = &embedder.manifest().name;
        note!("{name} on {} in {}", embedder.provider(), embedder.precision());
    }
    Ok(())
}

/// The error with the option that chooses a split, where that helps.
fn with_split(error: DatasetError) -> AnyFault {
    match error.split_to_use() {
        Some(split) => Message::input(format!("{error}; use `--split {split}`")).into(),
        None => error.into(),
    }
}

/// The bundle's name knowledge; without it classes are learned from images only.
fn name_knowledge(bundle: &Bundle) -> Option<NameKnowledge> {
    NameKnowledge::open(bundle).unwrap_or_else(|error| {
        note!("warning: names: off ({})", one_line(&error.to_string()));
        None
    })
}

fn note_nameless(classes: &[&str]) {
    if !classes.is_empty() {
        let count = classes.len();
        let classes = classes.join(", ");
        note!(
            "note: no WordNet sense found for {count} classes; only their images are used: {classes}"
        );
    }
}

impl Options {
    fn protocol(&self) -> Protocol {
        let Self { n_way, k_shot, n_query, .. } = *self;
        let spec = EpisodeSpec { n_way, k_shot, n_query };
        let Self { split, classes: half, episodes, seed, .. } = *self;
        Protocol { split, half, spec, episodes, seed }
    }

    fn to_reject(
        &self,
        dataset: &Dataset,
        protocol: &Protocol,
        bundle: &Bundle,
    ) -> Result<Option<ToReject>, AnyFault> {
        let Some(n_unknown) = self.unknown else { return Ok(None) };
        let classes = protocol.classes(dataset.filled_split(protocol.split)?);
        protocol.check_unknown(n_unknown, classes.len())?;
        let model = decision::open(bundle)?.ok_or_else(|| {
            let name = &bundle.manifest.name;
            Message::input(format!(
                "--unknown: the bundle {name} has no decision, so it rejects nothing; add one with \
                 handful-export fit-decision"
            ))
        })?;
        Ok(Some(ToReject { n_unknown, model: Arc::new(model), junk: self.junk }))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { n_way, k_shot, n_query, episodes, seed, split, ref results, .. } = self.0;
        writeln!(
            f,
            "{n_way}-way {k_shot}-shot on {split}, {n_query} queries, {episodes} episodes, seed {seed}"
        )?;
        for outcome in results {
            let accuracy = 100.0 * outcome.accuracy;
            let ci95 = 100.0 * outcome.ci95;
            write!(f, "  {:<15}{:<14}", outcome.fusion, outcome.setting)?;
            write!(f, "{accuracy:.2} ± {ci95:.2} %")?;
            if let Some(gain) = outcome.gain {
                write!(f, "  {:+.2} ± {:.2}", 100.0 * gain.accuracy, 100.0 * gain.ci95)?;
            }
            writeln!(f)?;
        }
        write!(f, "{}", self.0.rejection_markdown())
    }
}
