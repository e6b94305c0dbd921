//! Weights trained elsewhere: names, sizes, `.pth` files good and hostile.

mod families;
mod hostile;
mod pth_file;
mod published_weights;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use models::cases::{self, Case};
use models::checkpoint::{Checkpoint, Golden};
use models::graph::{Architecture, EfficientNetLite0, Resnet12};
use models::preprocess::{Filter, Preprocess};
use models::tensors::{TensorFile, Tensors};
use ndarray::{ArrayD, IxDyn};
use tch::{Device, Kind};
use train::net::{Compute, Mode, Net, to_array, to_tensor};
use train::pth;

/// What the names of `fixtures/backbone_tiny_eval.safetensors` do not show.
const OFF: [&str; 2] = ["--last-activation", "off"];

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(folder.join(name)).unwrap()
}

/// Input, parameters and embedding of an independent implementation.
fn independent() -> TensorFile {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/backbone_tiny_eval.safetensors");
    TensorFile::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn renamed(rename: impl Fn(&str) -> String) -> Tensors {
    let file = independent();
    let parameters = file.floats.iter().filter_map(|(n, t)| Some((n.strip_prefix("param.")?, t)));
    parameters.map(|(name, tensor)| (rename(name), tensor.clone())).collect()
}

fn safetensors(floats: Tensors) -> Vec<u8> {
    TensorFile { floats, ..TensorFile::default() }.to_bytes().unwrap()
}

/// A folder with a weights file, and `handful-train import` of it.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(name: &str, weights: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), weights).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn import(&self, name: &str, more: &[&str]) -> Output {
        self.import_as("resnet12", name, more)
    }

    fn import_as(&self, arch: &str, name: &str, more: &[&str]) -> Output {
        self.command(arch, name).args(more).output().unwrap()
    }

    fn command(&self, arch: &str, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handful-train"));
        command.current_dir(self.folder.path());
        command.args(["import", name, "--arch", arch, "--out", "run"]);
        command
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::parse(&std::fs::read(self.path("run/best.safetensors")).unwrap()).unwrap()
    }

    /// The import fails as bad input and leaves nothing; returns what it says.
    fn refusal(&self, name: &str, more: &[&str]) -> String {
        self.refused(&self.import(name, more))
    }

    fn refused(&self, output: &Output) -> String {
        let error = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(!self.path("run").exists(), "something was written");
        error
    }
}

fn embedding(checkpoint: &Checkpoint, image: &ArrayD<f32>) -> ArrayD<f32> {
    let compute = Compute { device: Device::Cpu, kind: Kind::Float };
    let backbone = checkpoint.backbone().unwrap();
    let net = Net::new(checkpoint.architecture.graph(), &backbone, compute).unwrap();
    let input = to_tensor(image).unwrap();
    to_array(&tch::no_grad(|| net.forward(&[("image", &input)], Mode::Eval)).unwrap()[0]).unwrap()
}

/// The largest difference as a share of the largest magnitude.
fn relative_error(got: &ArrayD<f32>, expected: &ArrayD<f32>) -> f32 {
    assert_eq!(got.shape(), expected.shape());
    let largest = expected.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
    got.iter().zip(expected).fold(0.0, |m: f32, (a, b)| m.max((a - b).abs())) / largest
}

#[test]
fn a_run_is_written_before_the_result_is_printed() {
    let scene = Scene::new("weights.safetensors", &safetensors(renamed(str::to_owned)));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = scene.command("resnet12", "weights.safetensors");
    command.args(["--input-size", "32"]).args(OFF);
    let status = command.stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(scene.checkpoint().training.is_none());
}

#[test]
fn imported_weights_give_the_embedding_of_an_independent_implementation() {
    let mut sequences =
        renamed(|name| format!("state_dict.encoder.{}", name.replacen('.', ".0.", 1)));
    sequences.insert("state_dict.classifier.weight".to_owned(), ArrayD::zeros(vec![64, 24]));
    let published = renamed(|name| format!("embedding.module.{name}"));
    let files = [
        ("own.safetensors", safetensors(renamed(str::to_owned))),
        ("sequences.safetensors", safetensors(sequences.clone())),
        ("published.pth", pth_file::state_dict(&published)),
        ("sequences.pt", pth_file::state_dict(&sequences)),
        ("old.pth", pth_file::legacy_state_dict(&published)),
    ];
    let expected = independent();
    for (name, bytes) in files {
        let scene = Scene::new(name, &bytes);
        let output = scene.import(name, &["--input-size", "32", OFF[0], OFF[1]]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let got = embedding(&scene.checkpoint(), &expected.floats["input"]);
        let error = relative_error(&got, &expected.floats["embedding"]);
        assert!(error <= 1e-5, "{name}: relative error {error:e}");
    }
}

#[test]
fn a_published_file_becomes_a_run_with_its_provenance() {
    let scene = Scene::new("published.pth", &fixture("published.pth"));
    let printed =
        ["--input-size", "16", "--data-name", "miniImageNet", "--data-license", "research only"];
    let output = scene.import("published.pth", &printed);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for left_out in
        ["cls_head.scale [1]", "pre_head.linear.bias [5]", "propa_head.fc.weight [2, 3]"]
    {
        assert!(printed.contains(&format!("left out: {left_out}\n")), "{left_out} in {printed}");
    }

    let checkpoint = scene.checkpoint();
    let sizes = Resnet12 { widths: [2, 3, 2, 4], input_size: 16, last_activation: false };
    assert_eq!(checkpoint.architecture, Architecture::Resnet12(sizes));
    assert_eq!(checkpoint.preprocess.size, 16);
    assert_eq!(checkpoint.backbone().unwrap().len(), 4 * 20);
    for (name, tensor) in checkpoint.backbone().unwrap() {
        // The pattern of fixtures/make_pth.py; transposed convolutions would not show it.
        let pattern = (0..tensor.len()).map(|i| ((i * 37) % 101 + 1) as f32 / 100.0);
        assert!(tensor.iter().copied().eq(pattern), "{name}: {tensor}");
    }
    assert_eq!(checkpoint.provenance.data, "miniImageNet");
    assert_eq!(checkpoint.provenance.data_license, "research only");
    let notes = &checkpoint.provenance.notes;
    assert!(notes.starts_with("imported from published.pth, SHA-256 "), "{notes}");
    assert!(notes.ends_with("; left out: cls_head, pre_head, propa_head"), "{notes}");

    let bytes = std::fs::read(scene.path("run/golden.safetensors")).unwrap();
    let golden = Golden::parse(&bytes, "backbone", &checkpoint.architecture.graph()).unwrap();
    assert_eq!(embedding(&checkpoint, &golden.inputs["image"]), golden.outputs["embedding"]);
}

#[test]
fn every_name_that_does_not_fit_is_listed_and_nothing_written() {
    let mut tensors = renamed(|name| format!("module.{name}"));
    for name in ["layer1.bn1.bias", "layer4.downsample.0.weight"] {
        tensors.remove(&format!("module.{name}")).unwrap();
    }
    tensors.insert("module.layer5.conv1.weight".to_owned(), ArrayD::zeros(vec![9, 24, 3, 3]));
    tensors.insert("module.layer1.conv1.bias".to_owned(), ArrayD::zeros(vec![8]));
    tensors.insert("module.layer3.conv2.weight".to_owned(), ArrayD::zeros(vec![16, 16, 1, 1]));
    tensors.insert("layer2.bn1.weight".to_owned(), ArrayD::zeros(vec![12]));
    let scene = Scene::new("w.safetensors", &safetensors(tensors));
    let error = scene.refusal("w.safetensors", &["--input-size", "32"]);
    let listed: Vec<&str> = error.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let expected = [
        "a second time: module.layer2.bn1.weight [12]",
        "unexpected: module.layer1.conv1.bias [8]",
        "unexpected: module.layer5.conv1.weight [9, 24, 3, 3]",
        "wrong shape: layer3.conv2.weight is [16, 16, 1, 1], expected [16, 16, 3, 3]",
        "missing: layer1.bn1.bias [8]",
        "missing: layer4.downsample.0.weight [24, 16, 1, 1]",
    ];
    for line in expected {
        assert!(listed.contains(&line), "`{line}` is not in\n{error}");
    }
    assert_eq!(listed.len(), expected.len(), "{error}");
    assert!(error.contains("w.safetensors") && error.contains("[8, 12, 16, 24]"), "{error}");
}

#[test]
fn other_networks_and_files_are_refused_in_one_line() {
    let other = Tensors::from([("blocks.0.weight".to_owned(), ArrayD::zeros(vec![3]))]);
    let mut integers = TensorFile::default();
    integers.integers.insert("layer1.bn1.weight".to_owned(), ArrayD::zeros(vec![8]));
    let mut diverged = renamed(str::to_owned);
    diverged.get_mut("layer2.bn1.bias").unwrap()[3] = f32::NAN;
    let mut negative = renamed(str::to_owned);
    negative.get_mut("layer2.bn1.running_var").unwrap().fill(-1.0);
    for (bytes, expected) in [
        (safetensors(other), "unexpected: blocks.0.weight [3]"),
        (integers.to_bytes().unwrap(), "not floats: layer1.bn1.weight [8]"),
        (safetensors(diverged), "`layer2.bn1.bias` has values that are not finite"),
        (safetensors(negative), "the embedding that these weights give has values that are not"),
        (vec![200; 20], "neither a .pth file of torch.save nor usable as safetensors"),
        (b"PK\x03\x04 and no more".to_vec(), "not a whole zip file"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), "cut short"),
    ] {
        let more = ["--input-size", "32", OFF[0], OFF[1]];
        let error = Scene::new("w", &bytes).refusal("w", &more);
        assert!(error.contains(expected), "`{expected}` is not in\n{error}");
    }
    let error = Scene::new("w", &[]).refusal("absent", &[]);
    assert!(error.contains("absent"), "{error}");
}

#[test]
fn sizes_and_recipes_are_checked() {
    let scene = Scene::new("w.safetensors", &safetensors(renamed(str::to_owned)));
    let recipe = "size = 48\ngeometry = \"squash\"\nfilter = \"bilinear\"\nmean = [0, 0, 0]\nstd = [255, 255, 255]\n";
    std::fs::write(scene.path("recipe.toml"), recipe).unwrap();
    std::fs::write(scene.path("broken.toml"), recipe.replace("size", "side")).unwrap();
    for (more, expected) in [
        (vec!["--input-size", "15"], "the input size 15 does not suit resnet12"),
        (vec!["--input-size", "4000"], "4000"),
        (
            vec!["--preprocess", "recipe.toml", "--input-size", "84"],
            "48 pixels and --input-size is 84",
        ),
        (vec!["--preprocess", "broken.toml"], "broken.toml is not a preprocessing recipe"),
        (vec!["--preprocess", "absent.toml"], "absent.toml"),
    ] {
        let error = scene.refusal("w.safetensors", &more);
        assert!(error.contains(expected), "`{expected}` is not in\n{error}");
    }
    let output = scene.import("w.safetensors", &["--preprocess", "recipe.toml", OFF[0], OFF[1]]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(scene.checkpoint().architecture.input_size(), 48);
    assert_eq!(scene.checkpoint().preprocess.std, [255.0; 3]);
    let before = std::fs::read(scene.path("run/best.safetensors")).unwrap();
    let again = scene.import("w.safetensors", &[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("already holds a run"));
    assert_eq!(before, std::fs::read(scene.path("run/best.safetensors")).unwrap());
}

#[test]
fn the_default_is_the_papers_recipe() {
    let scene = Scene::new("w.safetensors", &safetensors(renamed(str::to_owned)));
    let output = scene.import("w.safetensors", &OFF);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(scene.checkpoint().preprocess, Preprocess::paper(84));
    assert_eq!(scene.checkpoint().provenance.data, "not given");
}

/// The tiny EfficientNet-Lite0 of the case list under PyTorch's names, with a classifier of three
/// classes.
fn lite0(case: &Case) -> Tensors {
    let theirs = |own: &str| {
        let (node, suffix) = own.rsplit_once('.').unwrap();
        let parts: Vec<&str> = node.split('.').collect();
        let layer = |conv: &str, bn: &str| if parts[1] == "conv" { conv } else { bn }.to_owned();
        let node = match *parts {
            ["first", _] => layer("_conv_stem", "_bn0"),
            ["last", _] => layer("_conv_head", "_bn1"),
            [block, part, last] => {
                let number = block.strip_prefix("block").unwrap();
                let layer = match (part, last) {
                    (_, "conv") => format!("_{part}_conv"),
                    ("expand", _) => "_bn0".to_owned(),
                    ("depthwise", _) => "_bn1".to_owned(),
                    _ => "_bn2".to_owned(),
                };
                format!("_blocks.{number}.{layer}")
            }
            _ => panic!("{own}"),
        };
        format!("{node}.{suffix}")
    };
    let named = case.parameters.iter().map(|(name, tensor)| (theirs(name), tensor.clone()));
    let rows = ArrayD::from_shape_fn(vec![3, 16], |i| (i[0] * 16 + i[1]) as f32);
    let classifier =
        [("_fc.weight".to_owned(), rows), ("_fc.bias".to_owned(), ArrayD::ones(vec![3]))];
    named.chain(classifier).collect()
}

fn lite0_case() -> Case {
    cases::all().into_iter().find(|case| case.name == "efficientnet-lite0-tiny-odd").unwrap()
}

#[test]
fn an_efficientnet_is_imported_with_its_classifier() {
    let case = lite0_case();
    let scene = Scene::new("old.pth", &pth_file::legacy_state_dict(&lite0(&case)));
    let output = scene.import_as("efficientnet-lite0", "old.pth", &["--input-size", "37"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("with a classifier of 3 classes"), "{printed}");
    let checkpoint = scene.checkpoint();
    let widths = [6, 4, 5, 6, 6, 7, 8, 9, 16];
    let sizes = EfficientNetLite0 { widths, input_size: 37 };
    assert_eq!(checkpoint.architecture, Architecture::EfficientNetLite0(sizes));
    let recipe = Preprocess { mean: [127.0; 3], std: [128.0; 3], ..Preprocess::paper(37) };
    assert_eq!(checkpoint.preprocess, Preprocess { filter: Filter::CatmullRom, ..recipe });
    assert_eq!(checkpoint.backbone().unwrap(), case.parameters);
    assert_eq!(checkpoint.parameters["head.weight"][[2, 15]], 47.0);
    case.check(&[embedding(&checkpoint, &case.inputs[0].1)]).unwrap();
}

#[test]
fn what_does_not_fit_an_efficientnet_is_listed() {
    let mut tensors = lite0(&lite0_case());
    tensors.remove("_blocks.4._bn1.bias").unwrap();
    tensors.insert("_blocks.4._se_reduce.weight".to_owned(), ArrayD::zeros(vec![2, 3]));
    let short = ArrayD::zeros(vec![3, 15]);
    let mut misshapen = lite0(&lite0_case());
    misshapen.insert("_fc.weight".to_owned(), short);
    let mut half = lite0(&lite0_case());
    half.remove("_fc.bias").unwrap();
    for (tensors, expected) in [
        (tensors.clone(), "missing: block4.depthwise.bn.bias [36]"),
        (tensors, "unexpected: _blocks.4._se_reduce.weight [2, 3]"),
        (misshapen, "wrong shape: head.weight is [3, 15], expected [3, 16]"),
        (half, "missing: head.bias [3]"),
    ] {
        let scene = Scene::new("w", &pth_file::legacy_state_dict(&tensors));
        let output = scene.import_as("efficientnet-lite0", "w", &["--input-size", "37"]);
        let error = scene.refused(&output);
        assert!(error.contains(expected), "`{expected}` is not in\n{error}");
    }
}

/// `kinds.pth`, as fixtures/make_pth.py describes it.
#[test]
fn strides_offsets_number_types_and_nesting_are_followed() {
    let file = pth::read(&fixture("kinds.pth")).unwrap();
    let floats: &[(&str, &[usize], &[f32])] = &[
        ("contiguous", &[2, 3], &[-1.0, -0.5, 0.0, 0.5, 1.0, 1.5]),
        ("transposed", &[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
        ("whole", &[12], &[0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11.]),
        ("part", &[2, 2], &[5.0, 6.0, 9.0, 10.0]),
        ("repeated", &[3, 2], &[10.0, 11.0, 10.0, 11.0, 10.0, 11.0]),
        ("scalar", &[], &[3.25]),
        ("empty", &[0, 3], &[]),
        ("half", &[3], &[1.5, -2.0, 65504.0]),
        ("bfloat16", &[3], &[1.5, -2.0, 1.267_650_6e30]),
        ("double", &[2], &[0.1, -2.0]),
        ("parameter", &[2], &[1.0, 2.0]),
        ("nested.list.0", &[], &[3.25]),
        ("nested.list.1.0", &[], &[3.25]),
        ("nested.7", &[], &[3.25]),
    ];
    for (name, shape, values) in floats {
        let expected = ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap();
        assert_eq!(file.floats[*name], expected, "{name}");
    }
    assert_eq!(file.floats.len(), floats.len());
    assert_eq!(file.integers["long"].as_slice().unwrap(), [-1, 1 << 40]);
    assert_eq!(file.integers["int"].as_slice().unwrap(), [-7]);
    assert_eq!(file.integers.len(), 2);
}
