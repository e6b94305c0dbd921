//! `handful-train evaluate`: the few-shot accuracy of a run.

use std::path::PathBuf;

use anyhow::Result;
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::episode::EpisodeSpec;
use few_shot::evaluation::label_noise::LabelNoise;
use few_shot::evaluation::report::{Protocol, Report};
use few_shot::evaluation::unlabeled::Unlabeled;
use models::dataset::{DatasetError, Half, Split};
use models::disk;
use models::fault::Message;
use terminal::note;
use train::run::Run;
use train::stages::evaluate::{CompleterChoice, Evaluation, evaluate};

use super::{ComputeArguments, open, print_line};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The run's folder.
    run: PathBuf,
    /// Images, as for pretrain.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Split to evaluate: base, val or novel.
    #[arg(long, default_value = "val")]
    split: Split,
    /// Draw only from every second class of the split, by name: first-half or second-half.
    #[arg(long, value_name = "HALF")]
    classes: Option<Half>,
    /// Classes per episode.
    #[arg(long, default_value_t = 5)]
    n_way: usize,
    /// Labeled images per class.
    #[arg(long, default_value_t = 1)]
    k_shot: usize,
    /// Query images per class.
    #[arg(long, default_value_t = 15)]
    n_query: usize,
    /// Number of episodes.
    #[arg(long, default_value_t = 2000)]
    episodes: u64,
    /// Random seed of the episodes.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Replace class names to measure robustness: none, wrong (all names are wrong), equal (all
    /// classes have the same name), one-wrong (one name is wrong) or swapped (two names are
    /// exchanged). Needs a name regressor.
    #[arg(long, value_name = "NOISE", default_value_t = LabelNoise::None)]
    label_noise: LabelNoise,
    /// Query images of each class that a transductive policy uses as unlabeled images [default:
    /// all].
    #[arg(long, value_name = "N")]
    unlabeled: Option<usize>,
    /// Unlabeled images of other classes, per class, that a transductive policy also uses.
    #[arg(long, value_name = "N", default_value_t = 0)]
    distractors: usize,
    /// Give the classes unequal numbers of unlabeled images: all for the first, almost none for the
    /// last.
    #[arg(long)]
    unbalanced: bool,
    /// Also evaluate generalized zero-shot recognition: N classes of each episode have a name but
    /// no labeled images.
    #[arg(long, value_name = "N")]
    generalized_zero_shot: Option<usize>,
    /// Also measure rejection: N unknown classes in addition to those of an episode. Needs the
    /// decision that handful-train complete fits.
    #[arg(long, value_name = "N")]
    unknown: Option<usize>,
    /// Draw ROC curves, and achieved against stated false-accept rates, as an SVG.
    #[arg(long, value_name = "FILE", requires = "unknown")]
    plot: Option<PathBuf>,
    /// Completer whose prototypes are evaluated.
    #[arg(long, value_enum, default_value = "kernel")]
    completer: CompleterChoice,
    /// Write the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArguments,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let compute = options.compute.for_figures()?;
    let dataset = open(&options.data).map_err(with_split)?;
    dataset.filled_split(options.split).map_err(|error| with_split(error.into()))?;
    let report = evaluate(&Run::new(&options.run), &dataset, &options.evaluation(), compute)?;
    let report = Report { left_out: dataset.left_out.clone(), ..report };
    let json = serde_json::to_string_pretty(&report)?;
    if let Some(path) = &options.json {
        disk::write(path, json.as_bytes())?;
    }
    if let Some(path) = &options.plot {
        disk::write(path, report.rejection_svg().as_bytes())?;
    }
    if report.results.len() > 1 || report.n_unknown.is_some() {
        // Standard output carries only the JSON, so that it can be piped into a program.
        note!("\n{}", report.to_markdown());
    }
    print_line(format_args!("{json}"))
}

/// The error with the option that chooses a split, where that helps.
fn with_split(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<DatasetError>().and_then(DatasetError::split_to_use) {
        Some(split) => Message::input(format!("{error}; use `--split {split}`")).into(),
        None => error,
    }
}

impl Options {
    fn evaluation(&self) -> Evaluation {
        let Self { n_way, k_shot, n_query, split, classes: half, episodes, seed, .. } = *self;
        let spec = EpisodeSpec { n_way, k_shot, n_query };
        Evaluation {
            protocol: Protocol { split, half, spec, episodes, seed },
            conditions: Conditions {
                label_noise: self.label_noise,
                unlabeled: self.unlabeled_images(),
            },
            unseen_classes: self.generalized_zero_shot,
            n_unknown: self.unknown,
            completer: self.completer,
        }
    }

    /// The unlabeled images, or `None` for the default: all queries and nothing else.
    fn unlabeled_images(&self) -> Option<Unlabeled> {
        let Self { unlabeled, distractors, unbalanced, n_query, .. } = *self;
        let is_special = unlabeled.is_some() || distractors > 0 || unbalanced;
        let per_class = unlabeled.unwrap_or(n_query);
        is_special.then_some(Unlabeled { per_class, distractors, unbalanced })
    }
}
