//! Completion: prototypes from knowledge, learned on the base classes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::disk;
use models::few_shot::kernel::{KernelCompleter, KnownAs};
use models::few_shot::{errors, prototype};
use models::knowledge::attributes::{Knowledge, Words};
use ndarray::{Array2, Axis, stack};

use super::statistics::unknown;
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// Numbers of pictures beside which the errors of knowledge are measured.
const SHOTS: [usize; 4] = [1, 2, 5, 10];

/// Seed of the pictures that errors are measured with.
const SEED: u64 = 1;

/// Fits the kernel completer to the base classes and writes `kernel.safetensors`.
pub fn complete(run: &Run, dataset: &Dataset, compute: Compute) -> Result<KernelCompleter> {
    let checkpoint = run.read(&run.best())?;
    let (knowledge, words) = run.knowledge()?;
    let base = dataset.split(Split::Base);
    let few =
        || BadInput(format!("the data has {} base class(es), expected at least 2", base.len()));
    ensure!(base.len() > 1, few());
    let known = known_as(&knowledge, &words, base.iter().map(|class| class.name.as_str()))?;
    let rows = embeddings(run, &checkpoint, dataset, Split::Base, compute)?;
    let means: Vec<_> = rows.iter().map(|rows| prototype::mean(rows.view())).collect();
    let means: Vec<_> = means.iter().map(|mean| mean.view()).collect();
    let prototypes: Array2<f32> = stack(Axis(0), &means).context("embeddings differ in size")?;
    let measured = |k| Some((k, errors::estimate(&known, &rows, k, SEED)?));
    let errors: BTreeMap<_, _> = SHOTS.into_iter().filter_map(measured).collect();
    let completer = KernelCompleter::fit(&known, prototypes.view()).with_errors(errors);
    disk::write(&run.kernel(), &completer.to_bytes(&checkpoint.space_id()?)?)?;
    Ok(completer)
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
    names
        .map(|name| {
            let row = knowledge.classes.iter().position(|class| class.name == name);
            let row = row.ok_or_else(|| BadInput(unknown(name)))?;
            let class = &knowledge.classes[row];
            let mut line = class.ancestors.clone();
            line.push(class.wnid);
            line.sort_unstable();
            Ok(KnownAs { word: words.classes.row(row).to_owned(), line })
        })
        .collect()
}
