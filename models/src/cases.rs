//! Problems for every operation and network, on which every interpreter and engine is tested.
//!
//! A case has a graph, parameters and inputs, all made from its own seed. The right answer is that
//! of [`crate::reference`]. An engine passes when it is within the case's tolerance. A case is
//! useful only if an engine fails it after [`Case::nudged`].

use ndarray::{ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::graph::{
    Architecture, EfficientNetLite0, Ensemble, Graph, Input, Node, Op, Padding, Parameter,
    ProtoComNet, Quantization, Resnet12, Role, SelfWeight, Shape,
};
use crate::reference;
use crate::tensors::Tensors;

/// How far [`Case::nudged`] moves one number.
pub const NUDGE: f32 = 1e-2;

/// A problem for an interpreter of graphs.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// A name of lower-case letters, digits and `-`; fit for a file.
    pub name: String,
    /// What to run.
    pub graph: Graph,
    /// Its parameters.
    pub parameters: Tensors,
    /// Its inputs, `[n, shape..]`.
    pub inputs: Vec<(String, ArrayD<f32>)>,
    /// Largest difference allowed, as a share of the largest expected magnitude of the same output.
    pub tolerance: f32,
}

/// Every case: each [`Op`] in several geometries, a foldable chain, and whole networks.
pub fn all() -> Vec<Case> {
    let mut cases = operations();
    cases.extend(networks());
    cases
}

impl Case {
    /// The right outputs, in the graph's order.
    pub fn expected(&self) -> Vec<ArrayD<f32>> {
        let inputs: Vec<_> =
            self.inputs.iter().map(|(name, value)| (name.as_str(), value.view())).collect();
        reference::run(&self.graph, &self.parameters, &inputs)
            .expect("invariant: a case fits its graph")
    }

    /// Compares an engine's outputs with the right ones.
    ///
    /// # Errors
    /// One sentence that names the case, the output and the difference.
    pub fn check(&self, outputs: &[ArrayD<f32>]) -> Result<(), String> {
        let expected = self.expected();
        if outputs.len() != expected.len() {
            return Err(format!(
                "{}: {} outputs, expected {}",
                self.name,
                outputs.len(),
                expected.len()
            ));
        }
        let mut pairs = expected.iter().zip(outputs).enumerate();
        pairs.try_for_each(|(i, (expected, got))| {
            close(expected, got, self.tolerance)
                .map_err(|e| format!("{}: output {i}: {e}", self.name))
        })
    }

    /// The same case with one number moved by [`NUDGE`]: a weight of the last node that has one,
    /// else the greatest input value (which every operation lets through). Its answer must not pass
    /// this case's check.
    #[must_use]
    pub fn nudged(&self) -> Self {
        let mut case = self.clone();
        let parameters = self.graph.parameters().expect("invariant: a case's graph is sound");
        match parameters.iter().rev().find(|parameter| parameter.role == Role::Weight) {
            Some(weight) => {
                let weight = case
                    .parameters
                    .get_mut(&weight.name)
                    .expect("invariant: a case fits its graph");
                weight.iter_mut().take(1).for_each(|x| *x += NUDGE);
            }
            None => {
                let greatest = case.inputs.iter_mut().flat_map(|(_, value)| value.iter_mut());
                if let Some(x) = greatest.max_by(|a, b| a.total_cmp(b)) {
                    *x += NUDGE;
                }
            }
        }
        case
    }
}

fn close(expected: &ArrayD<f32>, got: &ArrayD<f32>, tolerance: f32) -> Result<(), String> {
    if expected.shape() != got.shape() {
        return Err(format!("shape {:?}, expected {:?}", got.shape(), expected.shape()));
    }
    let scale = expected.iter().fold(0.0_f32, |scale, x| scale.max(x.abs()));
    let worst = expected
        .iter()
        .zip(got)
        .map(|(expected, got)| (expected - got).abs())
        .max_by(f32::total_cmp);
    let allowed = tolerance * scale;
    match worst {
        // A difference that is not a number is the greatest of all in total order.
        Some(worst) if worst.is_nan() || worst > allowed => {
            Err(format!("differs by {worst:e}, allowed {allowed:e} ({tolerance:e} of {scale})"))
        }
        _ => Ok(()),
    }
}

/// A name, an operation, and the shape of each of its inputs.
type Problem = (&'static str, Op, &'static [usize]);

/// What most operations are tried on: channels, height and width differ, and one of them is odd.
const MAP: &[usize] = &[3, 7, 10];

fn operations() -> Vec<Case> {
    let problems = convolutions().into_iter().chain(others());
    let one = problems.map(|(name, op, shape)| operation(name, op, shape));
    one.chain([chain(), depthwise_chain(), tied()]).collect()
}

fn conv(out_channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Op {
    let padding = Padding::even(padding);
    Op::Conv2d { out_channels, kernel, stride, padding, groups: 1, bias }
}

/// A convolution with other padding before than after, as TensorFlow's `SAME` makes it.
fn uneven(kernel: usize, before: usize, after: usize, groups: usize) -> Op {
    let padding = Padding { before, after };
    Op::Conv2d { out_channels: 6, kernel, stride: 2, padding, groups, bias: true }
}

fn depthwise(kernel: usize, channels: usize) -> Op {
    Op::Conv2d {
        out_channels: channels,
        kernel,
        stride: 1,
        padding: Padding::even(kernel / 2),
        groups: channels,
        bias: false,
    }
}

fn convolutions() -> Vec<Problem> {
    vec![
        ("conv2d-1x1", conv(4, 1, 1, 0, false), MAP),
        ("conv2d-1x1-stride2", conv(4, 1, 2, 0, false), MAP),
        ("conv2d-2x2-stride2", conv(2, 2, 2, 0, true), MAP),
        ("conv2d-3x3", conv(4, 3, 1, 0, false), MAP),
        ("conv2d-3x3-pad1", conv(4, 3, 1, 1, false), MAP),
        ("conv2d-3x3-pad1-bias", conv(4, 3, 1, 1, true), MAP),
        ("conv2d-3x3-stride2-pad1", conv(4, 3, 2, 1, true), MAP),
        ("conv2d-3x3-whole-input", conv(4, 3, 1, 0, true), &[2, 3, 3]),
        ("conv2d-5x5-pad2", conv(3, 5, 1, 2, false), MAP),
        ("conv2d-one-channel", conv(1, 3, 1, 1, true), &[1, 4, 4]),
        ("conv2d-3x3-stride2-pad0-1", uneven(3, 0, 1, 1), MAP),
        ("conv2d-5x5-stride2-pad1-2", uneven(5, 1, 2, 1), MAP),
        ("conv2d-3x3-stride2-pad2-1", uneven(3, 2, 1, 1), MAP),
        ("conv2d-3-groups", uneven(3, 0, 1, 3), MAP),
        ("conv2d-2-groups", uneven(3, 1, 1, 2), &[4, 6, 5]),
        ("conv2d-depthwise-3x3", depthwise(3, 3), MAP),
        ("conv2d-depthwise-5x5", depthwise(5, 4), &[4, 7, 7]),
    ]
}

fn others() -> Vec<Problem> {
    vec![
        ("batch-norm", Op::BatchNorm { eps: 1e-5 }, MAP),
        ("batch-norm-large-eps", Op::BatchNorm { eps: 1e-1 }, &[5, 2, 2]),
        ("leaky-relu", Op::LeakyRelu { slope: 0.1 }, MAP),
        ("leaky-relu-of-vector", Op::LeakyRelu { slope: 0.3 }, &[9]),
        ("relu", Op::LeakyRelu { slope: 0.0 }, MAP),
        ("relu6", Op::Relu6, MAP),
        ("relu6-of-vector", Op::Relu6, &[9]),
        ("max-pool-2", Op::MaxPool2d { kernel: 2, stride: 2 }, &[3, 8, 6]),
        ("max-pool-2-drops-an-edge", Op::MaxPool2d { kernel: 2, stride: 2 }, &[3, 7, 5]),
        ("max-pool-3-stride2", Op::MaxPool2d { kernel: 3, stride: 2 }, MAP),
        ("max-pool-2-stride1", Op::MaxPool2d { kernel: 2, stride: 1 }, MAP),
        ("global-average-pool", Op::GlobalAveragePool, MAP),
        ("global-average-pool-of-1x1", Op::GlobalAveragePool, &[6, 1, 1]),
        ("linear-of-vector", Op::Linear { outputs: 4, bias: true }, &[7]),
        ("linear-of-rows", Op::Linear { outputs: 5, bias: false }, &[3, 6]),
        ("unsqueeze-first", Op::Unsqueeze { axis: 0 }, &[5]),
        ("unsqueeze-last", Op::Unsqueeze { axis: 1 }, &[5]),
        ("sum-rows", Op::Sum { axis: 0 }, &[4, 3]),
        ("sum-columns", Op::Sum { axis: 1 }, &[4, 3]),
        ("add", Op::Add, MAP),
        ("add-vectors", Op::Add, &[9]),
        ("mul", Op::Mul, MAP),
        ("mul-vectors", Op::Mul, &[9]),
        ("concat", Op::Concat, &[9]),
        ("concat-of-single-values", Op::Concat, &[1]),
        ("fake-quantize-unsigned", fake(90, false), MAP),
        ("fake-quantize-signed", fake(-35, true), &[9]),
    ]
}

fn fake(zero_point: i32, signed: bool) -> Op {
    // Steps smaller than `NUDGE`, and a range beyond the greatest input: else the nudge could get
    // lost.
    Op::FakeQuantize(Quantization { scale: 0.0095, zero_point, signed })
}

/// A single node on a batch of two.
fn operation(name: &str, op: Op, shape: &[usize]) -> Case {
    let names: &[&str] =
        if matches!(op, Op::Add | Op::Mul | Op::Concat) { &["x", "y"] } else { &["x"] };
    case(name, graph(name, shape, names, vec![Node::new("out", op, names)]), 2, 1e-5)
}

/// Convolution, normalization and activation: what export folds.
fn chain() -> Case {
    let nodes = vec![
        Node::new("conv", conv(5, 3, 1, 1, true), &["x"]),
        Node::new("bn", Op::BatchNorm { eps: 1e-5 }, &["conv"]),
        Node::new("out", Op::LeakyRelu { slope: 0.1 }, &["bn"]),
    ];
    case("conv2d-batch-norm-leaky-relu", graph("chain", &[3, 6, 6], &["x"], nodes), 2, 1e-5)
}

/// The same chain with a depthwise convolution, and values on both sides of ReLU6's range.
fn depthwise_chain() -> Case {
    let conv = Op::Conv2d {
        out_channels: 6,
        kernel: 3,
        stride: 2,
        padding: Padding { before: 0, after: 1 },
        groups: 6,
        bias: false,
    };
    let nodes = vec![
        Node::new("conv", conv, &["x"]),
        Node::new("bn", Op::BatchNorm { eps: 1e-3 }, &["conv"]),
        // The values here are around 1. Four times as large, some exceed 6.
        Node::new("twice", Op::Add, &["bn", "bn"]),
        Node::new("fourfold", Op::Add, &["twice", "twice"]),
        Node::new("out", Op::Relu6, &["fourfold"]),
    ];
    case("depthwise-batch-norm-relu6", graph("chain", &[6, 8, 8], &["x"], nodes), 2, 1e-5)
}

/// Two layers that share weights; a row and a column are broadcast.
fn tied() -> Case {
    let layer = Op::Linear { outputs: 4, bias: true };
    let nodes = vec![
        Node::new("first", layer, &["x"]),
        Node::new("sum", Op::Sum { axis: 0 }, &["first"]),
        Node::new("second", layer, &["sum"]).tied_to("first"),
        Node::new("row", Op::Unsqueeze { axis: 0 }, &["second"]),
        Node::new("added", Op::Add, &["first", "row"]),
        Node::new("column", Op::Unsqueeze { axis: 1 }, &["second"]),
        Node::new("out", Op::Mul, &["column", "row"]),
        Node::new("both", Op::Mul, &["added", "row"]),
    ];
    let graph = graph("tied", &[3, 4], &["x"], nodes);
    case(
        "tied-and-broadcast",
        Graph { outputs: vec!["both".to_owned(), "out".to_owned()], ..graph },
        2,
        1e-5,
    )
}

fn graph(name: &str, shape: &[usize], inputs: &[&str], nodes: Vec<Node>) -> Graph {
    Graph {
        name: name.to_owned(),
        inputs: inputs.iter().map(|name| Input::new(name, shape)).collect(),
        nodes,
        outputs: vec!["out".to_owned()],
    }
}

fn networks() -> Vec<Case> {
    let full = [64, 128, 256, 512];
    let lite0 = EfficientNetLite0 { widths: [6, 4, 5, 6, 6, 7, 8, 9, 16], input_size: 37 }.graph();
    vec![
        case("resnet12-tiny", resnet12([8, 12, 16, 24], 32), 2, 1e-5),
        case("resnet12-tiny-odd", resnet12([4, 6, 4, 8], 21), 1, 1e-5),
        case("resnet12-last-activation", activated([4, 6, 4, 8], 21), 2, 1e-5),
        case("resnet12-32px-batch1", resnet12(full, 32), 1, 1e-5),
        case("resnet12-32px-batch3", resnet12(full, 32), 3, 1e-5),
        case("efficientnet-lite0-tiny-odd", lite0, 1, 2e-5),
        case("ensemble-of-two", ensemble(), 2, 1e-5),
        case("protocomnet-one", protocomnet(SelfWeight::One), 3, 1e-5),
        case("protocomnet-learned", protocomnet(SelfWeight::Learned), 2, 1e-5),
    ]
}

fn resnet12(widths: [usize; 4], input_size: usize) -> Graph {
    Resnet12 { widths, input_size, last_activation: false }.graph()
}

fn activated(widths: [usize; 4], input_size: usize) -> Graph {
    Resnet12 { widths, input_size, last_activation: true }.graph()
}

fn ensemble() -> Graph {
    let widths = [[8, 12, 16, 24], [4, 6, 4, 8]];
    let members = widths
        .map(|widths| {
            Architecture::Resnet12(Resnet12 { widths, input_size: 32, last_activation: false })
        })
        .to_vec();
    Ensemble::new(members).expect("invariant: networks of one size").graph()
}

fn protocomnet(self_weight: SelfWeight) -> Graph {
    ProtoComNet { embedding: 16, word: 6, attributes: 4, hidden: 20, self_weight }.graph()
}

fn case(name: &str, graph: Graph, batch: usize, tolerance: f32) -> Case {
    // The seed comes from the name, so that a case stays the same when others are added or removed.
    let seed =
        name.bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut source = Source(ChaCha8Rng::seed_from_u64(seed));
    let parameters = graph.parameters().expect("invariant: a case's graph is sound");
    let parameters = parameters.iter().map(|p| (p.name.clone(), source.parameter(p))).collect();
    let inputs = graph.inputs.iter().map(|input| {
        let shape: Shape = std::iter::once(batch).chain(input.shape.iter().copied()).collect();
        (input.name.clone(), source.uniform(&shape, -1.5, 1.5))
    });
    let inputs = inputs.collect();
    Case { name: name.to_owned(), graph, parameters, inputs, tolerance }
}

/// Seeded values.
struct Source(ChaCha8Rng);

impl Source {
    fn uniform(&mut self, shape: &[usize], low: f32, high: f32) -> ArrayD<f32> {
        ArrayD::from_shape_simple_fn(IxDyn(shape), || low + (high - low) * self.unit())
    }

    /// Uniform in 0..1.
    fn unit(&mut self) -> f32 {
        // 24 bits fill the precision of an f32.
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Values that keep activations near 1 through any depth.
    fn parameter(&mut self, parameter: &Parameter) -> ArrayD<f32> {
        let shape = &parameter.shape;
        match parameter.role {
            Role::Weight if shape.len() == 4 => {
                // A variance of 2 / fan-in (He et al. 2015): ReLU removes half of it.
                let bound = (6.0 / (shape[1] * shape[2] * shape[3]) as f32).sqrt();
                self.uniform(shape, -bound, bound)
            }
            Role::Weight if shape.len() == 2 => {
                // A variance of 1 / fan-in.
                let bound = (3.0 / shape[1] as f32).sqrt();
                self.uniform(shape, -bound, bound)
            }
            // Scale and variance of a normalization. A variance near 0 would make huge values.
            Role::Weight | Role::RunningVar => self.uniform(shape, 0.5, 1.5),
            Role::Bias | Role::RunningMean => self.uniform(shape, -0.5, 0.5),
        }
    }
}
