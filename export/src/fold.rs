//! Folds batch normalizations into the convolutions before them.
//!
//! In evaluation, a batch normalization is a scale and a shift per channel, and a convolution can
//! apply both: `w' = w * g`, `b' = (b - mean) * g + beta` with `g = gamma / sqrt(var + eps)`,
//! computed in f64.

use std::collections::BTreeMap;

use models::graph::{Graph, GraphError, Node, Op};
use models::tensors::Tensors;
use ndarray::{ArrayD, Axis, IxDyn};

/// Why a network cannot be folded.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum FoldError {
    /// The graph is not valid, or the tensors are not its own.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A running variance is negative or not finite.
    #[error(
        "`{node}.running_var` is {value} for channel {channel}, expected a finite number of at least 0: the checkpoint is damaged or its training diverged"
    )]
    Variance {
        /// The batch normalization.
        node: String,
        /// The channel.
        channel: usize,
        /// The variance.
        value: f32,
    },
}

/// The same network with fewer nodes. A folded convolution takes the name of the normalization,
/// whose value it computes now; its parameters are `<name>.weight` and `<name>.bias`.
///
/// A normalization is kept if its input is not a convolution, or has other readers.
///
/// # Errors
/// [`FoldError`] if the tensors are not the graph's, or a variance is not valid.
pub fn fold(graph: &Graph, tensors: &Tensors) -> Result<(Graph, Tensors), FoldError> {
    graph.check_parameters(tensors)?;
    let uses = uses(graph);
    let mut tensors = tensors.clone();
    let mut nodes: Vec<Node> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let before =
            nodes.iter_mut().find(|n| n.name == node.inputs[0] && uses[n.name.as_str()] == 1);
        match (node.op, before) {
            (Op::BatchNorm { eps }, Some(convolution)) if is_convolution(convolution) => {
                let absorbed = scale_and_shift(&mut tensors, &node.name, eps)?;
                absorb(convolution, &node.name, &absorbed, &mut tensors);
            }
            _ => nodes.push(node.clone()),
        }
    }
    Ok((Graph { nodes, ..graph.clone() }, tensors))
}

fn is_convolution(node: &Node) -> bool {
    matches!(node.op, Op::Conv2d { .. })
}

/// The number of readers of each value: nodes, and outputs of the network.
fn uses(graph: &Graph) -> BTreeMap<&str, usize> {
    let mut uses = BTreeMap::new();
    for name in graph.nodes.iter().flat_map(|n| &n.inputs).chain(&graph.outputs) {
        *uses.entry(name.as_str()).or_default() += 1;
    }
    uses
}

/// A batch normalization in evaluation: `x * scale + shift` per channel.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

/// Removes a batch normalization's parameters from `tensors`.
fn scale_and_shift(tensors: &mut Tensors, node: &str, eps: f32) -> Result<Affine, FoldError> {
    let [gamma, beta, mean, var] =
        ["weight", "bias", "running_mean", "running_var"].map(|suffix| take(tensors, node, suffix));
    if let Some(channel) = var.iter().position(|v| !v.is_finite() || *v < 0.0) {
        return Err(FoldError::Variance { node: node.to_owned(), channel, value: var[channel] });
    }
    let scale: Vec<f64> = gamma
        .iter()
        .zip(&var)
        .map(|(&g, &v)| f64::from(g) / (f64::from(v) + f64::from(eps)).sqrt())
        .collect();
    let shift = beta
        .iter()
        .zip(&mean)
        .zip(&scale)
        .map(|((&b, &m), s)| f64::from(b) - f64::from(m) * s)
        .collect();
    Ok(Affine { scale, shift })
}

/// Makes `convolution` compute the normalization that follows it, under that one's name.
fn absorb(convolution: &mut Node, name: &str, after: &Affine, tensors: &mut Tensors) {
    let mut weight = take(tensors, &convolution.name, "weight");
    for (mut filter, scale) in weight.axis_iter_mut(Axis(0)).zip(&after.scale) {
        filter.mapv_inplace(|w| (f64::from(w) * scale) as f32);
    }
    let mut shift = after.shift.clone();
    if let Op::Conv2d { bias, .. } = &mut convolution.op {
        if *bias {
            let before = take(tensors, &convolution.name, "bias");
            shift
                .iter_mut()
                .zip(&before)
                .zip(&after.scale)
                .for_each(|((b, &old), scale)| *b += f64::from(old) * scale);
        }
        *bias = true;
    }
    let bias = ArrayD::from_shape_fn(IxDyn(&[shift.len()]), |channel| shift[channel[0]] as f32);
    name.clone_into(&mut convolution.name);
    tensors.insert(format!("{name}.weight"), weight);
    tensors.insert(format!("{name}.bias"), bias);
}

fn take(tensors: &mut Tensors, node: &str, suffix: &str) -> ArrayD<f32> {
    tensors
        .remove(&format!("{node}.{suffix}"))
        .expect("invariant: check_parameters found every tensor")
}
