//! ProtoComNet, learned on the cached embeddings of the base classes (method of the paper, step 4).

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::disk;
use models::few_shot::protocomnet::{self, Attributes, Described, Gathered, LearnedCompleter};
use models::few_shot::statistics::{Statistics, Std};
use models::graph::{ProtoComNet, Role};
use models::knowledge::attributes::{Knowledge, Words};
use models::random::below;
use models::tensors::Tensors;
use ndarray::{Array2, ArrayD, Axis, IxDyn, concatenate};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tch::{Kind, Reduction, Tensor};

use super::golden;
use super::statistics::{measure, unknown};
use crate::config::Completion;
use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::metrics::progress_bar;
use crate::net::{Compute, Mode, Net, to_tensor};
use crate::optimizer::{AdamW, Schedule};
use crate::run::Run;

/// Learns to complete the means of a few base pictures to the means of their classes, and writes
/// `completer.safetensors`.
pub fn learn(
    run: &Run,
    dataset: &Dataset,
    config: &Completion,
    compute: Compute,
) -> Result<LearnedCompleter> {
    let checkpoint = run.read(&run.best())?;
    let (knowledge, words) = run.knowledge()?;
    let statistics = measure(run, dataset, Std::Unbiased, compute)?;
    let (attributes, std) = measured(&statistics, &words);
    let names = &statistics.classes.names;
    let classes = described(&knowledge, &words, &attributes.names, names)?;
    let network = ProtoComNet {
        embedding: checkpoint.architecture.embedding_size(),
        word: words.classes.ncols(),
        attributes: Gathered::of(&classes).index.ncols(),
        hidden: config.hidden,
        self_weight: config.self_weight,
    };
    let rows = embeddings(run, &checkpoint, dataset, Split::Base, compute)?;
    let material = Material {
        classes: &classes,
        attributes: &attributes,
        std: &std,
        target: &statistics.classes.mean,
        rows: &rows,
    };
    let mut lesson = Lesson::new(&network, &material, config, compute)?;
    let progress = progress_bar("complete", "steps");
    progress.set_length(config.steps);
    for step in 0..config.steps {
        lesson.step(step)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    let completer = LearnedCompleter::new(network, lesson.net.tensors()?, attributes)?
        .completing(config.complete);
    write(run, &completer, &checkpoint.space_id()?)?;
    Ok(completer)
}

/// Writes a completer into the run, with what libtorch makes of its own attributes as the proof for an export.
pub fn write(run: &Run, completer: &LearnedCompleter, space_id: &str) -> Result<()> {
    let golden =
        golden::prove(completer.network().graph(), completer.parameters(), samples(completer))?;
    disk::write(&run.completer_golden(), &golden.to_bytes("completer")?)?;
    Ok(disk::write(&run.completer(), &completer.to_bytes(space_id)?)?)
}

/// Inputs that are alike to real ones: each attribute in turn poses as a class that has the attributes after it.
fn samples(completer: &LearnedCompleter) -> Tensors {
    let (attributes, most) = (completer.attributes(), completer.network().attributes);
    let all = attributes.names.len();
    let rows: Vec<usize> = (0..golden::SAMPLES.min(all)).collect();
    let described = |&row: &usize| Described {
        word: attributes.word.row(row).to_owned(),
        attributes: (row + 1..all).take(most.min(1 + row)).collect(),
    };
    let classes: Vec<Described> = rows.iter().map(described).collect();
    completer.inputs(attributes.mean.select(Axis(0), &rows).view(), &classes)
}

/// The run's ProtoComNet, if it has one; it must be of the same embedding space as the checkpoint.
pub fn learned(run: &Run, checkpoint: &Checkpoint) -> Result<Option<LearnedCompleter>> {
    let path = run.completer();
    if !path.exists() {
        return Ok(None);
    }
    let bytes = disk::read(&path, protocomnet::MAX_BYTES)?;
    let parsed = LearnedCompleter::parse(&bytes);
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
    let rows: Vec<usize> = (0..table.names.len()).filter(|&row| table.pictures[row] > 0).collect();
    let attributes = Attributes {
        names: rows.iter().map(|&row| table.names[row].clone()).collect(),
        mean: table.mean.select(Axis(0), &rows),
        word: words.attributes.select(Axis(0), &rows),
    };
    (attributes, table.std.select(Axis(0), &rows))
}

/// What a network learns from.
struct Material<'a> {
    classes: &'a [Described],
    attributes: &'a Attributes,
    /// Of each attribute, `[A, s]`.
    std: &'a Array2<f32>,
    /// Class means `[K, s]`.
    target: &'a Array2<f32>,
    /// The pictures of each class, `[pictures, s]`.
    rows: &'a [Array2<f32>],
}

/// A network in training, with all that its inputs are made of.
struct Lesson<'a> {
    config: &'a Completion,
    net: Net,
    optimizer: AdamW,
    schedule: Schedule,
    rng: ChaCha8Rng,
    /// Of each class, where its first picture is among all, and how many it has.
    ranges: Vec<(usize, usize)>,
    /// Classes of pictures, in the order of `embedding`.
    labels: Vec<usize>,
    embedding: Tensor,
    target: Tensor,
    class_word: Tensor,
    mean: Tensor,
    std: Tensor,
    word: Tensor,
    index: Tensor,
    mask: Tensor,
}

impl<'a> Lesson<'a> {
    fn new(
        network: &ProtoComNet,
        material: &Material<'_>,
        config: &'a Completion,
        compute: Compute,
    ) -> Result<Self> {
        let Material { classes, attributes, std, target, rows } = *material;
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        tch::manual_seed(config.seed as i64);
        let net = Net::new(network.graph(), &initial_parameters(network, &mut rng)?, compute)?;
        let optimizer = AdamW::new(config.weight_decay, net.learned())?;
        let mut ranges = Vec::new();
        let mut labels = Vec::new();
        for (class, rows) in rows.iter().enumerate() {
            ranges.push((labels.len(), rows.nrows()));
            labels.extend(std::iter::repeat_n(class, rows.nrows()));
        }
        let views: Vec<_> = rows.iter().map(|rows| rows.view()).collect();
        let embedding = concatenate(Axis(0), &views).context("embeddings differ in size")?;
        let words: Vec<_> = classes.iter().map(|class| class.word.view()).collect();
        let words = ndarray::stack(Axis(0), &words).context("word vectors differ in size")?;
        let gathered = Gathered::of(classes);
        let on_device = |array: &Array2<f32>| -> Result<Tensor> {
            Ok(to_tensor(&array.clone().into_dyn())?.f_to_device(compute.device)?)
        };
        let index: Vec<i64> = gathered.index.iter().copied().collect();
        let size = [classes.len() as i64, gathered.index.ncols() as i64];
        Ok(Self {
            config,
            net,
            optimizer,
            schedule: Schedule::Cosine { peak: config.learning_rate },
            rng,
            ranges,
            labels,
            embedding: on_device(&embedding)?,
            target: on_device(target)?,
            class_word: on_device(&words)?,
            mean: on_device(&attributes.mean)?,
            std: on_device(std)?,
            word: on_device(&attributes.word)?,
            index: Tensor::f_from_slice(&index)?.f_view(size)?.f_to_device(compute.device)?,
            mask: on_device(&gathered.mask)?,
        })
    }

    fn step(&mut self, step: u64) -> Result<()> {
        let (pictures, classes) = self.draw();
        let device = self.net.compute().device;
        let k_shot = (pictures.len() / classes.len()) as i64;
        let batch = classes.len() as i64;
        let classes = Tensor::f_from_slice(&classes)?.f_to_device(device)?;
        let pictures = Tensor::f_from_slice(&pictures)?.f_to_device(device)?;
        let size = self.embedding.size()[1];
        let prototype = self
            .embedding
            .f_index_select(0, &pictures)?
            .f_view([batch, k_shot, size])?
            .f_mean_dim([1i64].as_slice(), false, Kind::Float)?;
        let of_attributes = self.index.f_index_select(0, &classes)?.f_view([-1])?;
        let gather = |table: &Tensor| {
            table.f_index_select(0, &of_attributes)?.f_view([batch, -1, table.size()[1]])
        };
        let (mut attribute, std) = (gather(&self.mean)?, gather(&self.std)?);
        if self.config.noise {
            // Fresh for every sample, as in the published code.
            attribute = attribute.f_add(&std.f_mul(&std.f_randn_like()?)?)?;
        }
        let outputs = self.net.forward(
            &[
                ("prototype", &prototype),
                ("class_word", &self.class_word.f_index_select(0, &classes)?),
                ("attribute", &attribute),
                ("attribute_word", &gather(&self.word)?),
                ("mask", &self.mask.f_index_select(0, &classes)?),
            ],
            Mode::Train,
        )?;
        let target = self.target.f_index_select(0, &classes)?;
        let loss = outputs[0].f_mse_loss(&target, Reduction::Mean)?;
        loss.f_backward()?;
        let rate = self.schedule.rate(step, self.config.steps, 1);
        Ok(self.optimizer.step(rate)?)
    }

    /// The pictures of a batch, `k_shot` for each sample, and the samples' classes. `k_shot` is the batch's own.
    fn draw(&mut self) -> (Vec<i64>, Vec<i64>) {
        let k_shot = self.config.k_shots[below(&mut self.rng, self.config.k_shots.len())];
        let (mut pictures, mut classes) = (Vec::new(), Vec::new());
        for _ in 0..self.config.batch_size {
            let class = self.labels[below(&mut self.rng, self.labels.len())];
            let (first, count) = self.ranges[class];
            classes.push(class as i64);
            // With replacement: a class has hundreds, and a repetition is only a smaller mean.
            pictures.extend((0..k_shot).map(|_| (first + below(&mut self.rng, count)) as i64));
        }
        (pictures, classes)
    }
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
