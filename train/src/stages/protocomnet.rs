//! Trains ProtoComNet on the base classes (step 4 of the paper).

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use few_shot::fit::statistics::{Statistics, Std};
use few_shot::protocomnet::{self, Attributes, Described, Gathered, ProtoComNetCompleter};
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

/// The result of [`learn`].
#[derive(Debug)]
pub struct Learned {
    /// ProtoComNet.
    pub completer: ProtoComNetCompleter,
    /// Number of training classes.
    pub classes: usize,
}

/// Trains ProtoComNet to complete means of a few images to class means, and writes
/// `completer.safetensors`. It uses cached embeddings or, with [`Completion::live`], augmented
/// images.
///
/// # Errors
/// Inputs that cannot be used, base classes without attributes, a loss that diverges, a failed
/// write.
pub fn learn(
    run: &Run,
    dataset: &Dataset,
    config: &Completion,
    class_source: ClassSource,
    exclusion: Exclusion,
    compute: Compute,
) -> Result<Learned> {
    if let Some(live) = &config.live {
        let of_rows = "[live] needs images, which classifier rows lack: use --class-source images";
        ensure!(class_source == ClassSource::Images, BadInput(of_rows.to_owned()));
        live::check(dataset, config, live)?;
    }
    let checkpoint = run.read(&run.best())?;
    let (knowledge, words) = run.knowledge()?;
    let base = base_embeddings(run, &checkpoint, dataset, class_source, exclusion, compute)?;
    // The divisor of the published code.
    let statistics = measure(&checkpoint, &knowledge, &base, Std::Unbiased)?;
    let (attributes, std) = measured(&statistics, &words);
    let nothing = "ProtoComNet needs attributes, but no base class has one: use --completer kernel";
    ensure!(!attributes.names.is_empty(), BadInput(nothing.to_owned()));
    let classes = described(&knowledge, &words, &attributes.names, &statistics.classes.names)?;
    let val: Vec<String> = dataset.split(Split::Val).iter().map(|c| c.name.clone()).collect();
    let network = ProtoComNet {
        embedding: checkpoint.architecture.embedding_size(),
        word: words.classes.ncols(),
        attributes: Gathered::of(&classes).index.ncols(),
        hidden: config.hidden,
        self_weight: config.self_weight,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    // libtorch draws the attribute noise, so its generator needs a seed too.
    tch::manual_seed(config.seed as i64);
    let net = Net::new(network.graph(), &initial_parameters(&network, &mut rng)?, compute)?;
    let val = match config.live {
        Some(_) => described(&knowledge, &words, &attributes.names, &val)?,
        None => Vec::new(),
    };
    let data = CompletionData { classes, attributes, std, target: statistics.classes.mean };
    let task = CompletionTask {
        run,
        dataset,
        config,
        compute,
        checkpoint: &checkpoint,
        network,
        data: &data,
    };
    let completer = match &config.live {
        None => cached::learn(&task, net, &base.embeddings, &mut rng),
        Some(live) => live::learn(&task, live, net, &val),
    }?;
    Ok(Learned { completer, classes: base.names.len() })
}

/// The ProtoComNet of a run, if it has one.
///
/// # Errors
/// A file that cannot be read, or a ProtoComNet of another embedding space than the checkpoint's.
pub fn learned(run: &Run, checkpoint: &Checkpoint) -> Result<Option<ProtoComNetCompleter>> {
    let path = run.completer();
    if !path.exists() {
        return Ok(None);
    }
    let bytes = disk::read(&path, protocomnet::MAX_BYTES)?;
    let parsed = ProtoComNetCompleter::parse(&bytes);
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

/// Word vectors and attributes of these classes. Attributes are positions in `attributes`.
///
/// # Errors
/// A class that `knowledge.json` lacks.
pub fn described(
    knowledge: &Knowledge,
    words: &Words,
    attributes: &[String],
    names: &[String],
) -> Result<Vec<Described>> {
    let of_classes = knowledge.attributes_of_classes();
    let mut described = Vec::new();
    for name in names {
        let row = knowledge.classes.iter().position(|class| class.name == *name);
        let row = row.ok_or_else(|| unknown(name))?;
        let wnids = of_classes[row].iter().map(|&at| knowledge.attributes[at].wnid.to_string());
        // Attributes without a base class have no statistics and are left out.
        let own = wnids.filter_map(|wnid| attributes.iter().position(|name| *name == wnid));
        described
            .push(Described { word: words.classes.row(row).to_owned(), attributes: own.collect() });
    }
    Ok(described)
}

/// The attributes that a base class has, and their standard deviations. Statistics and word vectors
/// have the same order.
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

/// Random parameters, uniform within `1 / sqrt(inputs)` as in linear layers of PyTorch.
///
/// # Errors
/// Sizes that do not fit together.
pub fn initial_parameters(network: &ProtoComNet, rng: &mut ChaCha8Rng) -> Result<Tensors> {
    let parameters = network.graph().parameters()?;
    let inputs: BTreeMap<&str, usize> = parameters
        .iter()
        .filter(|parameter| parameter.role == Role::Weight)
        .filter_map(|p| Some((p.name.strip_suffix(".weight")?, p.shape[1])))
        .collect();
    let mut tensors = Tensors::new();
    for parameter in &parameters {
        let layer = parameter.name.rsplit_once('.').map_or("", |(layer, _)| layer);
        let inputs = match layer {
            // The paper has one layer where the graph has three: its inputs are theirs together.
            "aggregator.class" | "aggregator.term" | "aggregator.prototype" => {
                2 * network.word + network.embedding
            }
            layer => inputs.get(layer).copied().unwrap_or(1),
        };
        let bound = 1.0 / (inputs as f32).sqrt();
        let tensor = ArrayD::from_shape_simple_fn(IxDyn(&parameter.shape), || {
            // 24 bits fill the precision of an f32.
            bound * ((rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0)
        });
        tensors.insert(parameter.name.clone(), tensor);
    }
    Ok(tensors)
}
