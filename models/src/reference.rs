//! The reference: a slow, obvious interpreter of a [`Graph`] on plain arrays.
//!
//! Every other interpreter and engine is compared with it. It computes in f64 and rounds once, at
//! the end, so that a difference comes from the other one. Batch normalization uses running
//! statistics (eval mode).

use std::collections::BTreeMap;

use ndarray::{
    Array1, Array2, Array3, Array4, ArrayD, ArrayView4, ArrayViewD, Axis, Ix1, Ix4, Slice,
    concatenate, s,
};

use crate::graph::{Graph, GraphError, Node, Op, Padding, Shape};
use crate::tensors::Tensors;

/// Why a network cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The graph is broken or the parameters are not its own.
    #[error("{0}")]
    Graph(String),
    /// An input is missing or not one of the network's.
    #[error("inputs {got:?} were given; the network takes {expected:?}")]
    Inputs {
        /// The network's inputs.
        expected: Vec<String>,
        /// The inputs given.
        got: Vec<String>,
    },
    /// An input has another shape than the network's.
    #[error(
        "input `{name}` has shape {got:?}; expected a batch of {expected:?}, the same batch for all inputs"
    )]
    Shape {
        /// The input.
        name: String,
        /// The network's shape, without the batch.
        expected: Shape,
        /// The given shape, with the batch.
        got: Vec<usize>,
    },
}

impl From<GraphError> for ReferenceError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error.to_string())
    }
}

/// Runs a network and returns its outputs in the graph's order.
///
/// `parameters` are exactly the graph's. `inputs` are the graph's inputs in any order, each
/// `[n, shape..]` with the same `n`.
///
/// # Errors
/// A broken graph, parameters that do not fit it, inputs that are missing or misshapen.
pub fn run(
    graph: &Graph,
    parameters: &Tensors,
    inputs: &[(&str, ArrayViewD<'_, f32>)],
) -> Result<Vec<ArrayD<f32>>, ReferenceError> {
    let shapes = graph.shapes()?;
    graph.check_parameters(parameters)?;
    check_inputs(graph, inputs)?;
    let mut values: BTreeMap<&str, ArrayD<f64>> = BTreeMap::new();
    for (name, input) in inputs {
        values.insert(name, input.mapv(f64::from));
    }
    for node in &graph.nodes {
        let read: Vec<&ArrayD<f64>> =
            node.inputs.iter().map(|name| &values[name.as_str()]).collect();
        let written = Step { node, parameters }.compute(&read, &shapes[&node.name]);
        values.insert(&node.name, written);
    }
    Ok(graph.outputs.iter().map(|name| values[name.as_str()].mapv(|x| x as f32)).collect())
}

fn check_inputs(
    graph: &Graph,
    inputs: &[(&str, ArrayViewD<'_, f32>)],
) -> Result<(), ReferenceError> {
    let mut expected: Vec<String> = graph.inputs.iter().map(|input| input.name.clone()).collect();
    let mut got: Vec<String> = inputs.iter().map(|(name, _)| (*name).to_owned()).collect();
    // Sorted, because inputs may come in any order; a name given twice differs too.
    expected.sort();
    got.sort();
    if expected != got {
        return Err(ReferenceError::Inputs { expected, got });
    }
    let batch = inputs.first().and_then(|(_, value)| value.shape().first());
    for (name, value) in inputs {
        let known = graph.inputs.iter().find(|input| input.name == *name);
        let known = known.expect("invariant: the names are the same");
        if value.shape().first() != batch || value.shape().get(1..) != Some(&known.shape[..]) {
            return Err(ReferenceError::Shape {
                name: (*name).to_owned(),
                expected: known.shape.clone(),
                got: value.shape().to_vec(),
            });
        }
    }
    Ok(())
}

/// A node and the parameters of its network.
struct Step<'a> {
    node: &'a Node,
    parameters: &'a Tensors,
}

impl Step<'_> {
    fn parameter(&self, suffix: &str) -> ArrayD<f64> {
        self.parameters[&self.node.parameter(suffix)].mapv(f64::from)
    }

    /// The node's value. `shape` is that of the result without the batch.
    fn compute(&self, read: &[&ArrayD<f64>], shape: &Shape) -> ArrayD<f64> {
        let x = read[0];
        match self.node.op {
            Op::Conv2d { stride, padding, groups, bias, .. } => {
                let padded = pad(planes(x), padding);
                let weight = self.parameter("weight");
                let out = convolve(&padded, &planes(&weight), stride, groups, shape);
                let out = if bias { out + per_channel(self.parameter("bias")) } else { out };
                out.into_dyn()
            }
            Op::BatchNorm { eps } => {
                let std = (per_channel(self.parameter("running_var")) + f64::from(eps)).sqrt();
                let normal = (&planes(x) - &per_channel(self.parameter("running_mean"))) / std;
                (normal * per_channel(self.parameter("weight"))
                    + per_channel(self.parameter("bias")))
                .into_dyn()
            }
            Op::LeakyRelu { slope } => x.mapv(|x| if x > 0.0 { x } else { f64::from(slope) * x }),
            Op::Relu6 => x.mapv(|x| x.clamp(0.0, 6.0)),
            Op::MaxPool2d { kernel, stride } => {
                max_pool(planes(x), kernel, stride, shape).into_dyn()
            }
            Op::GlobalAveragePool => {
                let area = (x.shape()[2] * x.shape()[3]) as f64;
                (x.sum_axis(Axis(3)).sum_axis(Axis(2))) / area
            }
            Op::Linear { bias, .. } => {
                let out = linear(x, &self.parameter("weight"));
                if bias { out + self.parameter("bias") } else { out }
            }
            // The first axis is the batch's.
            Op::Unsqueeze { axis } => x.clone().insert_axis(Axis(axis + 1)),
            Op::Sum { axis } => x.sum_axis(Axis(axis + 1)),
            Op::Add => x + read[1],
            Op::Mul => x * read[1],
            Op::Concat => {
                let views: Vec<_> = read.iter().map(|x| x.view()).collect();
                let whole = concatenate(Axis(1), &views).expect("invariant: vectors of one batch");
                whole.as_standard_layout().into_owned()
            }
            Op::FakeQuantize(quantization) => x.mapv(|x| quantization.round(x)),
        }
    }
}

/// `[.., in]` times the transpose of `weight` `[out, in]`.
fn linear(x: &ArrayD<f64>, weight: &ArrayD<f64>) -> ArrayD<f64> {
    let outputs = weight.shape()[0];
    let inputs = weight.shape()[1];
    let mut shape = x.shape().to_vec();
    // A layer may have no inputs: then there is nothing to divide.
    let rows = x.len() / inputs.max(1);
    let product = matrix(x, rows, inputs).dot(&matrix(weight, outputs, inputs).t());
    shape[x.ndim() - 1] = outputs;
    product.into_shape_with_order(shape).expect("invariant: one row stays one row")
}

fn matrix(values: &ArrayD<f64>, rows: usize, columns: usize) -> Array2<f64> {
    values.to_shape((rows, columns)).expect("invariant: shape inference passed").into_owned()
}

/// `[n, c, h, w]`.
fn planes(x: &ArrayD<f64>) -> ArrayView4<'_, f64> {
    x.view().into_dimensionality::<Ix4>().expect("invariant: shape inference passed")
}

/// `[c]` to `[c, 1, 1]`, which broadcasts over batch, height and width.
fn per_channel(values: ArrayD<f64>) -> Array3<f64> {
    let values: Array1<f64> =
        values.into_dimensionality::<Ix1>().expect("invariant: shapes were checked");
    values.insert_axis(Axis(1)).insert_axis(Axis(2))
}

fn pad(x: ArrayView4<'_, f64>, padding: Padding) -> Array4<f64> {
    let (n, c, h, w) = x.dim();
    let Padding { before, after } = padding;
    let mut padded = Array4::zeros((n, c, before + h + after, before + w + after));
    padded.slice_mut(s![.., .., before..before + h, before..before + w]).assign(&x);
    padded
}

/// Sums, for every pair of channels of a group and every place in the kernel, the input seen
/// through that place.
fn convolve(
    x: &Array4<f64>,
    weight: &ArrayView4<'_, f64>,
    stride: usize,
    groups: usize,
    shape: &Shape,
) -> Array4<f64> {
    let mut out = Array4::zeros((x.dim().0, shape[0], shape[1], shape[2]));
    // Channels of one group.
    let inputs = weight.dim().1;
    let outputs = shape[0] / groups;
    for ((o, i, row, column), &weight) in weight.indexed_iter() {
        // The weight's `i` counts from the first channel of the output's group.
        let seen = x.index_axis(Axis(1), o / outputs * inputs + i);
        let seen = seen.slice_axis(Axis(1), steps(row, stride, shape[1]));
        let seen = seen.slice_axis(Axis(2), steps(column, stride, shape[2]));
        out.index_axis_mut(Axis(1), o).scaled_add(weight, &seen);
    }
    out
}

// Without padding every window has a value, so that no infinity stays.
fn max_pool(x: ArrayView4<'_, f64>, kernel: usize, stride: usize, shape: &Shape) -> Array4<f64> {
    let mut out = Array4::from_elem((x.dim().0, shape[0], shape[1], shape[2]), f64::NEG_INFINITY);
    for (row, column) in (0..kernel).flat_map(|row| (0..kernel).map(move |column| (row, column))) {
        let seen = x.slice_axis(Axis(2), steps(row, stride, shape[1]));
        let seen = seen.slice_axis(Axis(3), steps(column, stride, shape[2]));
        out.zip_mut_with(&seen, |max, &x| *max = max.max(x));
    }
    out
}

/// `count` positions from `first` on, `stride` apart.
fn steps(first: usize, stride: usize, count: usize) -> Slice {
    // Not `first + count * stride`, which may lie beyond the edge.
    let end = first + (count - 1) * stride + 1;
    Slice::new(first as isize, Some(end as isize), stride as isize)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::graph::Input;
    use ndarray::{IxDyn, array};

    fn one(op: Op, shape: &[usize]) -> Graph {
        Graph {
            name: "one".to_owned(),
            inputs: vec![Input::new("x", shape)],
            nodes: vec![Node::new("out", op, &["x"])],
            outputs: vec!["out".to_owned()],
        }
    }

    /// Runs one node on one example of the given shape and compares with numbers worked out by
    /// hand.
    #[track_caller]
    fn check(
        op: Op,
        shape: &[usize],
        x: &[f32],
        parameters: &[(&str, &[usize], &[f32])],
        expected: &[f32],
    ) {
        let tensor = |shape: &[usize], values: &[f32]| {
            ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap()
        };
        let parameters = parameters
            .iter()
            .map(|(name, shape, values)| (format!("out.{name}"), tensor(shape, values)));
        let x = tensor(&[&[1], shape].concat(), x);
        let outputs = run(&one(op, shape), &parameters.collect(), &[("x", x.view())]).unwrap();
        assert_eq!(outputs[0].iter().copied().collect::<Vec<_>>(), expected);
    }

    const NINE: [f32; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

    fn conv(kernel: usize, stride: usize, padding: usize, bias: bool) -> Op {
        let padding = Padding::even(padding);
        Op::Conv2d { out_channels: 1, kernel, stride, padding, groups: 1, bias }
    }

    #[test]
    fn convolution_is_cross_correlation() {
        let weight: (&str, &[usize], &[f32]) =
            ("weight", &[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]);
        check(
            conv(2, 1, 0, false),
            &[1, 3, 3],
            &NINE,
            &[weight],
            &[5421.0, 6532.0, 8754.0, 9865.0],
        );
        let bias: (&str, &[usize], &[f32]) = ("bias", &[1], &[0.5]);
        let padded = [1000.5, 3200.5, 7040.5, 9865.5];
        check(conv(2, 2, 1, true), &[1, 3, 3], &NINE, &[weight, bias], &padded);
    }

    #[test]
    fn convolution_sums_over_channels() {
        let weight: (&str, &[usize], &[f32]) = ("weight", &[1, 2, 1, 1], &[2.0, -1.0]);
        check(
            conv(1, 1, 0, false),
            &[2, 1, 2],
            &[1.0, 2.0, 30.0, 40.0],
            &[weight],
            &[-28.0, -36.0],
        );
    }

    #[test]
    fn convolution_is_padded_before_and_after_as_told() {
        let op = |before, after| Op::Conv2d {
            out_channels: 1,
            kernel: 2,
            stride: 2,
            padding: Padding { before, after },
            groups: 1,
            bias: false,
        };
        let weight: (&str, &[usize], &[f32]) =
            ("weight", &[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]);
        check(op(0, 1), &[1, 3, 3], &NINE, &[weight], &[5421.0, 603.0, 87.0, 9.0]);
        check(op(1, 0), &[1, 3, 3], &NINE, &[weight], &[1000.0, 3200.0, 7040.0, 9865.0]);
    }

    #[test]
    fn convolution_keeps_groups_apart() {
        let op = Op::Conv2d {
            out_channels: 4,
            kernel: 1,
            stride: 1,
            padding: Padding::NONE,
            groups: 2,
            bias: false,
        };
        let weight: (&str, &[usize], &[f32]) =
            ("weight", &[4, 2, 1, 1], &[1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 2.0, 0.0]);
        check(op, &[4, 1, 1], &[1.0, 20.0, 300.0, 4000.0], &[weight], &[1.0, 21.0, 4000.0, 600.0]);
    }

    #[test]
    fn batch_norm_uses_running_statistics() {
        let parameters: [(&str, &[usize], &[f32]); 4] = [
            ("weight", &[2], &[3.0, 1.0]),
            ("bias", &[2], &[0.5, 0.0]),
            ("running_mean", &[2], &[1.0, 0.0]),
            ("running_var", &[2], &[3.0, 0.0]),
        ];
        check(Op::BatchNorm { eps: 1.0 }, &[2, 1, 1], &[5.0, 7.0], &parameters, &[6.5, 7.0]);
    }

    #[test]
    fn pooling_drops_incomplete_windows() {
        check(Op::MaxPool2d { kernel: 2, stride: 2 }, &[1, 3, 3], &NINE, &[], &[5.0]);
        check(
            Op::MaxPool2d { kernel: 2, stride: 1 },
            &[1, 3, 3],
            &NINE,
            &[],
            &[5.0, 6.0, 8.0, 9.0],
        );
        let negative = NINE.map(|x| -x);
        check(Op::MaxPool2d { kernel: 3, stride: 1 }, &[1, 3, 3], &negative, &[], &[-1.0]);
        check(Op::GlobalAveragePool, &[1, 3, 3], &NINE, &[], &[5.0]);
    }

    #[test]
    fn leaky_relu_keeps_a_part_of_what_is_negative() {
        check(Op::LeakyRelu { slope: 0.5 }, &[3], &[-2.0, 0.0, 3.0], &[], &[-1.0, 0.0, 3.0]);
    }

    #[test]
    fn relu6_limits_on_both_sides() {
        let x = [-2.0, 0.0, 3.0, 6.0, 7.5];
        check(Op::Relu6, &[5], &x, &[], &[0.0, 0.0, 3.0, 6.0, 6.0]);
    }

    #[test]
    fn vectors_stand_one_after_another_in_every_sample() {
        let graph = Graph {
            inputs: vec![Input::new("x", &[2]), Input::new("y", &[1])],
            nodes: vec![Node::new("out", Op::Concat, &["x", "y", "x"])],
            ..one(Op::Relu6, &[1])
        };
        let (x, y) =
            (array![[1.0_f32, 2.0], [3.0, 4.0]].into_dyn(), array![[9.0_f32], [8.0]].into_dyn());
        let outputs = run(&graph, &Tensors::new(), &[("x", x.view()), ("y", y.view())]).unwrap();
        assert_eq!(
            outputs[0],
            array![[1.0, 2.0, 9.0, 1.0, 2.0], [3.0, 4.0, 8.0, 3.0, 4.0]].into_dyn()
        );
    }

    #[test]
    fn a_batch_is_independent_examples() {
        let x = array![[[[1.0_f32, 2.0]]], [[[30.0, 50.0]]]].into_dyn();
        let graph = one(Op::GlobalAveragePool, &[1, 1, 2]);
        let outputs = run(&graph, &Tensors::new(), &[("x", x.view())]).unwrap();
        assert_eq!(outputs[0], array![[1.5], [40.0]].into_dyn());
    }

    #[test]
    fn wrong_inputs_are_refused_by_name() {
        let graph = one(Op::GlobalAveragePool, &[1, 1, 2]);
        let x = ArrayD::zeros(IxDyn(&[1, 1, 1, 3]));
        let refuse = |inputs: &[(&str, ArrayViewD<'_, f32>)]| {
            run(&graph, &Tensors::new(), inputs).unwrap_err()
        };
        assert!(matches!(refuse(&[]), ReferenceError::Inputs { .. }));
        assert!(matches!(refuse(&[("y", x.view())]), ReferenceError::Inputs { .. }));
        assert!(matches!(refuse(&[("x", x.view())]), ReferenceError::Shape { .. }));
        let scalar = ArrayD::zeros(IxDyn(&[]));
        assert!(matches!(refuse(&[("x", scalar.view())]), ReferenceError::Shape { .. }));
        let extra = Tensors::from([("out.weight".to_owned(), ArrayD::zeros(IxDyn(&[1])))]);
        let x = ArrayD::zeros(IxDyn(&[1, 1, 1, 2]));
        let error = run(&graph, &extra, &[("x", x.view())]).unwrap_err();
        assert!(error.to_string().contains("out.weight"), "{error}");
    }
}
