//! Fits the name regressor on the base classes (kernel ridge regression, in closed form), and with
//! it the decision between known and unknown images.

use anyhow::{Context, Result, ensure};
use few_shot::decision::background::Background;
use few_shot::fit::base_classes::BaseClasses;
use few_shot::fit::decision_fit::{
    self, BaseSet, DecisionFit, DecisionFitError, FitReport, NameConstants,
};
use few_shot::fit::{estimator_errors, name_bias, name_prior};
use few_shot::kernel::NameRegressor;
use few_shot::name_prior::NamePrior;
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::disk;
use models::knowledge::attributes::{Knowledge, Words};
use ndarray::Array2;

use super::class_source::{
    ClassSource, Exclusion, base_classes, base_names, classifier, evaluated, known_as, prototypes,
};
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::metrics::progress_bar;
use crate::net::Compute;
use crate::run::Run;

/// Shots at which the errors of semantic prototypes are measured.
const SHOTS: [usize; 4] = [1, 2, 5, 10];

/// Seed of the images that errors are measured with.
const SEED: u64 = 1;

/// The result of [`complete`].
#[derive(Debug)]
pub struct Learned {
    /// The name regressor.
    pub completer: NameRegressor,
    /// Number of classes that it was fitted to.
    pub classes: usize,
    /// Number of excluded classes.
    pub excluded: usize,
    /// The name prior, if it was given or could be tuned on validation classes.
    pub name_prior: Option<NamePrior>,
    /// The decision; the reason if the base classes are too few.
    pub decision: Result<FitReport, DecisionFitError>,
}

/// Fits the name regressor to the base classes and writes `kernel.safetensors`, then the decision
/// and `decision.safetensors`.
///
/// # Errors
/// A run without a checkpoint or `knowledge.json`, classes that knowledge lacks, too few base
/// classes, a failed write.
pub fn complete(
    run: &Run,
    dataset: &Dataset,
    class_source: ClassSource,
    exclusion: Exclusion,
    name_prior: Option<NamePrior>,
    compute: Compute,
) -> Result<Learned> {
    let checkpoint = run.read(&run.best())?;
    let (knowledge, words) = run.knowledge()?;
    let rows = embeddings(run, &checkpoint, dataset, Split::Base, compute)?;
    let with_images = classes_with_images(dataset, &knowledge, &words, &rows)?;
    let all = with_classifier(with_images, class_source, &checkpoint, &knowledge, &words)?;
    let is_excluded = evaluated(&knowledge, exclusion);
    // Only rows are excluded: the data set itself says which classes with images are base classes.
    let base = all.without_rows(|class| is_excluded(&class.descriptor, class.synset));
    let completer = base.name_regressor(None).with_context(|| {
        BadInput("no base class is left: all are excluded; use --exclude evaluated".to_owned())
    })?;
    let name_prior = match (name_prior, exclusion) {
        (Some(name_prior), _) => Some(name_prior),
        // A regressor that was fitted to the validation classes would overrate names: the prior is
        // tuned with one that was not.
        (None, Exclusion::None) => {
            let is_new = evaluated(&knowledge, Exclusion::Evaluated);
            let without = base.without_rows(|class| is_new(&class.descriptor, class.synset));
            match without.name_regressor(Some(completer.ridge())) {
                Some(unbiased) => chosen_name_prior(run, &checkpoint, dataset, &unbiased, compute)?,
                None => None,
            }
        }
        (None, Exclusion::Evaluated | Exclusion::Relatives) => {
            chosen_name_prior(run, &checkpoint, dataset, &completer, compute)?
        }
    };
    let completer = completer.with_name_prior(name_prior.unwrap_or(NamePrior::ONE));
    // The errors are measured on classes that were left out of the fit, as the classes of a device
    // are. With only one synset no class can be left out: the regressor is kept without errors.
    let semantic = base.left_out(completer.ridge());
    let errors = SHOTS
        .into_iter()
        .filter_map(|k| {
            Some((k, estimator_errors::estimate(semantic.as_ref()?.view(), &rows, k, SEED)?))
        })
        .collect();
    let frame = completer.frame();
    let name_bias = semantic
        .as_ref()
        .map(|semantic| name_bias::measured(semantic.view(), &rows, frame, SHOTS, SEED));
    let completer = completer.with_errors(errors).with_name_bias(name_bias.unwrap_or_default());
    // After all of it: a run has a complete name regressor or the earlier one.
    let space_id = checkpoint.space_id()?;
    disk::write(&run.kernel(), &completer.to_bytes(&space_id)?)?;
    let names = NameConstants { frame: completer.frame(), name_bias: completer.name_bias() };
    let set = BaseSet { name: "the data set".to_owned(), embeddings: rows, semantic };
    let decision = fitted_decision(run, &space_id, set, names, &base.background())?;
    let excluded = all.len() - base.len();
    Ok(Learned { completer, classes: base.len(), excluded, name_prior, decision })
}

/// Fits the decision and writes it; one that was fitted with another name regressor is removed.
fn fitted_decision(
    run: &Run,
    space_id: &str,
    set: BaseSet,
    names: NameConstants<'_>,
    background: &Background<f32>,
) -> Result<Result<FitReport, DecisionFitError>> {
    let bar = progress_bar("decision", "galleries");
    let fitted = decision_fit::fit(&[set], Some(names), background, SEED, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    match fitted {
        Ok(DecisionFit { model, report }) => {
            disk::write(&run.decision(), &model.to_bytes(space_id)?)?;
            Ok(Ok(report))
        }
        Err(reason) => {
            if run.decision().exists() {
                std::fs::remove_file(run.decision())?;
            }
            Ok(Err(reason))
        }
    }
}

/// The base classes of the data set, with their mean prototypes.
fn classes_with_images(
    dataset: &Dataset,
    knowledge: &Knowledge,
    words: &Words,
    rows: &[Array2<f32>],
) -> Result<BaseClasses> {
    let names = base_names(dataset)?;
    let classes = base_classes(knowledge, words, names.iter().map(String::as_str))?;
    Ok(BaseClasses::of_images(classes, prototypes(rows)?))
}

/// The same with the rows of the checkpoint's classifier, if `class_source` wants them.
fn with_classifier(
    with_images: BaseClasses,
    class_source: ClassSource,
    checkpoint: &Checkpoint,
    knowledge: &Knowledge,
    words: &Words,
) -> Result<BaseClasses> {
    if class_source == ClassSource::Images {
        return Ok(with_images);
    }
    let (classes, rows) = classifier(checkpoint, knowledge, words)?;
    let all = with_images.with_classifier(classes, rows.view());
    Ok(if class_source == ClassSource::Classifier { all.from_classifier_only() } else { all })
}

/// The name prior tuned on the validation classes, or `None` if they are too few.
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

/// The name regressor of a run, if it has one.
///
/// # Errors
/// A file that cannot be read, or a name regressor of another embedding space than the
/// checkpoint's.
pub fn completer(run: &Run, checkpoint: &Checkpoint) -> Result<Option<NameRegressor>> {
    let path = run.kernel();
    if !path.exists() {
        return Ok(None);
    }
    let bytes = disk::read(&path, few_shot::kernel::MAX_BYTES)?;
    let parsed = NameRegressor::parse(&bytes);
    let (space_id, completer) =
        parsed.with_context(|| format!("{} is not usable", path.display()))?;
    ensure!(
        space_id == checkpoint.space_id()?,
        BadInput(format!(
            "{} belongs to another backbone: run handful-train complete again",
            path.display()
        ))
    );
    Ok(Some(completer))
}
