//! EfficientNet-Lite0, a backbone for images of ImageNet's size on small devices, as a [`Graph`].
//!
//! Sixteen inverted residual blocks in seven stages. In a block, a 1x1 convolution widens, a
//! depthwise one filters, and a 1x1 one narrows again. Each has a batch normalization, and all but
//! the last have ReLU6. The input is added where input and output have the same shape. The
//! embedding is the spatial mean after a last 1x1 convolution.
//!
//! Google published it (Liu and Tan 2020, "Higher accuracy on vision models with
//! EfficientNet-Lite"). It is EfficientNet-B0 (Tan and Le 2019) without squeeze-and-excitation and
//! with ReLU6. Its padding is TensorFlow's, which is uneven where a stride is 2.

use serde::{Deserialize, Serialize};

use super::{Graph, Input, Node, Op, Padding};

// TensorFlow's default, which the published weights were trained with; PyTorch's is 1e-5.
const BATCH_NORM_EPS: f32 = 1e-3;

/// A run of blocks. The first one takes the stride and changes the width.
struct Stage {
    kernel: usize,
    /// How many times wider a block is inside than its input.
    expansion: usize,
    blocks: usize,
    stride: usize,
}

// The table of EfficientNet-B0 (Tan and Le 2019). The widths are not in it, so that tests can make
// a small network of the same structure.
const STAGES: [Stage; 7] = [
    Stage { kernel: 3, expansion: 1, blocks: 1, stride: 1 },
    Stage { kernel: 3, expansion: 6, blocks: 2, stride: 2 },
    Stage { kernel: 5, expansion: 6, blocks: 2, stride: 2 },
    Stage { kernel: 3, expansion: 6, blocks: 3, stride: 2 },
    Stage { kernel: 5, expansion: 6, blocks: 3, stride: 1 },
    Stage { kernel: 5, expansion: 6, blocks: 4, stride: 2 },
    Stage { kernel: 3, expansion: 6, blocks: 1, stride: 1 },
];

/// The sizes of an EfficientNet-Lite0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EfficientNetLite0 {
    /// Channels after the first convolution, the seven stages and the last convolution, which is
    /// the embedding's size. Published: [`EfficientNetLite0::WIDTHS`].
    pub widths: [usize; 9],
    /// Height and width of the input image, at least 1. Published:
    /// [`EfficientNetLite0::INPUT_SIZE`].
    pub input_size: usize,
}

impl EfficientNetLite0 {
    /// The published widths.
    pub const WIDTHS: [usize; 9] = [32, 16, 24, 40, 80, 112, 192, 320, 1280];

    /// The published input size.
    pub const INPUT_SIZE: usize = 224;

    /// The network: `image` `[3, input_size, input_size]` to `embedding` `[widths[8]]`.
    pub fn graph(&self) -> Graph {
        let [first, stages @ .., last] = self.widths;
        let mut tower =
            Tower { nodes: Vec::new(), value: "image".to_owned(), width: 3, size: self.input_size };
        tower.convolve("first", Convolution { width: first, kernel: 3, stride: 2, groups: 1 });
        tower.activate("first");
        // Blocks are counted through all stages.
        let mut number = 0;
        for (stage, width) in STAGES.iter().zip(stages) {
            for i in 0..stage.blocks {
                let stride = if i == 0 { stage.stride } else { 1 };
                tower.block(&format!("block{number}"), stage, width, stride);
                number += 1;
            }
        }
        tower.convolve("last", Convolution::pointwise(last));
        tower.activate("last");
        let Tower { mut nodes, value, .. } = tower;
        nodes.push(Node::new("embedding", Op::GlobalAveragePool, &[&value]));
        Graph {
            name: "efficientnet-lite0".to_owned(),
            inputs: vec![Input::new("image", &[3, self.input_size, self.input_size])],
            nodes,
            outputs: vec!["embedding".to_owned()],
        }
    }
}

struct Convolution {
    width: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
}

impl Convolution {
    fn pointwise(width: usize) -> Self {
        Self { width, kernel: 1, stride: 1, groups: 1 }
    }
}

/// A network that grows: its newest value, `[width, size, size]`.
struct Tower {
    nodes: Vec<Node>,
    value: String,
    width: usize,
    size: usize,
}

impl Tower {
    fn push(&mut self, name: String, op: Op, inputs: &[&str]) {
        self.nodes.push(Node::new(&name, op, inputs));
        self.value = name;
    }

    /// `NAME.conv` and `NAME.bn`.
    fn convolve(&mut self, name: &str, convolution: Convolution) {
        let Convolution { width: out_channels, kernel, stride, groups } = convolution;
        let padding = Padding::same(self.size, kernel, stride);
        let conv = Op::Conv2d { out_channels, kernel, stride, padding, groups, bias: false };
        self.push(format!("{name}.conv"), conv, &[&self.value.clone()]);
        let normalization = Op::BatchNorm { eps: BATCH_NORM_EPS };
        self.push(format!("{name}.bn"), normalization, &[&self.value.clone()]);
        self.width = out_channels;
        self.size = self.size.div_ceil(stride);
    }

    fn activate(&mut self, name: &str) {
        self.push(format!("{name}.relu6"), Op::Relu6, &[&self.value.clone()]);
    }

    fn block(&mut self, name: &str, stage: &Stage, width: usize, stride: usize) {
        let input = self.value.clone();
        let input_width = self.width;
        if stage.expansion > 1 {
            let part = format!("{name}.expand");
            // Widths come from files: a huge one must not overflow here. No tensors fit it later.
            let wide = input_width.saturating_mul(stage.expansion);
            self.convolve(&part, Convolution::pointwise(wide));
            self.activate(&part);
        }
        let part = format!("{name}.depthwise");
        let width_inside = self.width;
        let depthwise =
            Convolution { width: width_inside, kernel: stage.kernel, stride, groups: width_inside };
        self.convolve(&part, depthwise);
        self.activate(&part);
        self.convolve(&format!("{name}.project"), Convolution::pointwise(width));
        if stride == 1 && width == input_width {
            self.push(format!("{name}.add"), Op::Add, &[&self.value.clone(), &input]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn graph(input_size: usize) -> Graph {
        EfficientNetLite0 { widths: EfficientNetLite0::WIDTHS, input_size }.graph()
    }

    #[test]
    fn it_has_the_published_sizes() {
        let shapes = graph(224).shapes().unwrap();
        for (value, shape) in [
            ("first.relu6", [32, 112, 112]),
            ("block0.project.bn", [16, 112, 112]),
            ("block2.add", [24, 56, 56]),
            ("block4.add", [40, 28, 28]),
            ("block7.add", [80, 14, 14]),
            ("block10.add", [112, 14, 14]),
            ("block14.add", [192, 7, 7]),
            ("block15.project.bn", [320, 7, 7]),
        ] {
            assert_eq!(shapes[value], shape, "{value}");
        }
        assert_eq!(shapes["embedding"], [1280]);
        let added = graph(224).nodes.iter().filter(|node| node.op == Op::Add).count();
        assert_eq!(added, 9);
    }

    /// 4.652 million learned parameters and 0.385 thousand million multiplications with the
    /// classifier of 1,000 classes, as independent implementations count them.
    #[test]
    fn it_has_the_published_weight() {
        let learned = graph(224).parameters().unwrap().into_iter().filter(|p| p.role.is_learned());
        let learned: usize = learned.map(|p| p.shape.iter().product::<usize>()).sum();
        assert_eq!(learned + 1281 * 1000, 4_652_008);
        let convolutions = |op: &Op| matches!(op, Op::Conv2d { .. });
        let mut multiplications = 0;
        let graph = graph(224);
        graph
            .visit(|node, read, written| {
                if convolutions(&node.op) {
                    multiplications += node.op.flops(read, written) / 2;
                }
            })
            .unwrap();
        assert_eq!((multiplications + 1_280_000) / 1_000_000, 385);
    }

    #[test]
    fn any_input_size_is_taken() {
        for size in [1, 2, 31, 32, 33, 160, 223, 225] {
            assert_eq!(graph(size).shapes().unwrap()["embedding"], [1280], "{size}");
        }
        assert!(graph(0).shapes().is_err());
    }
}
