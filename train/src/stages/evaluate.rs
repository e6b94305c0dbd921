//! Few-shot accuracy of a run's best checkpoint.

use anyhow::{Result, ensure};
use models::dataset::{Dataset, Split};
use models::few_shot::episode::EpisodeSpec;
use models::few_shot::evaluate::{Report, evaluate as evaluate_episodes};

use super::embed::embed;
use crate::error::BadInput;
use crate::loader::Pictures;
use crate::metrics::progress_bar;
use crate::net::{Compute, Net};
use crate::run::Run;

/// What is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// Which classes.
    pub split: Split,
    /// Classes, labelled pictures and queries of an episode.
    pub spec: EpisodeSpec,
    /// How many episodes.
    pub episodes: u64,
    /// Their seed.
    pub seed: u64,
}

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
    let progress = progress_bar("decode", "pictures");
    let pictures = Pictures::load(dataset, &classes, &checkpoint.preprocess, &progress)?;
    progress.finish_and_clear();
    let net = Net::new(checkpoint.architecture.graph(), &checkpoint.backbone()?, compute)?;
    let embeddings = embed(&net, &pictures, &checkpoint.preprocess, classes.len())?;
    let outcome = evaluate_episodes(&embeddings, protocol.spec, protocol.episodes, protocol.seed)?;
    Ok(Report {
        n_way: protocol.spec.n_way,
        k_shot: protocol.spec.k_shot,
        n_query: protocol.spec.n_query,
        episodes: protocol.episodes,
        seed: protocol.seed,
        split: protocol.split,
        results: vec![outcome],
    })
}
