//! Evaluates the best checkpoint of a run on few-shot episodes.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use few_shot::decision::{self, DecisionModel};
use few_shot::evaluation::class_knowledge::ClassKnowledge;
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::label_noise::LabelNoise;
use few_shot::evaluation::policies::Inputs;
use few_shot::evaluation::report::{Protocol, Report};
use few_shot::evaluation::unknown::UnknownImages;
use few_shot::kernel::NameRegressor;
use few_shot::protocomnet::OfClasses;
use models::checkpoint::Checkpoint;
use models::dataset::Dataset;
use models::disk;
use ndarray::Array2;

use super::class_source::known_as;
use super::complete::completer;
use super::protocomnet::{described, learned};
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// The completer whose prototypes are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CompleterChoice {
    /// The name regressor.
    Kernel,
    /// ProtoComNet.
    Protocomnet,
}

/// What is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation {
    /// Split, episodes and seed.
    pub protocol: Protocol,
    /// Label noise and unlabeled images.
    pub conditions: Conditions,
    /// Generalized zero-shot evaluation: this number of classes in each episode has no images.
    pub unseen_classes: Option<usize>,
    /// Unknown classes of each episode, if rejection is measured.
    pub n_unknown: Option<usize>,
    /// The completer.
    pub completer: CompleterChoice,
}

/// Evaluates the best checkpoint of a run on episodes of a split. Without a name regressor, only
/// mean prototypes are evaluated; with one, every policy.
///
/// # Errors
/// A split that does not fit the protocol, options that need a name regressor or a decision that
/// the run lacks, files of the run that cannot be used.
pub fn evaluate(
    run: &Run,
    dataset: &Dataset,
    evaluation: &Evaluation,
    compute: Compute,
) -> Result<Report> {
    let Evaluation { protocol, .. } = evaluation;
    let checkpoint = run.read(&run.best())?;
    let classes = protocol.classes(dataset.filled_split(protocol.split)?);
    // Checked before the images are embedded, which takes minutes.
    protocol.check(classes.iter().map(|class| (class.name.as_str(), class.images.len())))?;
    let regressor = completer(run, &checkpoint)?;
    evaluation.check(regressor.is_some())?;
    let unknown = evaluation.n_unknown.map(|n_unknown| {
        protocol.check_unknown(n_unknown, classes.len())?;
        unknown(run, &checkpoint, n_unknown)
    });
    let unknown = unknown.transpose()?;
    let rows = embeddings(run, &checkpoint, dataset, protocol.split, compute)?;
    let rows = protocol.classes(rows);
    // `check` has refused every option that needs one.
    let Some(regressor) = regressor else {
        return evaluation.of_policies(&rows, Inputs::IMAGES_ONLY, unknown.as_ref());
    };
    let names: Vec<String> = classes.iter().map(|class| class.name.clone()).collect();
    let known = class_knowledge(run, &regressor, &names, protocol.spec.k_shot)?;
    let generalized_zero_shot = evaluation
        .unseen_classes
        .map(|unseen| protocol.generalized_zero_shot(&rows, &known, unseen))
        .transpose()?;
    let report = match evaluation.completer {
        CompleterChoice::Kernel => {
            evaluation.of_policies(&rows, Inputs::of_knowledge(&known), unknown.as_ref())?
        }
        CompleterChoice::Protocomnet => {
            let learned = learned_of(run, &checkpoint, &names)?;
            let inputs = Inputs { knowledge: Some(&known), completer: Some(&learned) };
            let report = evaluation.of_policies(&rows, inputs, unknown.as_ref())?;
            Report { completer: Some("protocomnet".to_owned()), ..report }
        }
    };
    Ok(Report { generalized_zero_shot, ..report })
}

impl Evaluation {
    /// The accuracy of every policy that the inputs suffice for, and what its galleries reject.
    fn of_policies(
        &self,
        rows: &[Array2<f32>],
        inputs: Inputs<'_>,
        unknown: Option<&UnknownImages>,
    ) -> Result<Report> {
        let Self { protocol, conditions, .. } = self;
        let report = protocol.compare(rows, inputs, *conditions)?;
        match unknown {
            Some(unknown) => {
                Ok(protocol.with_unknown(report, rows, inputs, *conditions, unknown)?)
            }
            None => Ok(report),
        }
    }

    fn check(&self, has_regressor: bool) -> Result<(), BadInput> {
        let is_plain = self.conditions == Conditions::PLAIN
            && self.unseen_classes.is_none()
            && self.completer == CompleterChoice::Kernel;
        if !has_regressor && !is_plain {
            return Err(BadInput(
                "--label-noise, --unlabeled, --distractors, --unbalanced, --generalized-zero-shot \
                 and --completer need a name regressor: run handful-train complete on this run \
                 first"
                    .to_owned(),
            ));
        }
        if self.unseen_classes.is_some() && self.conditions.label_noise != LabelNoise::None {
            return Err(BadInput(
                "--generalized-zero-shot and --label-noise cannot be combined: leave out one"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

/// What decides about images of `n_unknown` unknown classes.
fn unknown(run: &Run, checkpoint: &Checkpoint, n_unknown: usize) -> Result<UnknownImages> {
    let path = run.decision();
    let shown = path.display();
    ensure!(
        path.exists(),
        BadInput(format!("--unknown: {shown} does not exist: run handful-train complete first"))
    );
    let bytes = disk::read(&path, decision::file::MAX_BYTES)?;
    let parsed = DecisionModel::parse(&bytes);
    let (space_id, model) = parsed.with_context(|| format!("{shown} is not usable"))?;
    ensure!(
        space_id == checkpoint.space_id()?,
        BadInput(format!("{shown} belongs to another backbone: run handful-train complete again"))
    );
    Ok(UnknownImages { n_unknown, model: Arc::new(model), junk: Vec::new() })
}

/// The semantic prototypes of the classes, and the errors measured at `k_shot` shots.
fn class_knowledge(
    run: &Run,
    regressor: &NameRegressor,
    names: &[String],
    k_shot: usize,
) -> Result<ClassKnowledge> {
    let (knowledge, words) = run.knowledge()?;
    let descriptors = known_as(&knowledge, &words, names.iter().map(String::as_str))?;
    Ok(ClassKnowledge::new(regressor, &descriptors, k_shot))
}

/// The run's ProtoComNet for these classes.
fn learned_of(run: &Run, checkpoint: &Checkpoint, names: &[String]) -> Result<OfClasses> {
    let completer = learned(run, checkpoint)?;
    let completer = completer.ok_or_else(|| {
        BadInput("the run has no completer.safetensors: run handful-train complete".to_owned())
    })?;
    let (knowledge, words) = run.knowledge()?;
    let attributes = &completer.attributes().names;
    let classes = described(&knowledge, &words, attributes, names)?;
    Ok(OfClasses { completer, classes })
}
