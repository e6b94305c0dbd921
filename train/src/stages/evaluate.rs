//! Few-shot accuracy of a run's best checkpoint.

use anyhow::{Result, ensure};
use models::dataset::Dataset;
use models::few_shot::evaluate::{Protocol, Report};

use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// Embeds the split with the best checkpoint and averages over episodes.
pub fn evaluate(
    run: &Run,
    dataset: &Dataset,
    protocol: &Protocol,
    compute: Compute,
) -> Result<Report> {
    let checkpoint = run.read(&run.best())?;
    let classes = dataset.split(protocol.split);
    let empty = || BadInput(format!("the data has no classes in split `{}`", protocol.split));
    ensure!(!classes.is_empty(), empty());
    protocol.check(classes.iter().map(|class| (class.name.as_str(), class.pictures.len())))?;
    let embeddings = embeddings(run, &checkpoint, dataset, protocol.split, compute)?;
    Ok(protocol.report(&embeddings)?)
}
