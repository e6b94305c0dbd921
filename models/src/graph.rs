//! A network as data.
//!
//! A network is described once, as a [`Graph`]: training interprets it on libtorch, export writes
//! it as ONNX, [`crate::reference`] runs it on plain arrays. Shapes leave out the leading batch
//! dimension `n` that every tensor has: an image `[n, 3, h, w]` is `[3, h, w]` here.

mod architecture;
pub mod efficientnet_lite;
mod op;
pub mod protocomnet;
pub mod resnet12;

use std::collections::BTreeMap;

use ndarray::ArrayD;

use crate::fault::{Blame, Fault};
use crate::tensors::Tensors;
pub use architecture::{Architecture, Ensemble, EnsembleError};
pub use efficientnet_lite::EfficientNetLite0;
pub use op::{Op, Padding, Quantization, Role, Shape};
pub use protocomnet::{ProtoComNet, SelfWeight};
pub use resnet12::Resnet12;

/// A network: inputs, nodes in the order in which they run, and the names of its output values.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The architecture's name.
    pub name: String,
    /// What goes in.
    pub inputs: Vec<Input>,
    /// The operations; a node reads only inputs and nodes before it.
    pub nodes: Vec<Node>,
    /// Which values come out.
    pub outputs: Vec<String>,
}

/// A named input of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The value's name.
    pub name: String,
    /// Its dimensions.
    pub shape: Shape,
}

impl Input {
    /// An input of this name and shape.
    pub fn new(name: &str, shape: &[usize]) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec() }
    }
}

/// One operation. It has one output value, which has the node's name. So do its parameters
/// (`layer1.conv1` has `layer1.conv1.weight`), unless it shares those of another node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The node's name, unique among nodes and inputs.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The values that it reads.
    pub inputs: Vec<String>,
    /// The node whose parameters it shares; `None` if it has its own.
    pub tied_to: Option<String>,
}

impl Node {
    /// A node that reads the named values.
    pub fn new(name: &str, op: Op, inputs: &[&str]) -> Self {
        let inputs = inputs.iter().map(|&i| i.to_owned()).collect();
        Self { name: name.to_owned(), op, inputs, tied_to: None }
    }

    /// The same node with the parameters of another node, which has the same operation.
    #[must_use]
    pub fn tied_to(self, other: &str) -> Self {
        Self { tied_to: Some(other.to_owned()), ..self }
    }

    /// The full name of one of its parameters, by its last part (`weight`).
    pub fn parameter(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.tied_to.as_ref().unwrap_or(&self.name))
    }

    /// The tensors that the node needs when it reads values of these shapes.
    fn parameters(&self, read: &[&Shape]) -> Vec<Parameter> {
        let parameters = self.op.parameters(read).into_iter();
        parameters
            .map(|(role, shape)| Parameter { name: self.parameter(role.suffix()), shape, role })
            .collect()
    }

    fn refuse(&self, expected: &'static str, read: &[&Shape]) -> GraphError {
        let got = read.iter().map(|&shape| shape.clone()).collect();
        GraphError::Shape { node: self.name.clone(), expected, got }
    }
}

/// A tensor that a network needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// `<node>.<role>`.
    pub name: String,
    /// All dimensions (parameters have no batch dimension).
    pub shape: Shape,
    /// What it is for.
    pub role: Role,
}

/// Why a graph, or tensors for it, cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum GraphError {
    /// A name is used twice, or read before it exists.
    #[error("graph `{graph}`: {problem} `{name}`")]
    Name {
        /// The graph.
        graph: String,
        /// What is wrong with the name.
        problem: &'static str,
        /// The name.
        name: String,
    },
    /// An operation got a value that it cannot take.
    #[error("node `{node}` cannot take a value of shape {got:?}: expected {expected}")]
    Shape {
        /// The node.
        node: String,
        /// What it takes.
        expected: &'static str,
        /// What it got.
        got: Vec<Shape>,
    },
    /// Tensors do not fit the graph; every difference is a line.
    #[error("the tensors do not fit the network `{graph}`:\n  {}", differences.join("\n  "))]
    Parameters {
        /// The graph.
        graph: String,
        /// Missing, unexpected and misshapen tensors.
        differences: Vec<String>,
    },
}

impl Fault for GraphError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Graph {
    /// Calls `f` for each node in order with the shapes of what it reads and writes.
    pub fn visit(&self, mut f: impl FnMut(&Node, &[&Shape], &Shape)) -> Result<(), GraphError> {
        let mut shapes: BTreeMap<&str, Shape> = BTreeMap::new();
        for input in &self.inputs {
            self.define(&mut shapes, &input.name, input.shape.clone())?;
        }
        for node in &self.nodes {
            // The node's own name is defined after this, so a graph with a loop is refused.
            let read = node
                .inputs
                .iter()
                .map(|name| shapes.get(name.as_str()).ok_or_else(|| self.unknown(name)))
                .collect::<Result<Vec<&Shape>, _>>()?;
            let written =
                node.op.output_shape(&read).map_err(|expected| node.refuse(expected, &read))?;
            f(node, &read, &written);
            self.define(&mut shapes, &node.name, written)?;
        }
        self.outputs
            .iter()
            .find(|o| !shapes.contains_key(o.as_str()))
            .map_or(Ok(()), |o| Err(self.unknown(o)))
    }

    fn define<'a>(
        &'a self,
        shapes: &mut BTreeMap<&'a str, Shape>,
        name: &'a str,
        shape: Shape,
    ) -> Result<(), GraphError> {
        match shapes.insert(name, shape) {
            None => Ok(()),
            Some(_) => Err(self.name_error("two values are named", name)),
        }
    }

    fn unknown(&self, name: &str) -> GraphError {
        self.name_error("nothing before its use is named", name)
    }

    fn name_error(&self, problem: &'static str, name: &str) -> GraphError {
        GraphError::Name { graph: self.name.clone(), problem, name: name.to_owned() }
    }

    /// The shape of every value, by name.
    pub fn shapes(&self) -> Result<BTreeMap<String, Shape>, GraphError> {
        let mut shapes: BTreeMap<_, _> =
            self.inputs.iter().map(|i| (i.name.clone(), i.shape.clone())).collect();
        self.visit(|node, _, written| {
            shapes.insert(node.name.clone(), written.clone());
        })?;
        Ok(shapes)
    }

    /// Every tensor that the network needs, in the order of its nodes.
    pub fn parameters(&self) -> Result<Vec<Parameter>, GraphError> {
        let mut parameters: Vec<Parameter> = Vec::new();
        // `visit` takes no errors from what it calls: this one is kept until it returns.
        let mut unfit = None;
        self.visit(|node, read, _| {
            for parameter in node.parameters(read) {
                match parameters.iter().find(|known| known.name == parameter.name) {
                    None => parameters.push(parameter),
                    Some(known) if *known == parameter => {}
                    Some(_) => unfit = Some(node.name.clone()),
                }
            }
        })?;
        match unfit {
            None => Ok(parameters),
            Some(node) => Err(self.name_error("parameters of another shape are tied to", &node)),
        }
    }

    /// Floating-point operations for one image: a multiplication and an addition count as two.
    pub fn flops(&self) -> Result<u64, GraphError> {
        let mut flops = 0;
        self.visit(|node, read, written| flops += node.op.flops(read, written))?;
        Ok(flops)
    }

    /// Checks that `tensors` are exactly the network's parameters; the error lists every
    /// difference.
    pub fn check_parameters(&self, tensors: &Tensors) -> Result<(), GraphError> {
        let expected = self.parameters()?.into_iter().map(|p| (p.name, p.shape)).collect();
        let differences = differences(tensors, expected);
        if differences.is_empty() {
            return Ok(());
        }
        Err(GraphError::Parameters { graph: self.name.clone(), differences })
    }
}

/// How tensors differ from what is expected, in words: unexpected, misshapen and missing ones.
pub(crate) fn differences<'a>(
    tensors: impl IntoIterator<Item = (&'a String, &'a ArrayD<f32>)>,
    mut expected: BTreeMap<String, Shape>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, tensor) in tensors {
        let got = tensor.shape();
        match expected.remove(name) {
            None => differences.push(format!("unexpected: {name} {got:?}")),
            Some(shape) if shape != got => {
                differences.push(format!("wrong shape: {name} is {got:?}, expected {shape:?}"));
            }
            Some(_) => {}
        }
    }
    differences.extend(expected.iter().map(|(name, shape)| format!("missing: {name} {shape:?}")));
    differences
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn paper() -> Graph {
        Resnet12 { widths: [64, 128, 256, 512], input_size: 84, last_activation: false }.graph()
    }

    #[test]
    fn resnet12_has_the_known_sizes() {
        let shapes = paper().shapes().unwrap();
        assert_eq!(shapes["layer1.pool"], [64, 42, 42]);
        assert_eq!(shapes["layer4.pool"], [512, 5, 5]);
        assert_eq!(shapes["embedding"], [512]);
        let learned = paper().parameters().unwrap().into_iter().filter(|p| p.role.is_learned());
        // Convolutions 7,989,120 (counted by hand from the widths) plus scale and shift of 16
        // normalizations.
        assert_eq!(
            learned.map(|p| p.shape.iter().product::<usize>()).sum::<usize>(),
            7_989_120 + 2 * 4 * 960
        );
    }

    fn one(op: Op) -> Graph {
        Graph {
            name: "one".to_owned(),
            inputs: vec![Input::new("x", &[3, 8, 8])],
            nodes: vec![Node::new("c", op, &["x"])],
            outputs: vec!["c".to_owned()],
        }
    }

    fn conv(kernel: usize, stride: usize, padding: Padding, groups: usize) -> Op {
        Op::Conv2d { out_channels: 6, kernel, stride, padding, groups, bias: false }
    }

    #[test]
    fn flops_count_two_per_multiplication() {
        assert_eq!(one(conv(3, 1, Padding::even(1), 1)).flops().unwrap(), 2 * 3 * 9 * 6 * 64);
    }

    #[test]
    fn a_group_sees_its_own_channels_only() {
        let graph = one(conv(3, 1, Padding::even(1), 3));
        assert_eq!(graph.parameters().unwrap()[0].shape, [6, 1, 3, 3]);
        assert_eq!(graph.flops().unwrap(), 2 * 9 * 6 * 64);
        for groups in [0, 2, 6] {
            let error = one(conv(3, 1, Padding::NONE, groups)).shapes().unwrap_err();
            assert!(error.to_string().contains("that the groups divide"), "{error}");
        }
    }

    #[test]
    fn padding_adds_to_both_sides() {
        let shapes = one(conv(3, 2, Padding::same(8, 3, 2), 1)).shapes().unwrap();
        assert_eq!(shapes["c"], [6, 4, 4]);
    }

    #[test]
    fn broken_graphs_are_refused_by_name() {
        let mut graph = paper();
        graph.nodes[1].inputs[0] = "nowhere".to_owned();
        assert!(graph.shapes().unwrap_err().to_string().contains("`nowhere`"));
        let mut graph = paper();
        graph.nodes[1].name = "image".to_owned();
        assert!(graph.shapes().unwrap_err().to_string().contains("two values are named `image`"));
        let small =
            Resnet12 { widths: [4, 4, 4, 4], input_size: 8, last_activation: false }.graph();
        assert!(matches!(small.shapes(), Err(GraphError::Shape { .. })));
    }

    #[test]
    fn every_difference_of_tensors_is_listed() {
        let graph =
            Resnet12 { widths: [2, 2, 2, 2], input_size: 16, last_activation: false }.graph();
        let mut tensors: Tensors = graph
            .parameters()
            .unwrap()
            .into_iter()
            .map(|p| (p.name, ArrayD::zeros(p.shape)))
            .collect();
        graph.check_parameters(&tensors).unwrap();
        tensors.remove("layer1.bn1.bias");
        tensors.insert("layer2.conv1.weight".to_owned(), ArrayD::zeros(vec![1]));
        tensors.insert("fc.weight".to_owned(), ArrayD::zeros(vec![1]));
        let error = graph.check_parameters(&tensors).unwrap_err().to_string();
        for part in [
            "missing: layer1.bn1.bias [2]",
            "wrong shape: layer2.conv1.weight",
            "unexpected: fc.weight",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
