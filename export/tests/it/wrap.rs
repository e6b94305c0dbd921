//! Runs `handful-export wrap` as a process on tiny networks, and the bundles on a device's engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use edge::Recognizer;
use edge::embedder::Embedder;
use edge::engine::{EngineChoice, EngineOptions, Provider};
use edge::gallery::Gallery;
use edge::recognizer::ClassifyOptions;
use export::onnx::{self, Storage};
use models::bundle::WeightStorage;
use models::graph::{Graph, Input, Node, Op, Padding};
use models::tensors::Tensors;
use ndarray::ArrayD;
use serde_json::{Value, json};

use crate::fit_decision::{CLASSES, images, open, program, succeeded};
use crate::sample::{self, Bench, errors};

const RECIPE: &str = "\
geometry = \"squash\"
filter = \"bilinear\"
scale = 1
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
";

const TRACT: EngineChoice = EngineChoice::Only(Provider::Tract);

/// A convolution of a square image of 16 pixels, and the mean of each channel as the embedding.
fn tiny() -> (Graph, Tensors) {
    let convolution = Op::Conv2d {
        out_channels: 6,
        kernel: 3,
        stride: 1,
        padding: Padding::even(1),
        groups: 1,
        bias: true,
    };
    let nodes = vec![
        Node::new("layer", convolution, &["pixels"]),
        Node::new("bent", Op::LeakyRelu { slope: 0.1 }, &["layer"]),
        Node::new("features", Op::GlobalAveragePool, &["bent"]),
    ];
    let inputs = vec![Input::new("pixels", &[3, 16, 16])];
    let graph =
        Graph { name: "tiny".to_owned(), inputs, nodes, outputs: vec!["features".to_owned()] };
    let mut seed = 0;
    let parameters = graph.parameters().unwrap().into_iter();
    let tensors = parameters.map(|parameter| {
        let values = ArrayD::from_shape_simple_fn(parameter.shape, || {
            seed = (seed * 37 + 11) % 101;
            (seed as f32 - 50.0) / 100.0
        });
        (parameter.name, values)
    });
    let tensors = tensors.collect();
    (graph, tensors)
}

fn write(bench: &Bench, graph: &Graph, tensors: &Tensors) {
    let storage = Storage::Floats(WeightStorage::Fp32);
    let bytes = onnx::write(graph, tensors, storage, &BTreeMap::new()).unwrap();
    fs::write(bench.path("net.onnx"), bytes).unwrap();
}

/// A folder with the tiny network and its recipe.
fn bench() -> Bench {
    let bench = Bench::new();
    let (graph, tensors) = tiny();
    write(&bench, &graph, &tensors);
    fs::write(bench.path("recipe.toml"), RECIPE).unwrap();
    bench
}

fn wrap(bench: &Bench, arguments: &[&str]) -> std::process::Output {
    let wrap = ["wrap", "net.onnx", "--preprocess", "recipe.toml"];
    program(bench, &[&wrap[..], arguments].concat())
}

#[test]
fn a_wrapped_network_learns_and_classifies_on_a_device() {
    let bench = bench();
    let text = succeeded(&wrap(&bench, &["--out", "tiny"]));
    for part in ["pixels [n, 3, 16, 16] -> features [n, 6]", "tract", "passed", "wrote tiny"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    images(&bench, "images", &CLASSES);
    let bundle = open(&bench, "tiny");
    assert_eq!(bundle.manifest.licenses.weights, "not stated");
    assert!(bundle.manifest.provenance.notes.contains("net.onnx, SHA-256"));
    let original = fs::read(bench.path("net.onnx")).unwrap();
    assert_eq!(bundle.backbone()[..original.len()], original);
    let gallery = Gallery::in_memory();
    let mut recognizer = Recognizer::new(bundle, TRACT, EngineOptions::default(), gallery);
    let read = |class: &str, image: usize| {
        fs::read(bench.path("images").join(class).join(format!("{image}.png"))).unwrap()
    };
    // The first and the last are drawn in the most different colors.
    let classes = [CLASSES[0], CLASSES[11]];
    for class in classes {
        let shots: Vec<_> =
            (0..2).map(|i| recognizer.embed_to_enroll(&read(class, i)).unwrap()).collect();
        recognizer.enroll(class, &shots, true).unwrap();
    }
    for class in classes {
        let query = recognizer.embed(&read(class, 2)).unwrap();
        let found = recognizer.classify(&[query], ClassifyOptions::default()).unwrap();
        assert_eq!(found.answers[0].candidates[0].label.as_str(), class);
    }
}

#[test]
fn the_other_commands_take_a_wrapped_bundle() {
    let bench = bench();
    succeeded(&wrap(&bench, &["--out", "tiny", "--license", "CC0-1.0"]));
    let inspected = succeeded(&program(&bench, &["inspect", "tiny"]));
    for part in ["16x16 to 6 values", "those of its ONNX file", "opset 17", "weights: CC0-1.0"] {
        assert!(inspected.contains(part), "{part} in\n{inspected}");
    }
    let json = succeeded(&program(&bench, &["inspect", "tiny", "--json"]));
    assert!(serde_json::from_str::<Value>(&json).unwrap()["layers"].is_null(), "{json}");
    let verified = succeeded(&program(&bench, &["verify", "tiny", "--engine", "tract"]));
    assert!(verified.contains("passed"), "{verified}");
    images(&bench, "images", &CLASSES);
    let fit = ["fit-decision", "tiny", "--data", "images", "--engine", "tract"];
    succeeded(&program(&bench, &fit));
    assert!(open(&bench, "tiny").manifest.decision.is_some());
    let against = program(&bench, &["verify", "tiny", "--against", "run"]);
    assert!(errors(&against).contains("give the run that the bundle was made of"));
}

#[test]
fn engines_agree_on_images_and_the_spread_is_shown() {
    let bench = bench();
    images(&bench, "images", &CLASSES[..1]);
    let folder = format!("images/{}", CLASSES[0]);
    let given = ["--out", "tiny", "--verify-images", &folder];
    let text = succeeded(&wrap(&bench, &given));
    assert!(text.contains("on 5 images:") && text.contains("cosine of two images"), "{text}");
    let json = succeeded(&wrap(&bench, &[&given[..], &["--json"]].concat()));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["written"], &json["images"]["spread"]["images"]), (&json!(true), &json!(5)));
    let options = sample::options();
    let Some(library) = options.onnxruntime else {
        return sample::skipped("wrap on ONNX Runtime", "no library");
    };
    let library = library.to_str().unwrap();
    let output = wrap(&bench, &[&given[..], &["--onnxruntime", library]].concat());
    let text = succeeded(&output);
    assert!(text.contains("onnxruntime/cpu") && !errors(&output).contains("note:"), "{text}");
    let manifest = open(&bench, "tiny").manifest;
    assert_eq!((manifest.verification.len() > 1, manifest.backbone.max_batch), (true, 64));
}

#[test]
fn equal_embeddings_of_all_images_are_a_warning() {
    let bench = bench();
    images(&bench, "images", &CLASSES[..1]);
    let (graph, mut tensors) = tiny();
    tensors.get_mut("layer.bias").unwrap().fill(100.0);
    write(&bench, &graph, &tensors);
    let folder = format!("images/{}", CLASSES[0]);
    let output = wrap(&bench, &["--out", "tiny", "--verify-images", &folder]);
    let warnings = errors(&output);
    assert!(output.status.success(), "{warnings}");
    assert!(warnings.contains("nearly equal") && warnings.contains("mean, std"), "{warnings}");
}

#[test]
fn the_same_file_and_recipe_give_the_same_bytes_and_another_recipe_another_space() {
    let bench = bench();
    succeeded(&wrap(&bench, &["--out", "a", "--name", "same"]));
    succeeded(&wrap(&bench, &["--out", "b", "--name", "same"]));
    fs::write(bench.path("recipe.toml"), format!("{RECIPE}bgr = true\n")).unwrap();
    succeeded(&wrap(&bench, &["--out", "c", "--name", "same"]));
    let [a, b, c] = ["a", "b", "c"].map(|name| open(&bench, name));
    assert_eq!((&a.manifest, a.files()), (&b.manifest, b.files()));
    assert_ne!(a.manifest.space_id, c.manifest.space_id);
    // Where blue comes first, a red image is what a blue one is elsewhere.
    let file = |color: [u8; 3]| {
        let path = bench.path("color.png");
        image::RgbImage::from_pixel(16, 16, image::Rgb(color)).save(&path).unwrap();
        fs::read(path).unwrap()
    };
    let options = EngineOptions::default();
    let [mut rgb, mut bgr] = [&a, &c].map(|of| Embedder::open(of, TRACT, &options).unwrap());
    let red = bgr.embed(&file([200, 30, 10])).unwrap().embedding;
    assert_eq!(red, rgb.embed(&file([10, 30, 200])).unwrap().embedding);
    assert_ne!(red, rgb.embed(&file([200, 30, 10])).unwrap().embedding);
}

/// The program must refuse with one line that has all of `parts`, and write nothing.
#[track_caller]
fn refused(bench: &Bench, arguments: &[&str], parts: &[&str]) {
    let output = wrap(bench, &[&["--out", "out"], arguments].concat());
    let text = errors(&output);
    let message = text.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    for part in parts {
        assert!(message.contains(part), "{part} in\n{text}");
    }
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(!bench.path("out").exists());
}

fn refused_network(graph: &Graph, tensors: &Tensors, parts: &[&str]) {
    let bench = bench();
    write(&bench, graph, tensors);
    refused(&bench, &[], parts);
}

#[test]
fn files_that_are_no_network_are_refused() {
    let bench = bench();
    fs::write(bench.path("net.onnx"), "version https://git-lfs.github.com/spec/v1").unwrap();
    refused(&bench, &[], &["net.onnx: not an ONNX network", "torch.onnx.export"]);
    fs::remove_file(bench.path("net.onnx")).unwrap();
    refused(&bench, &[], &["cannot open net.onnx"]);
}

#[test]
fn networks_that_give_no_embedding_are_refused() {
    let (mut graph, mut tensors) = tiny();
    let mut without = tensors.clone();
    tensors.get_mut("layer.weight").unwrap().fill(0.0);
    refused_network(&graph, &tensors, &["the same embedding for different images"]);
    tensors.get_mut("layer.bias").unwrap().fill(f32::INFINITY);
    refused_network(&graph, &tensors, &["not finite"]);
    graph.nodes.truncate(1);
    graph.outputs = vec!["layer".to_owned()];
    refused_network(&graph, &without, &["`layer` is [n, 6, 16, 16]", "x.flatten(1)"]);
    graph.inputs = vec![Input::new("pixels", &[1, 16, 16])];
    let weight = without.get_mut("layer.weight").unwrap();
    *weight = ArrayD::ones(vec![6, 1, 3, 3]);
    refused_network(&graph, &without, &["[n, 1, 16, 16], expected [n, 3, size, size]"]);
}

/// Replaces equally long bytes in a file.
fn replace(path: &Path, from: &str, to: &str) {
    let bytes = fs::read(path).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    let changed = [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat();
    fs::write(path, changed).unwrap();
}

#[test]
fn a_network_that_no_engine_can_run_is_refused_before_anything_is_written() {
    let bench = bench();
    replace(&bench.path("net.onnx"), "LeakyRelu", "MadeUpNow");
    refused(&bench, &[], &["tract, the engine", "opset_version=17", "onnxsim"]);
}

#[test]
fn recipes_that_do_not_fit_are_refused() {
    let bench = bench();
    let cases = [
        (RECIPE.replace("scale = 1\n", ""), "recipe.toml: mean [0.5, 0.5, 0.5]"),
        (format!("size = 84\n{RECIPE}"), "of 16x16 pixels and the recipe makes some of 84x84"),
        (RECIPE.replace("filter", "resize"), "recipe.toml: unknown field `resize`"),
        (format!("{RECIPE}crop_share = 0.5\n"), "the geometry center_crop"),
    ];
    for (recipe, expected) in cases {
        fs::write(bench.path("recipe.toml"), recipe).unwrap();
        refused(&bench, &[], &[expected]);
    }
    fs::remove_file(bench.path("recipe.toml")).unwrap();
    refused(&bench, &[], &["cannot open recipe.toml"]);
}

#[test]
fn images_names_and_places_that_cannot_be_used_are_refused() {
    let bench = bench();
    fs::create_dir(bench.path("images")).unwrap();
    let given = ["--verify-images", "images"];
    refused(&bench, &given, &["images has 0 images, expected 2 or more"]);
    fs::write(bench.path("images/broken.png"), "no image").unwrap();
    refused(&bench, &given, &["--verify-images: images/broken.png: "]);
    refused(&bench, &["--verify-images", "nowhere"], &["--verify-images: cannot list nowhere"]);
    refused(&bench, &["--name", "a/b"], &["`name` is \"a/b\""]);
    refused(&bench, &["--onnxruntime", "gone.so"], &["gone.so"]);
    fs::write(bench.path("images/diary.txt"), "dear diary").unwrap();
    let output = wrap(&bench, &["--out", "images"]);
    assert!(errors(&output).contains("images exists and is not a bundle"), "{}", errors(&output));
    assert_eq!(output.status.code(), Some(2));
}
