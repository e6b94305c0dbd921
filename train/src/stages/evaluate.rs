//! Few-shot accuracy of a run's best checkpoint.

use anyhow::{Result, ensure};
use models::dataset::Dataset;
use models::few_shot::evaluate::{Protocol, Report};

use super::embed::embed;
use crate::error::BadInput;
use crate::loader::Pictures;
use crate::metrics::progress_bar;
use crate::net::{Compute, Net};
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
    let progress = progress_bar("decode", "pictures");
    let pictures = Pictures::load(dataset, &classes, &checkpoint.preprocess, &progress)?;
    progress.finish_and_clear();
    let net = Net::new(checkpoint.architecture.graph(), &checkpoint.backbone()?, compute)?;
    let embeddings = embed(&net, &pictures, &checkpoint.preprocess, classes.len())?;
    Ok(protocol.report(&embeddings)?)
}
