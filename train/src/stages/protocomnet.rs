//! ProtoComNet, learned on the base classes (method of the paper, step 4).

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use few_shot::protocomnet::{self, Attributes, Described, Gathered, ProtoComNetCompleter};
use few_shot::statistics::{Statistics, Std};
use half::f16;
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::disk;
use models::graph::{ProtoComNet, Role};
use models::knowledge::attributes::{Knowledge, Words};
use models::random::below;
use models::tensors::Tensors;
use ndarray::{Array2, ArrayD, Axis, IxDyn, concatenate};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tch::{Kind, TchError, Tensor};

use super::class_source::{ClassSource, TakenOut, taught};
use super::golden;
use super::statistics::{measure, unknown};
use crate::completer_learner::{CompleterLearner, Material};
use crate::config::Completion;
use crate::error::BadInput;
use crate::metrics::progress_bar;
use crate::net::{Compute, Net, to_tensor};
use crate::optimizer::{AdamW, Optimizer, Schedule};
use crate::run::Run;

mod live;

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
    taken_out: TakenOut,
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
    let taught = taught(run, &checkpoint, dataset, class_source, taken_out, compute)?;
    let statistics = measure(&checkpoint, &knowledge, &taught, Std::Unbiased)?;
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
    let material = Material { classes, attributes, std, target: statistics.classes.mean };
    let lesson = CompletionTask {
        run,
        dataset,
        config,
        compute,
        checkpoint: &checkpoint,
        network,
        material: &material,
    };
    let completer = match &config.live {
        None => lesson.on_cached(net, &taught.embeddings, &mut rng),
        Some(live) => live::learn(&lesson, live, net, &val),
    }?;
    Ok(Learned { completer, classes: taught.names.len() })
}

/// What a training is given.
struct CompletionTask<'a> {
    run: &'a Run,
    dataset: &'a Dataset,
    config: &'a Completion,
    compute: Compute,
    checkpoint: &'a Checkpoint,
    network: ProtoComNet,
    material: &'a Material,
}

impl CompletionTask<'_> {
    /// Learns on cached embeddings: AdamW, a cosine, batches drawn at random.
    fn on_cached(
        &self,
        net: Net,
        rows: &[Array2<f32>],
        rng: &mut ChaCha8Rng,
    ) -> Result<ProtoComNetCompleter> {
        let Self { config, compute, .. } = *self;
        let optimizer = Optimizer::AdamW(AdamW::new(config.weight_decay, net.learned())?);
        let mut learner = CompleterLearner::new(net, optimizer, self.material, config)?;
        let base = BaseImages::of(rows.iter().map(Array2::nrows));
        let views: Vec<_> = rows.iter().map(|rows| rows.view()).collect();
        let embedding = concatenate(Axis(0), &views).context("embeddings differ in size")?;
        let embedding = to_tensor(&embedding.into_dyn())?.f_to_device(compute.device)?;
        let schedule = Schedule::Cosine { peak: config.learning_rate };
        let progress = progress_bar("complete", "steps");
        progress.set_length(config.steps);
        for step in 0..config.steps {
            let (images, classes) = draw(config, &base, rng);
            let images = Tensor::f_from_slice(&images)?.f_to_device(compute.device)?;
            let prototype = means(&embedding.f_index_select(0, &images)?, classes.len())?;
            learner.step(&prototype, &classes, schedule.rate(step, config.steps, 1))?;
            progress.inc(1);
        }
        progress.finish_and_clear();
        let completer = self.completer(learner.net())?;
        self.write(&completer)?;
        Ok(completer)
    }

    /// What a network has become.
    fn completer(&self, net: &Net) -> Result<ProtoComNetCompleter> {
        let attributes = self.material.attributes.clone();
        let parameters = as_shipped(net.tensors()?);
        let completer = ProtoComNetCompleter::new(self.network.clone(), parameters, attributes)?;
        Ok(completer.completing(self.config.complete))
    }

    /// Keeps a completer in the run.
    fn write(&self, completer: &ProtoComNetCompleter) -> Result<()> {
        write(self.run, completer, &self.checkpoint.space_id()?)
    }
}

/// Parameters with their matrices rounded to 16 bits, as a bundle stores them: these are measured and proved, and ship.
pub fn as_shipped(mut parameters: Tensors) -> Tensors {
    for matrix in parameters.values_mut().filter(|tensor| tensor.ndim() >= 2) {
        matrix.mapv_inplace(|value| f16::from_f32(value).to_f32());
    }
    parameters
}

/// Writes a completer into the run, with what libtorch makes of its own attributes as the proof for an export.
pub fn write(run: &Run, completer: &ProtoComNetCompleter, space_id: &str) -> Result<()> {
    let golden =
        golden::verify(completer.network().graph(), completer.parameters(), samples(completer))?;
    disk::write(&run.completer_golden(), &golden.to_bytes("completer")?)?;
    Ok(disk::write(&run.completer(), &completer.to_bytes(space_id)?)?)
}

/// Inputs that are alike to real ones: each attribute in turn poses as a class that has itself and those after it.
fn samples(completer: &ProtoComNetCompleter) -> Tensors {
    let (attributes, most) = (completer.attributes(), completer.network().attributes);
    let all = attributes.names.len();
    let rows: Vec<usize> = (0..golden::SAMPLES.min(all)).collect();
    let described = |&row: &usize| Described {
        word: attributes.word.row(row).to_owned(),
        attributes: (row..all).take(most.min(1 + row)).collect(),
    };
    let classes: Vec<Described> = rows.iter().map(described).collect();
    completer.inputs(attributes.mean.select(Axis(0), &rows).view(), &classes)
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
        let row = row.ok_or_else(|| BadInput(unknown(name)))?;
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

/// The base images, a class after the other.
struct BaseImages {
    /// Of each class, where its first one is, and how many it has.
    ranges: Vec<(usize, usize)>,
    /// The class of each.
    labels: Vec<usize>,
}

impl BaseImages {
    fn of(sizes: impl Iterator<Item = usize>) -> Self {
        let (mut ranges, mut labels) = (Vec::new(), Vec::new());
        for (class, size) in sizes.enumerate() {
            ranges.push((labels.len(), size));
            labels.extend(std::iter::repeat_n(class, size));
        }
        Self { ranges, labels }
    }

    /// One of a class, at random.
    fn any(&self, class: usize, rng: &mut ChaCha8Rng) -> usize {
        let (first, count) = self.ranges[class];
        first + below(rng, count)
    }
}

/// The images of a batch, `k_shot` for each sample, and the samples' classes. `k_shot` is the batch's own.
fn draw(config: &Completion, base: &BaseImages, rng: &mut ChaCha8Rng) -> (Vec<i64>, Vec<i64>) {
    let k_shot = config.k_shots[below(rng, config.k_shots.len())];
    let (mut images, mut classes) = (Vec::new(), Vec::new());
    for _ in 0..config.batch_size {
        let class = base.labels[below(rng, base.labels.len())];
        classes.push(class as i64);
        // With replacement: a class has hundreds, and a repetition is only a smaller mean.
        images.extend((0..k_shot).map(|_| base.any(class, rng) as i64));
    }
    (images, classes)
}

/// The means `[n, s]` of embeddings `[n * k, s]`.
fn means(embedding: &Tensor, n: usize) -> Result<Tensor, TchError> {
    let grouped = embedding.f_view([n as i64, -1, embedding.size()[1]])?;
    grouped.f_mean_dim([1i64].as_slice(), false, Kind::Float)
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
