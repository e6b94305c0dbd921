//! ProtoComNet and meta-training against an independent implementation: outputs, losses, every
//! gradient.

use few_shot::protocomnet::{Attributes, Described};
use models::graph::{ProtoComNet, SelfWeight};
use models::tensors::{TensorFile, Tensors};
use ndarray::{Array2, ArrayD, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tch::{Device, Kind, Reduction, Tensor};
use train::completer_learner::{CompleterLearner, CompletionData};
use train::config::Completion;
use train::meta_learner::{CompleterInputs, logits};
use train::net::{Compute, Mode, Net, to_array, to_tensor};
use train::optimizer::{Optimizer, Sgd, SgdConfig};
use train::stages::protocomnet::initial_parameters;

use crate::fixture::{assert_close, read, relative_error};

const FP32: Compute = Compute { device: Device::Cpu, kind: Kind::Float };

const WORD: usize = 6;

/// Tensors `<prefix><name>` of a fixture under the names of the graph: the first layer of the
/// fixture's aggregator, on `[class || term || prototype]`, is three layers here.
fn named(file: &TensorFile, prefix: &str) -> Tensors {
    let mut tensors = Tensors::new();
    for (name, tensor) in &file.floats {
        let Some(name) = name.strip_prefix(prefix) else { continue };
        match name {
            "aggregator.0.weight" => {
                let end = tensor.shape()[1];
                for (part, from, to) in
                    [("class", 0, WORD), ("term", WORD, 2 * WORD), ("prototype", 2 * WORD, end)]
                {
                    let columns = tensor.slice_axis(Axis(1), (from..to).into()).to_owned();
                    tensors.insert(format!("aggregator.{part}.weight"), columns);
                }
            }
            "aggregator.0.bias" => {
                tensors.insert("aggregator.prototype.bias".to_owned(), tensor.clone());
            }
            _ if name.contains('.') => {
                tensors.insert(name.replace("decoder.2", "completed"), tensor.clone());
            }
            _ => {}
        }
    }
    tensors
}

fn network(attributes: usize, self_weight: SelfWeight) -> ProtoComNet {
    ProtoComNet { embedding: 16, word: WORD, attributes, hidden: 20, self_weight }
}

fn tensor(file: &TensorFile, name: &str) -> Tensor {
    to_tensor(&file.floats[name]).unwrap()
}

fn gradients(net: &Net) -> Tensors {
    net.learned().map(|(name, t)| (name.to_owned(), to_array(&t.grad()).unwrap())).collect()
}

fn assert_near(what: &str, got: &Tensor, expected: &ArrayD<f32>) {
    let error = relative_error(&to_array(got).unwrap(), expected);
    assert!(error <= 1e-5, "{what}: relative error {error:e}");
}

#[test]
fn protocomnet_agrees_with_an_independent_implementation() {
    for (name, self_weight) in [
        ("completer_tiny_one.safetensors", SelfWeight::One),
        ("completer_tiny_learned.safetensors", SelfWeight::Learned),
    ] {
        let file = read(name);
        let net = Net::new(network(4, self_weight).graph(), &named(&file, "param."), FP32).unwrap();
        let inputs = ["prototype", "class_word", "attribute", "attribute_word", "mask"]
            .map(|input| (input, tensor(&file, input)));
        let inputs = inputs.each_ref().map(|(name, tensor)| (*name, tensor));
        let target = tensor(&file, "target");
        let loss = || {
            let outputs = net.forward(&inputs, Mode::Train).unwrap();
            (outputs[0].mse_loss(&target, Reduction::Mean), outputs)
        };
        let (first, outputs) = loss();
        assert_near("completed", &outputs[0], &file.floats["completed"]);
        first.backward();
        assert_close("gradient", &gradients(&net), &named(&file, "grad."), 1e-4);

        let config = SgdConfig { momentum: 0.9, weight_decay: 5e-4 };
        let mut sgd = Sgd::new(config, net.learned(), &Tensors::new()).unwrap();
        for (step, &expected) in file.floats["loss_trace"].iter().enumerate() {
            let (loss, _) = loss();
            let got = loss.double_value(&[]) as f32;
            assert!((got - expected).abs() <= 1e-4 * expected, "{name} {step}: {got} {expected}");
            sgd.descend(&loss, 0.1).unwrap();
        }
    }
}

#[test]
fn gradients_of_an_episode_agree_with_an_independent_implementation() {
    let file = read("finetune_tiny.safetensors");
    let net = Net::new(network(3, SelfWeight::One).graph(), &named(&file, "param."), FP32).unwrap();
    let leaf = |name: &str| tensor(&file, name).set_requires_grad(true);
    let (support, query, scale) = (leaf("support"), leaf("query"), leaf("scale"));
    let inputs = CompleterInputs {
        class_word: tensor(&file, "class_word"),
        attribute: tensor(&file, "attribute"),
        attribute_word: tensor(&file, "attribute_word"),
        mask: tensor(&file, "mask"),
    };
    let logits = logits(&net, &scale, &support.unsqueeze(1), &query, &inputs).unwrap();
    assert_near("logits", &logits, &file.floats["logits"]);
    let labels: Vec<i64> = file.integers["query_label"].iter().copied().collect();
    let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&labels));
    let expected = *file.floats["loss"].first().unwrap();
    assert!((loss.double_value(&[]) as f32 - expected).abs() <= 1e-5 * expected);
    loss.backward();
    assert_close("gradient", &gradients(&net), &named(&file, "grad."), 2e-4);
    for (name, leaf) in [("support", &support), ("query", &query), ("scale", &scale)] {
        let error =
            relative_error(&to_array(&leaf.grad()).unwrap(), &file.floats[&format!("grad.{name}")]);
        assert!(error <= 2e-4, "gradient of {name}: relative error {error:e}");
    }
}

/// Training runs pair by pair, everything else padded to a rectangle. One class has no attribute.
#[test]
fn running_in_pieces_equals_running_the_whole_network() {
    for self_weight in [SelfWeight::One, SelfWeight::Learned] {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut value = || (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
        let mut table = |rows, columns| Array2::from_shape_simple_fn((rows, columns), &mut value);
        let own = [vec![0, 2], Vec::new(), vec![1, 2, 3], vec![3]];
        let described = |attributes: Vec<usize>| Described {
            word: table(1, WORD).row(0).to_owned(),
            attributes,
        };
        let classes = own.map(described).to_vec();
        let names = (0..4).map(|i| format!("n{i:08}")).collect();
        let attributes = Attributes { names, mean: table(4, 16), word: table(4, WORD) };
        let (std, target) = (table(4, 16), table(4, 16));
        let data = CompletionData { classes, attributes, std, target };
        let prototype = to_tensor(&table(7, 16).into_dyn()).unwrap();

        let network = network(3, self_weight);
        let parameters = initial_parameters(&network, &mut rng).unwrap();
        let net = || Net::new(network.graph(), &parameters, FP32).unwrap();
        let settings = SgdConfig { momentum: 0.9, weight_decay: 5e-4 };
        let (ours, whole) = (net(), net());
        let sgd = |net: &Net| Sgd::new(settings, net.learned(), &Tensors::new()).unwrap();
        let (optimizer, mut descent) = (Optimizer::Sgd(sgd(&ours)), sgd(&whole));
        let config = Completion { noise: false, ..Completion::default() };
        let mut learner = CompleterLearner::new(ours, optimizer, &data, &config).unwrap();

        let samples = [2, 1, 0, 3, 1, 2, 2];
        let of_samples = samples.map(|class| data.classes[class as usize].clone());
        let inputs = CompleterInputs::of(&of_samples, &data.attributes).unwrap();
        let target = to_tensor(&data.target.clone().into_dyn()).unwrap();
        let target = target.index_select(0, &Tensor::from_slice(&samples));
        for step in 0..4 {
            let got = learner.step(&prototype, &samples, 0.1).unwrap();
            let outputs = whole.forward(&inputs.inputs(&prototype), Mode::Train).unwrap();
            let loss = outputs[0].mse_loss(&target, Reduction::Mean);
            descent.descend(&loss, 0.1).unwrap();
            let expected = loss.double_value(&[]);
            assert!((got - expected).abs() <= 1e-5 * expected, "{step}: {got} {expected}");
        }
        assert_close(
            "parameter",
            &learner.net().tensors().unwrap(),
            &whole.tensors().unwrap(),
            1e-4,
        );
    }
}

/// Inputs for each class complete its mean; inputs for each image complete each image.
#[test]
fn every_image_can_be_completed_separately() {
    let file = read("finetune_tiny.safetensors");
    let net = Net::new(network(3, SelfWeight::One).graph(), &named(&file, "param."), FP32).unwrap();
    let (support, query) = (tensor(&file, "support").unsqueeze(1), tensor(&file, "query"));
    let inputs = |rows_each: i64| {
        let of = |name: &str| tensor(&file, name).repeat_interleave_self_int(rows_each, 0, None);
        CompleterInputs {
            class_word: of("class_word"),
            attribute: of("attribute"),
            attribute_word: of("attribute_word"),
            mask: of("mask"),
        }
    };
    let apart = |support: &Tensor| {
        let of = |rows_each| {
            logits(&net, &tensor(&file, "scale"), support, &query, &inputs(rows_each)).unwrap()
        };
        (of(1) - of(2)).abs().max().double_value(&[])
    };
    let same = Tensor::cat(&[&support, &support], 1);
    assert!(apart(&same) <= 1e-5, "{}", apart(&same));
    let different = Tensor::cat(&[&support, &(&support * 3.0)], 1);
    assert!(apart(&different) > 1e-4, "{}", apart(&different));
}

/// A dimension that is constant in all images has zero variance, so the weights would be 0 / 0.
#[test]
fn a_constant_dimension_has_finite_gradients() {
    let flat = |rows: i64| {
        let values = Tensor::arange(rows * 4, (Kind::Float, Device::Cpu)).sin().view([rows, 4]);
        let varied = values.narrow(1, 0, 3);
        Tensor::cat(&[varied, Tensor::zeros([rows, 1], (Kind::Float, Device::Cpu))], 1)
    };
    let (mean, completed) = (flat(2), flat(2) * 0.5);
    let (mean, completed) =
        (mean.set_requires_grad(true), completed.detach().set_requires_grad(true));
    let query = flat(6).set_requires_grad(true);
    let fused = train::fusion::gaussian(&mean, &completed, &mean.unsqueeze(1), &query).unwrap();
    assert_eq!(fused.narrow(1, 3, 1).abs().max().double_value(&[]), 0.0);
    fused.square().sum(Kind::Float).backward();
    for (name, leaf) in [("mean", mean), ("completed", completed), ("query", query)] {
        let sum = leaf.grad().abs().sum(Kind::Float).double_value(&[]);
        assert!(sum.is_finite() && sum > 0.0, "{name}: {sum}");
    }
}
