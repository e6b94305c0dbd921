//! Few-shot accuracy of a run's best checkpoint.

use anyhow::{Result, ensure};
use few_shot::compare::{ClassKnowledge, Conditions, LabelNoise};
use few_shot::completer::{Both, Completer, Halfway};
use few_shot::evaluate::{Protocol, Report};
use few_shot::protocomnet::OfClasses;
use models::checkpoint::Checkpoint;
use models::dataset::Dataset;

use super::class_source::known_as;
use super::complete::completer;
use super::protocomnet::{described, learned};
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// What completes prototypes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CompleterChoice {
    /// The kernel's knowledge beside the mean.
    Kernel,
    /// ProtoComNet.
    Protocomnet,
    /// The mean of the kernel's answer and of the middle between the mean and ProtoComNet's.
    Both,
}

/// Embeds the split with the best checkpoint and averages over episodes: mean prototypes, and every other policy if
/// the run has a completer.
pub fn evaluate(
    run: &Run,
    dataset: &Dataset,
    protocol: &Protocol,
    conditions: Conditions,
    name_only: Option<usize>,
    choice: CompleterChoice,
    compute: Compute,
) -> Result<Report> {
    let checkpoint = run.read(&run.best())?;
    let classes = dataset.filled_split(protocol.split)?;
    protocol.check(classes.iter().map(|class| (class.name.as_str(), class.images.len())))?;
    let completer = completer(run, &checkpoint)?;
    let nameless = || {
        BadInput(
            "--names, --unlabeled, --foreign, --unbalanced, --name-only and --completer need a kernel completer: run handful-train complete first, with --completer kernel or without that option".to_owned(),
        )
    };
    let is_plain =
        conditions == Conditions::PLAIN && name_only.is_none() && choice == CompleterChoice::Kernel;
    ensure!(completer.is_some() || is_plain, nameless());
    let both =
        || BadInput("--name-only needs right names: leave out --names, or ask twice".to_owned());
    ensure!(name_only.is_none() || conditions.names == LabelNoise::None, both());
    let rows = embeddings(run, &checkpoint, dataset, protocol.split, compute)?;
    let Some(completer) = completer else {
        return Ok(protocol.report(&rows)?);
    };
    let (knowledge, words) = run.knowledge()?;
    let known = known_as(&knowledge, &words, classes.iter().map(|class| class.name.as_str()))?;
    let known = ClassKnowledge {
        frame: completer.frame().clone(),
        semantic: completer.semantic(&known),
        errors: completer.errors(protocol.spec.k_shot).cloned(),
        name_bias: completer.name_bias().clone(),
    };
    let generalized_zero_shot = name_only
        .map(|name_only| protocol.generalized_zero_shot(&rows, &known, name_only))
        .transpose()?;
    let compared =
        |completer: &dyn Completer| protocol.compare(&rows, &known, completer, conditions);
    if choice == CompleterChoice::Kernel {
        return Ok(Report { generalized_zero_shot, ..compared(&known)? });
    }
    let names: Vec<String> = classes.iter().map(|class| class.name.clone()).collect();
    let learned = learned_of(run, &checkpoint, &names)?;
    let (completer, report) = match choice {
        CompleterChoice::Both => ("both", compared(&Both(&known, &Halfway(&learned)))?),
        _ => ("protocomnet", compared(&learned)?),
    };
    Ok(Report { generalized_zero_shot, completer: Some(completer.to_owned()), ..report })
}

/// The run's ProtoComNet for these classes.
fn learned_of(run: &Run, checkpoint: &Checkpoint, names: &[String]) -> Result<OfClasses> {
    let completer = learned(run, checkpoint)?;
    let missing =
        || BadInput("the run has no completer.safetensors: run handful-train complete".to_owned());
    let completer = completer.ok_or_else(missing)?;
    let (knowledge, words) = run.knowledge()?;
    let attributes = &completer.attributes().names;
    let classes = described(&knowledge, &words, attributes, names)?;
    Ok(OfClasses { completer, classes })
}
