#![allow(clippy::unwrap_used)]
use models::bundle::WeightStorage;
use models::graph::{Input, Node, Op, Padding};
use ndarray::ArrayD;

use super::build::{float, int, ints};
use super::*;

const CONVOLUTION: Op = Op::Conv2d {
    out_channels: 2,
    kernel: 3,
    stride: 1,
    padding: Padding::even(1),
    groups: 1,
    bias: true,
};

const EVERY_OP: [(&str, Op, &str); 5] = [
    ("c", CONVOLUTION, "x"),
    ("b", Op::BatchNorm { eps: 0.25 }, "c"),
    ("r", Op::LeakyRelu { slope: 0.5 }, "b"),
    ("m", Op::MaxPool2d { kernel: 2, stride: 2 }, "r"),
    ("g", Op::GlobalAveragePool, "m"),
];

fn network() -> (Graph, Tensors) {
    let mut nodes: Vec<Node> =
        EVERY_OP.iter().map(|(name, op, input)| Node::new(name, *op, &[input])).collect();
    nodes.insert(3, Node::new("s", Op::Add, &["r", "c"]));
    nodes[4].inputs = vec!["s".to_owned()];
    let graph = Graph {
        name: "every-op".to_owned(),
        inputs: vec![Input { name: "x".to_owned(), shape: vec![3, 4, 4] }],
        nodes,
        outputs: vec!["g".to_owned()],
    };
    let parameters = graph.parameters().unwrap();
    let tensors =
        parameters.into_iter().map(|p| (p.name, ArrayD::from_elem(p.shape, 0.5))).collect();
    (graph, tensors)
}

fn written(storage: WeightStorage) -> Model {
    let (graph, tensors) = network();
    let metadata = BTreeMap::from([("key".to_owned(), "value".to_owned())]);
    Model::decode(write(&graph, &tensors, Storage::Floats(storage), &metadata).unwrap().as_slice())
        .unwrap()
}

#[test]
fn each_op_becomes_its_onnx_operators() {
    let graph = written(WeightStorage::Fp32).graph.unwrap();
    let operators: Vec<&str> = graph.node.iter().map(|n| n.op_type.as_str()).collect();
    let expected = [
        "Conv",
        "BatchNormalization",
        "LeakyRelu",
        "Add",
        "MaxPool",
        "GlobalAveragePool",
        "Flatten",
    ];
    assert_eq!(operators, expected);
    assert_eq!(graph.node[0].input, ["x", "c.weight", "c.bias"]);
    assert_eq!(graph.node[0].attribute[1], ints("pads", &[1, 1, 1, 1]));
    assert_eq!(graph.node[1].input, ["c", "b.weight", "b.bias", "b.running_mean", "b.running_var"]);
    assert_eq!(graph.node[1].attribute, [float("epsilon", 0.25)]);
    assert_eq!(graph.initializer.len(), 6);
}

#[test]
fn groups_uneven_padding_and_limits_are_written() {
    let padding = Padding { before: 0, after: 1 };
    let depthwise =
        Op::Conv2d { out_channels: 3, kernel: 3, stride: 2, padding, groups: 3, bias: false };
    let nodes = vec![Node::new("c", depthwise, &["x"]), Node::new("r", Op::Relu6, &["c"])];
    let (graph, _) = network();
    let graph = Graph { nodes, outputs: vec!["r".to_owned()], ..graph };
    let tensors = Tensors::from([("c.weight".to_owned(), ArrayD::zeros(vec![3, 1, 3, 3]))]);
    let bytes =
        write(&graph, &tensors, Storage::Floats(WeightStorage::Fp32), &BTreeMap::new()).unwrap();
    let graph = Model::decode(bytes.as_slice()).unwrap().graph.unwrap();
    assert_eq!(graph.node[0].attribute[1], ints("pads", &[0, 0, 1, 1]));
    assert_eq!(graph.node[0].attribute[3], int("group", 3));
    assert_eq!(graph.node[1].op_type, "Clip");
    assert_eq!(graph.node[1].input, ["c", "r/min", "r/max"]);
    let max = graph.initializer.iter().find(|tensor| tensor.name == "r/max").unwrap();
    assert_eq!((max.dims.len(), max.raw_data.as_slice()), (0, 6.0f32.to_le_bytes().as_slice()));
}

#[test]
fn fp16_storage_narrows_matrices_and_keeps_vectors() {
    let graph = written(WeightStorage::Fp16).graph.unwrap();
    let cast = &graph.node[0];
    assert_eq!(
        (cast.op_type.as_str(), &cast.input[0], &cast.output[0]),
        ("Cast", &"c.weight/fp16".to_owned(), &"c.weight".to_owned())
    );
    let stored: Vec<(&str, i32, usize)> = graph
        .initializer
        .iter()
        .map(|t| (t.name.as_str(), t.data_type, t.raw_data.len()))
        .collect();
    assert!(stored.contains(&("c.weight/fp16", data_type::FLOAT16, 2 * 2 * 3 * 9)));
    assert!(stored.contains(&("c.bias", data_type::FLOAT, 4 * 2)));
}

#[test]
fn files_state_versions_metadata_inputs_and_outputs() {
    let model = written(WeightStorage::Fp32);
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    assert_eq!(model.metadata_props[0].value, "value");
    let graph = model.graph.unwrap();
    assert_eq!(graph.input, [value("x", &vec![3, 4, 4])]);
    assert_eq!(graph.output, [value("g", &vec![2])]);
}

#[test]
fn inexact_storage_and_missing_tensors_are_refused() {
    let (graph, mut tensors) = network();
    let none = BTreeMap::new();
    tensors.get_mut("c.weight").unwrap().fill(0.1);
    let error = write(&graph, &tensors, Storage::Floats(WeightStorage::Fp16), &none).unwrap_err();
    assert_eq!(error, OnnxError::Inexact { tensor: "c.weight".to_owned(), value: 0.1, bits: 16 });
    tensors.remove("c.bias");
    assert!(matches!(
        write(&graph, &tensors, Storage::Floats(WeightStorage::Fp32), &none),
        Err(OnnxError::Graph(_))
    ));
}
