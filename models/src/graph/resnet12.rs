//! ResNet-12, the usual backbone of few-shot learning, as a [`Graph`].
//!
//! Four blocks; a block is conv3x3-BN-LeakyReLU(0.1), the same again, conv3x3-BN, plus a projected
//! shortcut conv1x1-BN, then LeakyReLU(0.1), then max-pool 2x2. The embedding is the spatial mean.
//! In the last block there is no activation after the sum, as in the published code of Zhang et
//! al., "Prototype Completion with Primitive Knowledge for Few-Shot Learning", CVPR 2021, whose
//! parameter names are kept. Most other published code has one: [`Resnet12::last_activation`].

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::{Graph, Input, Node, Op, Padding};

const BATCH_NORM_EPS: f32 = 1e-5;
/// The slope of LeakyReLU.
const SLOPE: f32 = 0.1;

/// The sizes of a ResNet-12.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resnet12 {
    /// Channels of the four blocks; the last is the embedding's size. The paper: 64-128-256-512.
    pub widths: [usize; 4],
    /// Height and width of the input image, at least 16. The paper: 84.
    pub input_size: usize,
    /// Whether LeakyReLU(0.1) follows the sum in the last block too. The paper: no. The published
    /// code of FEAT, RFS, Meta-Baseline, DeepEMD and EASY: yes. Both have the same parameters.
    // Left out where it is not used: files without it keep their bytes.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub last_activation: bool,
}

impl Resnet12 {
    /// The network: `image` `[3, input_size, input_size]` to `embedding` `[widths[3]]`.
    pub fn graph(&self) -> Graph {
        let mut nodes = Vec::new();
        let mut value = "image".to_owned();
        for (i, &width) in self.widths.iter().enumerate() {
            let activate = i < 3 || self.last_activation;
            value = block(&mut nodes, &format!("layer{}", i + 1), &value, width, activate);
        }
        nodes.push(Node::new("embedding", Op::GlobalAveragePool, &[&value]));
        Graph {
            name: "resnet12".to_owned(),
            inputs: vec![Input::new("image", &[3, self.input_size, self.input_size])],
            nodes,
            outputs: vec!["embedding".to_owned()],
        }
    }
}

/// A block that grows at the end of a network.
struct Block<'a> {
    nodes: &'a mut Vec<Node>,
    name: &'a str,
}

impl Block<'_> {
    /// Appends a node and returns its full name.
    fn push(&mut self, name: &str, op: Op, inputs: &[&str]) -> String {
        let name = format!("{}.{name}", self.name);
        self.nodes.push(Node::new(&name, op, inputs));
        name
    }
}

/// Appends one block and returns the name of its output value.
fn block(nodes: &mut Vec<Node>, name: &str, input: &str, width: usize, activate: bool) -> String {
    let mut block = Block { nodes, name };
    let mut value = input.to_owned();
    for i in 1..=3 {
        value = block.push(&format!("conv{i}"), convolution(width, 3), &[&value]);
        value = block.push(&format!("bn{i}"), Op::BatchNorm { eps: BATCH_NORM_EPS }, &[&value]);
        if i < 3 {
            value = block.push(&format!("relu{i}"), Op::LeakyRelu { slope: SLOPE }, &[&value]);
        }
    }
    let projected = block.push("downsample.0", convolution(width, 1), &[input]);
    let shortcut = block.push("downsample.1", Op::BatchNorm { eps: BATCH_NORM_EPS }, &[&projected]);
    value = block.push("add", Op::Add, &[&value, &shortcut]);
    if activate {
        value = block.push("relu3", Op::LeakyRelu { slope: SLOPE }, &[&value]);
    }
    block.push("pool", Op::MaxPool2d { kernel: 2, stride: 2 }, &[&value])
}

/// A convolution without bias that keeps the spatial size.
fn convolution(out_channels: usize, kernel: usize) -> Op {
    let padding = Padding::even(kernel / 2);
    Op::Conv2d { out_channels, kernel, stride: 1, padding, groups: 1, bias: false }
}
