//! The gradient of an episode, through Gaussian fusion and its soft assignment, against central
//! differences.

use few_shot::protocomnet::{Attributes, Described};
use models::graph::{ProtoComNet, SelfWeight};
use models::tensors::Tensors;
use ndarray::{Array, Array1, Array2, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tch::{Device, Kind, Tensor};
use train::meta_learner::{CompleterInputs, MetaLearner};
use train::net::{Compute, Mode, to_tensor};
use train::optimizer::SgdConfig;
use train::pretrainer::initial_parameters as backbone_parameters;
use train::stages::protocomnet::initial_parameters;

use crate::fixture::relative_error;
use crate::support::tiny_config;

const N_WAY: usize = 3;
const K_SHOT: usize = 2;
const N_QUERY: usize = 4;

/// The network computes in f32: a shorter step drowns in rounding, a longer one crosses kinks of
/// ReLU and max-pooling. Only the steepest coordinates are looked at.
const STEP: f32 = 2e-3;
/// Of the gradient.
const TOLERANCE: f64 = 0.05;

struct Scene {
    completer: ProtoComNet,
    image: Tensor,
    terms: CompleterInputs,
}

fn values(rng: &mut ChaCha8Rng, shape: &[usize]) -> ndarray::ArrayD<f32> {
    Array::from_shape_simple_fn(IxDyn(shape), || (rng.next_u32() >> 8) as f32 / (1 << 24) as f32)
}

impl Scene {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let completer = ProtoComNet {
            embedding: 8,
            word: 3,
            attributes: 2,
            hidden: 6,
            self_weight: SelfWeight::Learned,
        };
        let table = |rng: &mut ChaCha8Rng, width: usize| -> Array2<f32> {
            values(rng, &[4, width]).into_dimensionality().unwrap()
        };
        let attributes = Attributes {
            names: (0..4).map(|i| format!("n{i:08}")).collect(),
            mean: table(rng, 8),
            word: table(rng, 3),
        };
        let classes: Vec<Described> = (0..N_WAY)
            .map(|class| Described {
                word: Array1::from_iter(values(rng, &[3])),
                attributes: vec![class, class + 1],
            })
            .collect();
        let n = N_WAY * (K_SHOT + N_QUERY);
        let image = to_tensor(&values(rng, &[n, 3, 16, 16])).unwrap() * 4.0 - 2.0;
        Self { completer, image, terms: CompleterInputs::of(&classes, &attributes).unwrap() }
    }

    /// The loss of the episode, and the parameters after a step of plain descent.
    fn loss_and_step(&self, parameters: &Tensors) -> (f64, Tensors) {
        self.loss_and_step_in(1, parameters)
    }

    /// The same with the gradient summed over `parts` equal episodes.
    fn loss_and_step_in(&self, parts: u32, parameters: &Tensors) -> (f64, Tensors) {
        let compute = Compute { device: Device::Cpu, kind: Kind::Float };
        let plain = SgdConfig { momentum: 0.0, weight_decay: 0.0 };
        let mut learner = MetaLearner::new(
            tiny_config().backbone.graph(),
            &self.completer,
            parameters,
            &Tensors::new(),
            plain,
            false,
            compute,
        )
        .unwrap();
        let n_support = (N_WAY * K_SHOT) as i64;
        let mut loss = 0.0;
        for _ in 0..parts {
            let image = [("image", &self.image)];
            let embedded = learner.backbone().forward(&image, Mode::Eval).unwrap();
            let support = embedded[0].narrow(0, 0, n_support);
            let support = support.view([N_WAY as i64, K_SHOT as i64, -1]);
            let query = embedded[0].narrow(0, n_support, (N_WAY * N_QUERY) as i64);
            let share = 1.0 / f64::from(parts);
            (loss, _) = learner.learn(&support, &query, &self.terms, share).unwrap();
        }
        learner.step(1.0).unwrap();
        (loss, learner.parameters().unwrap())
    }
}

#[test]
fn the_gradient_of_an_episode_is_what_differences_say() {
    tch::set_num_threads(1);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let scene = Scene::new(&mut rng);
    let config = tiny_config();
    let mut backbone = backbone_parameters(&config, 4).unwrap();
    backbone.retain(|name, _| !name.starts_with("head."));
    let completer = initial_parameters(&scene.completer, &mut rng).unwrap();
    let parameters = MetaLearner::begin(&backbone, &completer, 10.0);
    let (_, after) = scene.loss_and_step(&parameters);
    let (_, after_parts) = scene.loss_and_step_in(3, &parameters);
    for (name, tensor) in &after {
        let apart = relative_error(
            &(&after_parts[name] - &parameters[name]),
            &(tensor - &parameters[name]),
        );
        assert!(apart <= 1e-3, "{name}: the sum over three episodes is {apart:e} off");
    }
    for name in [
        "backbone.layer1.conv1.weight",
        "backbone.layer3.bn2.weight",
        "backbone.layer4.conv3.weight",
        "completer.encoder.0.weight",
        "completer.aggregator.term.weight",
        "completer.completed.weight",
        "scale",
    ] {
        let gradient = &parameters[name] - &after[name];
        let mut steepest: Vec<usize> = (0..gradient.len()).collect();
        let flat: Vec<f32> = gradient.iter().copied().collect();
        steepest.sort_by(|&a, &b| flat[b].abs().total_cmp(&flat[a].abs()));
        for &coordinate in steepest.iter().take(3) {
            // The loss is flat in these: a longer step rises above rounding.
            let step = match name {
                "scale" => 0.5,
                "completer.aggregator.term.weight" => 20.0 * STEP,
                "completer.encoder.0.weight" | "completer.completed.weight" => 5.0 * STEP,
                _ => STEP,
            };
            let moved = |by: f32| {
                let mut parameters = parameters.clone();
                let values = parameters.get_mut(name).unwrap().as_slice_mut().unwrap();
                values[coordinate] += by;
                scene.loss_and_step(&parameters).0
            };
            let expected = (moved(step) - moved(-step)) / f64::from(2.0 * step);
            let got = f64::from(flat[coordinate]);
            assert!(
                (got - expected).abs() <= TOLERANCE * expected.abs(),
                "{name} {coordinate}: gradient {got}, differences {expected}"
            );
        }
    }
}
