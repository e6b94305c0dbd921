//! Folding removes batch normalizations and does not change a network's outputs.

use export::fold::{FoldError, fold};
use models::cases::{self, Case};
use models::graph::{Graph, Input, Node, Op, Padding};
use models::reference;
use models::tensors::Tensors;
use ndarray::ArrayD;

const CONVOLUTION: Op = Op::Conv2d {
    out_channels: 2,
    kernel: 1,
    stride: 1,
    padding: Padding::NONE,
    groups: 1,
    bias: false,
};
const NORMALIZATION: Op = Op::BatchNorm { eps: 1e-5 };

fn folded(case: &Case) -> Case {
    let (graph, parameters) = fold(&case.graph, &case.parameters).unwrap();
    Case { graph, parameters, ..case.clone() }
}

fn normalizations(graph: &Graph) -> usize {
    graph.nodes.iter().filter(|node| matches!(node.op, Op::BatchNorm { .. })).count()
}

/// A network with input `x` and these nodes, and parameters for it.
fn network(nodes: Vec<Node>, outputs: &[&str]) -> (Graph, Tensors) {
    let graph = Graph {
        name: "test".to_owned(),
        inputs: vec![Input { name: "x".to_owned(), shape: vec![2, 3, 3] }],
        nodes,
        outputs: outputs.iter().map(|&o| o.to_owned()).collect(),
    };
    let mut value = 0.0;
    let mut tensor = |shape: Vec<usize>| {
        ArrayD::from_shape_simple_fn(shape, || {
            value += 0.25;
            value
        })
    };
    let parameters = graph.parameters().unwrap().into_iter();
    let tensors = parameters.map(|p| (p.name, tensor(p.shape))).collect();
    (graph, tensors)
}

/// A network's outputs for a fixed input.
fn outputs(graph: &Graph, tensors: &Tensors) -> Vec<ArrayD<f32>> {
    let x = ArrayD::from_shape_fn(vec![2, 2, 3, 3], |i| (i[0] + i[1] * 2 + i[2] * i[3]) as f32);
    reference::run(graph, tensors, &[("x", x.view())]).unwrap()
}

#[test]
fn every_case_computes_the_same_folded() {
    for case in cases::all().into_iter().filter(|case| !case.name.contains("32px")) {
        let outputs = folded(&case).expected();
        case.check(&outputs).unwrap();
        assert!(case.check(&folded(&case.nudged()).expected()).is_err(), "{}", case.name);
    }
}

#[test]
fn folded_networks_have_no_normalizations() {
    for case in cases::all() {
        let expected = if case.name.starts_with("batch-norm") { 1 } else { 0 };
        let graph = folded(&case).graph;
        assert_eq!(normalizations(&graph), expected, "{}", case.name);
        let removed = normalizations(&case.graph) - expected;
        assert_eq!(graph.nodes.len() + removed, case.graph.nodes.len(), "{}", case.name);
    }
}

#[test]
fn a_convolution_with_other_readers_is_not_folded() {
    let nodes = |last: Node| {
        vec![Node::new("c", CONVOLUTION, &["x"]), Node::new("b", NORMALIZATION, &["c"]), last]
    };
    let shared = network(nodes(Node::new("out", Op::Add, &["b", "c"])), &["out"]);
    let is_output = network(nodes(Node::new("out", Op::Add, &["b", "b"])), &["out", "c"]);
    for (graph, tensors) in [shared, is_output] {
        let same = fold(&graph, &tensors).unwrap();
        assert_eq!(same, (graph, tensors));
    }
}

#[test]
fn two_normalizations_in_a_row_are_both_folded() {
    let nodes = vec![
        Node::new("c", CONVOLUTION, &["x"]),
        Node::new("b1", NORMALIZATION, &["c"]),
        Node::new("b2", NORMALIZATION, &["b1"]),
    ];
    let (graph, tensors) = network(nodes, &["b2"]);
    let (small, fewer) = fold(&graph, &tensors).unwrap();
    assert_eq!(small.nodes.len(), 1);
    for (a, b) in outputs(&graph, &tensors)[0].iter().zip(&outputs(&small, &fewer)[0]) {
        assert!((a - b).abs() <= 1e-5 * a.abs(), "{a} became {b}");
    }
}

#[test]
fn an_impossible_variance_is_named() {
    let nodes = vec![Node::new("c", CONVOLUTION, &["x"]), Node::new("b", NORMALIZATION, &["c"])];
    let (graph, tensors) = network(nodes, &["b"]);
    for value in [-1.0, f32::NAN, f32::INFINITY] {
        let mut broken = tensors.clone();
        broken.get_mut("b.running_var").unwrap()[1] = value;
        let error = fold(&graph, &broken).unwrap_err();
        assert!(matches!(&error, FoldError::Variance { channel: 1, .. }), "{error}");
        assert!(error.to_string().contains("`b.running_var`"), "{error}");
    }
}

#[test]
fn tensors_of_another_network_are_refused() {
    let (graph, mut tensors) = network(vec![Node::new("c", CONVOLUTION, &["x"])], &["c"]);
    tensors.clear();
    assert!(matches!(fold(&graph, &tensors), Err(FoldError::Graph(_))));
}
