//! Completion: prototypes from knowledge, learned on the base classes.

use anyhow::{Context, Result, ensure};
use few_shot::base_classes::BaseClasses;
use few_shot::embedding_frame::NamePrior;
use few_shot::kernel::NameRegressor;
use few_shot::name_bias::NameBias;
use few_shot::{errors, name_prior};
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::disk;

use super::class_source::{
    ClassSource, TakenOut, base_classes, base_names, classifier, evaluated, known_as, prototypes,
};
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// Numbers of images beside which the errors of knowledge are measured.
const SHOTS: [usize; 4] = [1, 2, 5, 10];

/// Seed of the images that errors are measured with.
const SEED: u64 = 1;

/// What was learned, for a person.
#[derive(Debug)]
pub struct Learned {
    /// The completer.
    pub completer: NameRegressor,
    /// Classes that it learned from.
    pub classes: usize,
    /// Classes that were taken out.
    pub taken_out: usize,
    /// How many images a name is worth, if that was said or validation classes could choose it.
    pub name_prior: Option<NamePrior>,
}

/// Fits the kernel completer to the base classes and writes `kernel.safetensors`.
pub fn complete(
    run: &Run,
    dataset: &Dataset,
    class_source: ClassSource,
    taken_out: TakenOut,
    name_prior: Option<NamePrior>,
    compute: Compute,
) -> Result<Learned> {
    let checkpoint = run.read(&run.best())?;
    let (knowledge, words) = run.knowledge()?;
    let base = base_names(dataset)?;
    let with_images = base_classes(&knowledge, &words, base.iter().map(String::as_str))?;
    let rows = embeddings(run, &checkpoint, dataset, Split::Base, compute)?;
    let mut all = BaseClasses::of_images(with_images, prototypes(&rows)?);
    if class_source != ClassSource::Images {
        let (classes, rows) = classifier(&checkpoint, &knowledge, &words)?;
        all = all.with_classifier(classes, rows.view());
    }
    if class_source == ClassSource::Classifier {
        all = all.taught_by_classifier();
    }
    let is_out = evaluated(&knowledge, taken_out);
    // Classes of images are base classes by the data set's own word, whatever their synsets.
    let base = all.without_rows(|class| is_out(&class.descriptor, class.synset));
    let nothing = || BadInput("no base class is left: all were taken out".to_owned());
    let completer = base.completer(None).with_context(nothing)?;
    let name_prior = match name_prior {
        Some(name_prior) => Some(name_prior),
        None => {
            let is_new = evaluated(&knowledge, TakenOut::Evaluated);
            let honest = match taken_out {
                // Chosen where names are new, even for a completer that knows them all.
                TakenOut::None => base
                    .without_rows(|class| is_new(&class.descriptor, class.synset))
                    .completer(Some(completer.ridge())),
                TakenOut::Evaluated | TakenOut::Relatives => Some(completer.clone()),
            };
            let choose = |honest| chosen_name_prior(run, &checkpoint, dataset, &honest, compute);
            honest.map(choose).transpose()?.flatten()
        }
    };
    let completer = completer.with_name_prior(name_prior.unwrap_or(NamePrior::ONE));
    // Without another synset to learn from there is nothing to measure, and a completer all the same.
    let semantic = base.left_out(completer.ridge());
    let measured = |k| Some((k, errors::estimate(semantic.as_ref()?.view(), &rows, k, SEED)?));
    let errors = SHOTS.into_iter().filter_map(measured).collect();
    let frame = completer.frame();
    let name_bias = semantic
        .as_ref()
        .map(|semantic| NameBias::measured(semantic.view(), &rows, frame, SHOTS, SEED));
    let completer = completer.with_errors(errors).with_name_bias(name_bias.unwrap_or_default());
    disk::write(&run.kernel(), &completer.to_bytes(&checkpoint.space_id()?)?)?;
    let (classes, taken_out) = (base.len(), all.len() - base.len());
    Ok(Learned { completer, classes, taken_out, name_prior })
}

/// How many images a name is worth on the validation classes; `None` where these are too few to choose by.
fn chosen_name_prior(
    run: &Run,
    checkpoint: &Checkpoint,
    dataset: &Dataset,
    completer: &NameRegressor,
    compute: Compute,
) -> Result<Option<NamePrior>> {
    let classes = dataset.split(Split::Val);
    if classes.is_empty() {
        return Ok(None);
    }
    let rows = embeddings(run, checkpoint, dataset, Split::Val, compute)?;
    let (knowledge, words) = run.knowledge()?;
    let names = classes.iter().map(|class| class.name.as_str());
    let semantic = completer.semantic(&known_as(&knowledge, &words, names)?);
    Ok(name_prior::chosen(semantic.view(), &rows, completer.frame(), SEED))
}

/// The run's kernel completer, if it has one; it must be of the same embedding space as the checkpoint.
pub fn completer(run: &Run, checkpoint: &Checkpoint) -> Result<Option<NameRegressor>> {
    let path = run.kernel();
    if !path.exists() {
        return Ok(None);
    }
    let bytes = disk::read(&path, few_shot::kernel::MAX_BYTES)?;
    let parsed = NameRegressor::parse(&bytes);
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
