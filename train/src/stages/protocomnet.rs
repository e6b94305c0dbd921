//! ProtoComNet, learned on the base classes (method of the paper, step 4).

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use few_shot::protocomnet::{self, Attributes, Described, Gathered, ProtoComNetCompleter};
use few_shot::statistics::{Statistics, Std};
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::disk;
use models::graph::{ProtoComNet, Role};
use models::knowledge::attributes::{Knowledge, Words};
use models::tensors::Tensors;
use ndarray::{Array2, ArrayD, Axis, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::class_source::{ClassSource, Exclusion, base_embeddings, unknown};
use super::statistics::measure;
use crate::completer_learner::CompletionData;
use crate::config::Completion;
use crate::error::BadInput;
use crate::net::{Compute, Net};
use crate::run::Run;

mod cached;
mod live;
mod task;

use task::CompletionTask;
pub use task::{as_shipped, write};

/// What was learned, for a person.
#[derive(Debug)]
pub struct Learned {
    /// The completer.
    pub completer: ProtoComNetCompleter,
    /// Classes that it learned from.
    pub classes: usize,
}

/// Learns to complete the means of a few base images to the means of their classes, on cached embeddings or, with
/// [`Completion::live`], on augmented images, and writes `completer.safetensors`.
pub fn learn(
    run: &Run,
    dataset: &Dataset,
    config: &Completion,
    class_source: ClassSource,
    exclusion: Exclusion,
    compute: Compute,
) -> Result<Learned> {
    if let Some(live) = &config.live {
        let of_rows =
            "[live] learns on images, and a classifier has none: use --class-source images";
        ensure!(class_source == ClassSource::Images, BadInput(of_rows.to_owned()));
        live::check(dataset, config, live)?;
    }
    let checkpoint = run.read(&run.best())?;
    let (knowledge, words) = run.knowledge()?;
    let base = base_embeddings(run, &checkpoint, dataset, class_source, exclusion, compute)?;
    let statistics = measure(&checkpoint, &knowledge, &base, Std::Unbiased)?;
    let (attributes, std) = measured(&statistics, &words);
    let nothing = "no base class has an attribute, so there is nothing for ProtoComNet to learn: use --completer kernel";
    ensure!(!attributes.names.is_empty(), BadInput(nothing.to_owned()));
    let of_classes = |names: &[String]| described(&knowledge, &words, &attributes.names, names);
    let classes = of_classes(&statistics.classes.names)?;
    let val: Vec<String> = dataset.split(Split::Val).iter().map(|c| c.name.clone()).collect();
    let network = ProtoComNet {
        embedding: checkpoint.architecture.embedding_size(),
        word: words.classes.ncols(),
        attributes: Gathered::of(&classes).index.ncols(),
        hidden: config.hidden,
        self_weight: config.self_weight,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    tch::manual_seed(config.seed as i64);
    let net = Net::new(network.graph(), &initial_parameters(&network, &mut rng)?, compute)?;
    let val = if config.live.is_some() { of_classes(&val)? } else { Vec::new() };
    let material = CompletionData { classes, attributes, std, target: statistics.classes.mean };
    let task = CompletionTask {
        run,
        dataset,
        config,
        compute,
        checkpoint: &checkpoint,
        network,
        material: &material,
    };
    let completer = match &config.live {
        None => cached::learn(&task, net, &base.embeddings, &mut rng),
        Some(live) => live::learn(&task, live, net, &val),
    }?;
    Ok(Learned { completer, classes: base.names.len() })
}

/// The run's ProtoComNet, if it has one; it must be of the same embedding space as the checkpoint.
pub fn learned(run: &Run, checkpoint: &Checkpoint) -> Result<Option<ProtoComNetCompleter>> {
    let path = run.completer();
    if !path.exists() {
        return Ok(None);
    }
    let bytes = disk::read(&path, protocomnet::MAX_BYTES)?;
    let parsed = ProtoComNetCompleter::parse(&bytes);
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

/// What is known of these classes, in terms of the attributes that were measured.
pub fn described(
    knowledge: &Knowledge,
    words: &Words,
    attributes: &[String],
    names: &[String],
) -> Result<Vec<Described>> {
    let measured = |wnid: &str| attributes.iter().position(|name| name == wnid);
    let of_classes = knowledge.attributes_of_classes();
    let of = |name: &String| {
        let row = knowledge.classes.iter().position(|class| class.name == *name);
        let row = row.ok_or_else(|| unknown(name))?;
        let wnid = |&attribute: &usize| knowledge.attributes[attribute].wnid.to_string();
        Ok(Described {
            word: words.classes.row(row).to_owned(),
            attributes: of_classes[row]
                .iter()
                .map(wnid)
                .filter_map(|wnid| measured(&wnid))
                .collect(),
        })
    };
    names.iter().map(of).collect()
}

/// The attributes that a base class has; statistics and words are in the same order, as both come from one knowledge.
fn measured(statistics: &Statistics, words: &Words) -> (Attributes, Array2<f32>) {
    let table = &statistics.attributes;
    let rows: Vec<usize> = (0..table.names.len()).filter(|&row| table.images[row] > 0).collect();
    let attributes = Attributes {
        names: rows.iter().map(|&row| table.names[row].clone()).collect(),
        mean: table.mean.select(Axis(0), &rows),
        word: words.attributes.select(Axis(0), &rows),
    };
    (attributes, table.std.select(Axis(0), &rows))
}

/// Random parameters: uniform within `1 / sqrt(inputs)`, as PyTorch's linear layers. The three parts of the aggregator's
/// first layer count as one.
pub fn initial_parameters(network: &ProtoComNet, rng: &mut ChaCha8Rng) -> Result<Tensors> {
    let parameters = network.graph().parameters()?;
    let weights: BTreeMap<&str, usize> = parameters
        .iter()
        .filter(|parameter| parameter.role == Role::Weight)
        .filter_map(|p| Some((p.name.strip_suffix(".weight")?, p.shape[1])))
        .collect();
    let of_pair = 2 * network.word + network.embedding;
    let fan_in = |name: &str| {
        let layer = name.rsplit_once('.').map_or(name, |(layer, _)| layer);
        match layer {
            "aggregator.class" | "aggregator.term" | "aggregator.prototype" => of_pair,
            layer => weights.get(layer).copied().unwrap_or(1),
        }
    };
    let uniform = |parameter: &models::graph::Parameter, rng: &mut ChaCha8Rng| {
        let bound = 1.0 / (fan_in(&parameter.name) as f32).sqrt();
        ArrayD::from_shape_simple_fn(IxDyn(&parameter.shape), || {
            // 24 bits fill the precision of an f32.
            bound * ((rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0)
        })
    };
    Ok(parameters.iter().map(|p| (p.name.clone(), uniform(p, rng))).collect())
}
