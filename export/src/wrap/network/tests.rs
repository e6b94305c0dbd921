#![allow(clippy::unwrap_used)]
use super::*;
use crate::onnx::messages::{
    Dimension, NodeProto, OperatorSet, TensorProto, TensorShape, TensorType, Type, dimension,
};

/// `n` for a free size, else a number.
fn value(name: &str, elements: i32, sizes: &[&str]) -> ValueInfo {
    let size = |text: &&str| match text.parse() {
        Ok(number) => dimension::Value::DimValue(number),
        Err(_) => dimension::Value::DimParam((*text).to_owned()),
    };
    let dim = sizes.iter().map(|text| Dimension { value: Some(size(text)) }).collect();
    let tensor = TensorType { elem_type: elements, shape: Some(TensorShape { dim }) };
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type: Some(tensor) }) }
}

fn image(sizes: &[&str]) -> ValueInfo {
    value("image", data_type::FLOAT, sizes)
}

fn model() -> Model {
    let node = NodeProto {
        input: vec!["image".to_owned(), "w".to_owned()],
        output: vec!["embedding".to_owned()],
        op_type: "Softmax".to_owned(),
        ..NodeProto::default()
    };
    let weight =
        TensorProto { name: "w".to_owned(), data_type: data_type::FLOAT, ..Default::default() };
    Model {
        ir_version: 10,
        producer_name: "pytorch".to_owned(),
        producer_version: "2.9".to_owned(),
        opset_import: vec![
            OperatorSet { domain: "com.microsoft".to_owned(), version: 1 },
            OperatorSet { domain: String::new(), version: 17 },
        ],
        graph: Some(GraphProto {
            node: vec![node],
            name: "net".to_owned(),
            initializer: vec![weight],
            input: vec![image(&["n", "3", "32", "32"])],
            output: vec![value("embedding", data_type::FLOAT, &["n", "24"])],
        }),
        metadata_props: Vec::new(),
    }
}

fn parse(change: impl FnOnce(&mut Model, &mut GraphProto)) -> Result<OnnxNetwork, NetworkError> {
    let mut changed = model();
    let mut graph = changed.graph.take().unwrap();
    change(&mut changed, &mut graph);
    changed.graph = Some(graph);
    OnnxNetwork::parse(changed.encode_to_vec())
}

fn parse_input(sizes: &[&str]) -> Result<OnnxNetwork, NetworkError> {
    parse(|_, graph| graph.input = vec![image(sizes)])
}

#[test]
fn a_network_is_described_as_its_file_states() {
    let bytes = model().encode_to_vec();
    let expected = OnnxNetwork {
        bytes: bytes.clone(),
        input: "image".to_owned(),
        output: "embedding".to_owned(),
        size: Some(32),
        any_batch: true,
        opset: 17,
        ir_version: 9,
        storage: WeightStorage::Fp32,
        producer: "pytorch 2.9".to_owned(),
        last_operator: "Softmax".to_owned(),
    };
    assert_eq!(OnnxNetwork::parse(bytes), Ok(expected));
}

#[test]
fn sizes_and_batch_may_be_free_or_fixed() {
    let found = |sizes: &[&str]| parse_input(sizes).map(|net| (net.size, net.any_batch));
    assert_eq!(found(&["1", "3", "32", "32"]), Ok((Some(32), false)));
    assert_eq!(found(&["n", "3", "h", "w"]), Ok((None, true)));
    assert_eq!(found(&["-1", "3", "0", "64"]), Ok((Some(64), true)));
    // A shape that the file does not state is known after the first run.
    let unstated = parse(|_, graph| {
        let tensor = TensorType { elem_type: data_type::FLOAT, shape: None };
        graph.output[0].r#type = Some(Type { tensor_type: Some(tensor) });
    });
    assert!(unstated.is_ok(), "{unstated:?}");
}

#[test]
fn weights_are_no_inputs_and_their_storage_is_found() {
    let old = parse(|_, graph| graph.input.push(value("w", data_type::FLOAT, &["3"])));
    assert!(old.is_ok(), "{old:?}");
    let half = parse(|_, graph| graph.initializer[0].data_type = data_type::FLOAT16);
    assert_eq!(half.unwrap().storage, WeightStorage::Fp16);
}

#[test]
fn appended_metadata_are_read_and_leave_the_network_as_it_is() {
    let metadata = [("key".to_owned(), "value".to_owned())].into();
    let original = model();
    let file = crate::onnx::append(&original.encode_to_vec(), 9, &metadata);
    let read = Model::decode(file.as_slice()).unwrap();
    assert_eq!((read.ir_version, read.metadata_props.len()), (9, 1));
    assert_eq!(read.graph, original.graph);
}

#[track_caller]
fn refused(result: Result<OnnxNetwork, NetworkError>, parts: &[&str]) {
    let text = result.unwrap_err().to_string();
    for part in parts {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn what_is_no_network_is_refused() {
    refused(OnnxNetwork::parse(b"PK\x03\x04".to_vec()), &["not an ONNX", "torch.onnx.export"]);
    refused(OnnxNetwork::parse(Vec::new()), &["it has no operations"]);
    refused(parse(|_, graph| graph.node.clear()), &["it has no operations"]);
}

#[test]
fn operator_sets_that_an_engine_does_not_read_are_refused() {
    for (version, is_read) in [(8, false), (9, true), (20, true), (21, false), (-1, false)] {
        let result = parse(|model, _| model.opset_import[1].version = version);
        assert_eq!(result.is_ok(), is_read, "{version}");
    }
    refused(parse(|model, _| model.opset_import[1].version = 21), &["set 21", "9 to 20"]);
    refused(parse(|model, _| model.opset_import.clear()), &["set 0", "opset_version=17"]);
}

#[test]
fn weights_in_another_file_are_refused() {
    let result = parse(|_, graph| graph.initializer[0].data_location = 1);
    refused(result, &["another file (`w`)", "onnx.save"]);
}

#[test]
fn other_inputs_than_one_image_are_refused() {
    let two = parse(|_, graph| graph.input.push(image(&["n", "3", "32", "32"])));
    refused(two, &["2 inputs (image, image)", "make the others constants"]);
    refused(parse(|_, graph| graph.input.clear()), &["0 inputs"]);
    let half = parse(|_, graph| {
        graph.input[0] = value("image", data_type::FLOAT16, &["n", "3", "32", "32"]);
    });
    refused(half, &["input `image` has values of float16", "keep_io_types"]);
    let none = parse(|_, graph| graph.input[0].r#type = None);
    refused(none, &["values of no tensor"]);
    let shapes: [(&[&str], &str); 6] = [
        (&["n", "32", "32", "3"], "channels come first"),
        (&["8", "3", "32", "32"], "free batch"),
        (&["n", "3", "48", "192"], "[n, 3, 48, 192], expected [n, 3, size, size]: images are squ"),
        (&["n", "1", "28", "28"], "one RGB image"),
        (&["n", "16", "3", "32", "32"], "one RGB image"),
        (&["n", "768"], "one RGB image"),
    ];
    for (sizes, expected) in shapes {
        refused(parse_input(sizes), &[expected, "dynamic_axes"]);
    }
}

#[test]
fn other_outputs_than_one_embedding_are_refused() {
    let output = value("second", data_type::FLOAT, &["n", "5"]);
    let two = parse(|_, graph| graph.output.push(output));
    refused(two, &["2 outputs (embedding, second)", "extract_model", "[\"image\"]"]);
    for sizes in [&["n", "24", "1", "1"][..], &["n", "197", "24"], &["24"]] {
        let result = parse(|_, graph| {
            graph.output = vec![value("embedding", data_type::FLOAT, sizes)];
        });
        refused(result, &[&sizes.join(", "), "x.flatten(1)"]);
    }
    let integers = parse(|_, graph| {
        graph.output = vec![value("embedding", data_type::INT64, &["n", "1"])];
    });
    refused(integers, &["output `embedding` has values of int64"]);
}
