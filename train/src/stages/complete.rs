//! Completion: prototypes from knowledge, learned on the base classes.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::disk;
use models::few_shot::base_classes::{BaseClass, BaseClasses};
use models::few_shot::kernel::{KernelCompleter, KnownAs};
use models::few_shot::lift::Lifts;
use models::few_shot::{errors, prototype};
use models::knowledge::attributes::{Knowledge, KnownClass, Words};
use models::knowledge::wordnet::SynsetId;
use ndarray::{Array2, Axis, Ix2, stack};

use super::statistics::unknown;
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// Numbers of pictures beside which the errors of knowledge are measured.
const SHOTS: [usize; 4] = [1, 2, 5, 10];

/// Seed of the pictures that errors are measured with.
const SEED: u64 = 1;

/// What the kernel completer learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Teachers {
    /// The pictures of the base classes.
    Pictures,
    /// The rows of the checkpoint's classifier; pictures only measure.
    Classifier,
    /// Pictures and rows.
    Both,
}

/// Which classes of a classifier take no part, so that what is evaluated was not learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TakenOut {
    /// Those of validation and novel classes.
    Evaluated,
    /// Those, and all that one of them is a kind of or that is a kind of one of them.
    Relatives,
    /// None: for a product, never for a figure.
    None,
}

/// What was learned, for a person.
#[derive(Debug)]
pub struct Learned {
    /// The completer.
    pub completer: KernelCompleter,
    /// Classes that it learned from.
    pub classes: usize,
    /// Classes that were taken out.
    pub taken_out: usize,
}

/// Fits the kernel completer to the base classes and writes `kernel.safetensors`.
pub fn complete(
    run: &Run,
    dataset: &Dataset,
    teachers: Teachers,
    taken_out: TakenOut,
    compute: Compute,
) -> Result<Learned> {
    let checkpoint = run.read(&run.best())?;
    let (knowledge, words) = run.knowledge()?;
    let base = dataset.split(Split::Base);
    let few =
        || BadInput(format!("the data has {} base class(es), expected at least 2", base.len()));
    ensure!(base.len() > 1, few());
    let pictured = base_classes(&knowledge, &words, base.iter().map(|class| class.name.as_str()))?;
    let rows = embeddings(run, &checkpoint, dataset, Split::Base, compute)?;
    let means: Vec<_> = rows.iter().map(|rows| prototype::mean(rows.view())).collect();
    let means: Vec<_> = means.iter().map(|mean| mean.view()).collect();
    let prototypes: Array2<f32> = stack(Axis(0), &means).context("embeddings differ in size")?;
    let mut all = BaseClasses::of_pictures(pictured, prototypes);
    if teachers != Teachers::Pictures {
        let (classes, rows) = classifier(&checkpoint, &knowledge, &words)?;
        all = all.with_classifier(classes, rows.view());
    }
    if teachers == Teachers::Classifier {
        all = all.taught_by_classifier();
    }
    let is_out = evaluated(&knowledge, taken_out);
    // Classes of pictures are base classes by the data set's own word, whatever their synsets.
    let base = all.without_rows(|class| is_out(&class.known, class.synset));
    let nothing = || BadInput("no base class is left: all were taken out".to_owned());
    let completer = base.completer(None).with_context(nothing)?;
    // Without another synset to learn from there is nothing to measure, and a completer all the same.
    let semantic = base.left_out(completer.ridge());
    let measured = |k| Some((k, errors::estimate(semantic.as_ref()?.view(), &rows, k, SEED)?));
    let errors = SHOTS.into_iter().filter_map(measured).collect();
    let space = completer.space();
    let lifts = semantic
        .as_ref()
        .map(|semantic| Lifts::measured(semantic.view(), &rows, space, SHOTS, SEED));
    let completer = completer.with_errors(errors).with_lifts(lifts.unwrap_or_default());
    disk::write(&run.kernel(), &completer.to_bytes(&checkpoint.space_id()?)?)?;
    Ok(Learned { completer, classes: base.len(), taken_out: all.len() - base.len() })
}

/// The rows of the checkpoint's classifier, `[K, s]`, and their classes.
fn classifier(
    checkpoint: &Checkpoint,
    knowledge: &Knowledge,
    words: &Words,
) -> Result<(Vec<BaseClass>, Array2<f32>)> {
    let missing = || {
        BadInput(
            "the run has no classifier with the names of its classes: use --teachers pictures"
                .to_owned(),
        )
    };
    let weight = checkpoint.parameters.get("head.weight").ok_or_else(missing)?;
    ensure!(weight.shape().first() == Some(&checkpoint.classes.len()), missing());
    let rows = weight.clone().into_dimensionality::<Ix2>().context("a classifier is a matrix")?;
    let names = checkpoint.classes.iter().map(String::as_str);
    Ok((base_classes(knowledge, words, names)?, rows))
}

/// Whether a class takes no part, by what is known of it and its synset.
fn evaluated(knowledge: &Knowledge, out: TakenOut) -> impl Fn(&KnownAs, SynsetId) -> bool + use<> {
    let classes = knowledge.classes.iter().filter(|class| class.split != Split::Base);
    let classes: Vec<&KnownClass> = classes.filter(|_| out != TakenOut::None).collect();
    let synsets: BTreeSet<SynsetId> = classes.iter().map(|class| class.wnid).collect();
    let is_relative = out == TakenOut::Relatives;
    let above: BTreeSet<SynsetId> = classes
        .iter()
        .filter(|_| is_relative)
        .flat_map(|class| class.ancestors.iter().copied())
        .collect();
    move |known, synset| {
        let below = || is_relative && known.line.iter().any(|id| synsets.contains(id));
        synsets.contains(&synset) || above.contains(&synset) || below()
    }
}

/// The run's kernel completer, if it has one; it must be of the same embedding space as the checkpoint.
pub fn completer(run: &Run, checkpoint: &Checkpoint) -> Result<Option<KernelCompleter>> {
    let path = run.kernel();
    if !path.exists() {
        return Ok(None);
    }
    let bytes = disk::read(&path, models::few_shot::kernel::MAX_BYTES)?;
    let parsed = KernelCompleter::parse(&bytes);
    let (space_id, completer) =
        parsed.with_context(|| format!("{} is not usable", path.display()))?;
    let other = || {
        BadInput(format!(
            "{} is of another backbone: run handful-train complete again",
            path.display()
        ))
    };
    ensure!(space_id == checkpoint.space_id()?, other());
    Ok(Some(completer))
}

/// What is known of these classes.
pub fn known_as<'a>(
    knowledge: &Knowledge,
    words: &Words,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<KnownAs>> {
    let classes = base_classes(knowledge, words, names)?;
    Ok(classes.into_iter().map(|class| class.known).collect())
}

/// The same with their synsets.
fn base_classes<'a>(
    knowledge: &Knowledge,
    words: &Words,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<BaseClass>> {
    names
        .map(|name| {
            let row = knowledge.classes.iter().position(|class| class.name == name);
            let row = row.ok_or_else(|| BadInput(unknown(name)))?;
            let class = &knowledge.classes[row];
            let mut line = class.ancestors.clone();
            line.push(class.wnid);
            line.sort_unstable();
            let known = KnownAs { word: words.classes.row(row).to_owned(), line };
            Ok(BaseClass { synset: class.wnid, known })
        })
        .collect()
}
