//! Few-shot accuracy of a run's best checkpoint.

use anyhow::{Result, ensure};
use models::dataset::Dataset;
use models::few_shot::compare::{Conditions, Known, Names};
use models::few_shot::evaluate::{Protocol, Report};

use super::complete::{completer, known_as};
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// Embeds the split with the best checkpoint and averages over episodes: mean prototypes, and every other policy if
/// the run has a completer.
pub fn evaluate(
    run: &Run,
    dataset: &Dataset,
    protocol: &Protocol,
    conditions: Conditions,
    name_only: Option<usize>,
    compute: Compute,
) -> Result<Report> {
    let checkpoint = run.read(&run.best())?;
    let classes = dataset.split(protocol.split);
    let empty = || BadInput(format!("the data has no classes in split `{}`", protocol.split));
    ensure!(!classes.is_empty(), empty());
    protocol.check(classes.iter().map(|class| (class.name.as_str(), class.pictures.len())))?;
    let completer = completer(run, &checkpoint)?;
    let nameless = || {
        BadInput(
            "--names, --unlabelled, --foreign, --unbalanced and --name-only need a completer: run handful-train complete first".to_owned(),
        )
    };
    let is_plain = conditions == Conditions::PLAIN && name_only.is_none();
    ensure!(completer.is_some() || is_plain, nameless());
    let both =
        || BadInput("--name-only needs right names: leave out --names, or ask twice".to_owned());
    ensure!(name_only.is_none() || conditions.names == Names::Right, both());
    let rows = embeddings(run, &checkpoint, dataset, protocol.split, compute)?;
    let Some(completer) = completer else {
        return Ok(protocol.report(&rows)?);
    };
    let (knowledge, words) = run.knowledge()?;
    let known = known_as(&knowledge, &words, classes.iter().map(|class| class.name.as_str()))?;
    let known = Known {
        space: completer.space().clone(),
        semantic: completer.semantic(&known),
        errors: completer.errors(protocol.spec.k_shot).cloned(),
    };
    let mixed = name_only.map(|name_only| protocol.mixed(&rows, &known, name_only)).transpose()?;
    Ok(Report { mixed, ..protocol.compare(&rows, &known, conditions)? })
}
