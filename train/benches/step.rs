//! The promise: a training step costs what libtorch costs.
//!
//! `cargo bench -p handful-train` times, interleaved in one run, a step of
//! [`train::pretrainer::Pretrainer`] (our interpreter of the graph, our optimizer) and a step of
//! the same network written by hand in plain `tch` with libtorch's own SGD; then only the loader,
//! which must make images much faster than they are used.

use std::time::Instant;

use models::tensors::Tensors;
use tch::nn::{self, ModuleT, OptimizerConfig};
use tch::{Kind, Tensor};
use train::augment::epoch_order;
use train::config::Config;
use train::device::{DeviceChoice, Precision, resolve};
use train::loader::{Images, LoaderConfig};
use train::net::Compute;
use train::pretrainer::{Pretrainer, initial_parameters};

const SIZE: usize = 32;
const CLASSES: usize = 64;
const BATCH: usize = 64;
const ROUNDS: usize = 7;
const STEPS: usize = 3;
const LEAST_RATIO: f64 = 0.85;

fn main() {
    let text = include_str!("../configs/cifar_fs_cpu.toml");
    let config = Config {
        batch_size: BATCH,
        ..Config::parse(text).expect("invariant: the shipped settings parse")
    };
    let compute = resolve(DeviceChoice::Auto, Precision::Auto)
        .expect("invariant: auto always finds a device");
    let images = images();
    let loader = LoaderConfig {
        seed: 1,
        size: config.preprocess.size,
        batch_size: BATCH,
        augment: config.augment.clone(),
        preprocess: config.preprocess.clone(),
    };
    let order = epoch_order(1, 0, images.len());
    let batch = loader.batch(&images, &order, 0, 0);

    let parameters = initial_parameters(&config, CLASSES).expect("invariant: the graph is sound");
    let mut ours = Pretrainer::new(&config, &parameters, &Tensors::new(), compute)
        .expect("invariant: they fit");
    let mut bare = Bare::new(compute);
    let mut rates = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let our_rate = rate(|| ours.step(&batch, 0.01).expect("a step"));
        let bare_rate = rate(|| bare.step(&batch.image, &batch.label));
        // The first round warms caches and allocators.
        if round > 0 {
            rates.0.push(our_rate);
            rates.1.push(bare_rate);
        }
    }
    let ratios: Vec<f64> = rates.0.iter().zip(&rates.1).map(|(ours, bare)| ours / bare).collect();
    println!(
        "training step, ResNet-12 64-128-256-512 at {SIZE}x{SIZE}, batch {BATCH}, {compute:?}"
    );
    println!("  ours      {:>8.1} images/s", median(rates.0));
    println!("  bare tch  {:>8.1} images/s", median(rates.1));
    let ratio = median(ratios);
    println!("  ratio     {ratio:>8.3}  (aim: 0.95 or more)");

    let started = Instant::now();
    let made: usize = (0..20).map(|b| loader.batch(&images, &order, 0, b).label.len()).sum();
    println!("loader only {:>8.0} images/s", made as f64 / started.elapsed().as_secs_f64());
    // Below the aim by more than a busy machine explains: the promise is broken.
    assert!(
        ratio >= LEAST_RATIO,
        "a step reaches {ratio:.3} of bare tch, expected {LEAST_RATIO} or more"
    );
}

fn rate(mut step: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..STEPS).for_each(|_| step());
    (STEPS * BATCH) as f64 / started.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn images() -> Images {
    let n = 20 * BATCH;
    let rgb = (0..n * SIZE * SIZE * 3).map(|i| (i * 31 % 251) as u8).collect();
    Images { size: SIZE, rgb, labels: (0..n).map(|i| i % CLASSES).collect() }
}

/// The same network and step in plain `tch`.
struct Bare {
    vs: nn::VarStore,
    blocks: Vec<Block>,
    head: nn::Linear,
    optimizer: nn::Optimizer,
    kind: Kind,
}

struct Block {
    convolutions: Vec<(Tensor, nn::BatchNorm)>,
    shortcut: (Tensor, nn::BatchNorm),
    activate: bool,
}

impl Bare {
    fn new(compute: Compute) -> Self {
        let vs = nn::VarStore::new(compute.device);
        let root = vs.root();
        let mut channels = 3;
        let mut blocks = Vec::new();
        for (i, width) in [64, 128, 256, 512].into_iter().enumerate() {
            let conv = |name: &str, input: i64, kernel: i64| {
                let path = &root / format!("{i}_{name}");
                let weight = path.kaiming_normal("weight", &[width, input, kernel, kernel]);
                tch::no_grad(|| weight.shallow_clone().set_data(&channels_last(&weight)));
                (weight, nn::batch_norm2d(path, width, nn::BatchNormConfig::default()))
            };
            let convolutions =
                vec![conv("a", channels, 3), conv("b", width, 3), conv("c", width, 3)];
            blocks.push(Block { convolutions, shortcut: conv("s", channels, 1), activate: i < 3 });
            channels = width;
        }
        let head =
            nn::linear(&root / "head", channels, CLASSES as i64, nn::LinearConfig::default());
        let sgd = nn::Sgd { momentum: 0.9, dampening: 0.0, wd: 5e-4, nesterov: true };
        let optimizer = sgd.build(&vs, 0.01).expect("an optimizer");
        Self { vs, blocks, head, optimizer, kind: compute.kind }
    }

    fn step(&mut self, image: &[f32], label: &[i64]) {
        let size = SIZE as i64;
        let image = Tensor::from_slice(image)
            .view([label.len() as i64, size, size, 3])
            .permute([0, 3, 1, 2]);
        let mut x = image.to_device(self.vs.device()).to_kind(self.kind);
        for block in &self.blocks {
            x = block.forward(&x);
        }
        let embedding = x.mean_dim([2i64, 3].as_slice(), false, Kind::Float);
        let label = Tensor::from_slice(label).to_device(self.vs.device());
        let loss = embedding.apply(&self.head).cross_entropy_for_logits(&label);
        self.optimizer.backward_step(&loss);
    }
}

impl Block {
    fn forward(&self, x: &Tensor) -> Tensor {
        let apply = |x: &Tensor, (weight, norm): &(Tensor, nn::BatchNorm)| {
            let padding = weight.size()[2] / 2;
            let y = x.conv2d(
                &weight.to_kind(x.kind()),
                None::<Tensor>,
                [1, 1],
                [padding, padding],
                [1, 1],
                1,
            );
            norm.forward_t(&y, true)
        };
        let mut y = x.shallow_clone();
        for (i, layer) in self.convolutions.iter().enumerate() {
            y = apply(&y, layer);
            if i < 2 {
                y = leaky_relu(&y);
            }
        }
        y += apply(x, &self.shortcut);
        if self.activate {
            y = leaky_relu(&y);
        }
        y.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)
    }
}

fn leaky_relu(x: &Tensor) -> Tensor {
    x.detach().leaky_relu_backward(x, 0.1, false)
}

fn channels_last(weight: &Tensor) -> Tensor {
    weight.detach().permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}
