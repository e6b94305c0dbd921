//! Golden numbers of kernel, trust and fusion (`fixtures/README.md`).

use few_shot::completer::{Completer, Support};
use few_shot::evaluation::gaussian;
use few_shot::fusion::{self, ErrorVariances};
use few_shot::kernel::KernelRidge;
use few_shot::metric::cosine;
use few_shot::name_trust::NameEvidence;
use few_shot::protocomnet::{Attributes, Complete, Described, OfClasses, ProtoComNetCompleter};
use models::graph::{ProtoComNet, SelfWeight};
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::wordnet::SynsetId;
use models::reference;
use models::tensors::{TensorFile, Tensors};
use ndarray::{Array1, Array2, Axis, Ix1, Ix2};

use crate::fixtures::{fixture, relative_error};

fn matrix(file: &TensorFile, name: &str) -> Array2<f32> {
    file.floats[name].clone().into_dimensionality::<Ix2>().unwrap()
}

fn vector(file: &TensorFile, name: &str) -> Array1<f32> {
    file.floats[name].clone().into_dimensionality::<Ix1>().unwrap()
}

fn close(got: &Array2<f32>, file: &TensorFile, name: &str, tolerance: f32) {
    assert_eq!(got.shape(), file.floats[name].shape(), "{name}");
    let error = relative_error(got.iter().copied(), &file.floats[name]);
    assert!(error <= tolerance, "{name}: relative error {error:e}");
}

#[test]
fn kernel_tiny() {
    let file = fixture("kernel_tiny.safetensors");
    let classes = |what: &str| -> Vec<SemanticDescriptor> {
        let (words, marks) =
            (matrix(&file, &format!("{what}_word")), matrix(&file, &format!("{what}_indicator")));
        let line = |row: usize| {
            let marked = marks.row(row).into_iter().enumerate().filter(|(_, mark)| **mark == 1.0);
            marked.map(|(column, _)| SynsetId(column as u32)).collect()
        };
        let of = |row: usize| SemanticDescriptor {
            word_vector: words.row(row).to_owned(),
            hypernyms: line(row),
        };
        (0..words.nrows()).map(of).collect()
    };
    let targets = matrix(&file, "base_target");
    let regression = KernelRidge::fit(classes("base"), targets.view(), 0.3);
    close(&regression.predict(&classes("class")), &file, "semantic", 1e-5);
    close(&regression.leave_one_out(targets.view()), &file, "leave_one_out", 1e-5);
}

fn sigmoid(x: f32) -> f32 {
    (1.0 + (-x).exp()).recip()
}

#[test]
fn trust_tiny() {
    let file = fixture("trust_tiny.safetensors");
    let (mean, semantic) = (matrix(&file, "mean"), matrix(&file, "semantic"));
    for (case, names) in [
        ("right", [0, 1, 2, 3]),
        ("wrong", [3, 0, 1, 2]),
        ("same", [0; 4]),
        ("swapped", [1, 0, 2, 3]),
    ] {
        let semantic = semantic.select(Axis(0), &names);
        let evidence = NameEvidence::of(semantic.view(), mean.view()).unwrap();
        let is = |name: &str, got: f32| {
            let expected = file.floats[&format!("{name}.{case}")].iter().copied().next().unwrap();
            assert!(
                (got - expected).abs() <= 2e-5 * expected.abs().max(1.0),
                "{name}.{case}: {got} and {expected}"
            );
        };
        is("z", evidence.gallery);
        // The reference multiplies the shares of two pieces of evidence, which `trust` adds. Its
        // constants hold only here.
        let gallery_trust = sigmoid(2.0 * (evidence.gallery - 2.0));
        is("gallery_trust", gallery_trust);
        let class_trust = evidence.classes.mapv(|class| sigmoid(3.0 * (class - 0.3)));
        let name = format!("class_trust.{case}");
        assert!(relative_error(class_trust.iter().copied(), &file.floats[&name]) <= 2e-5, "{name}");
        let weights = class_trust * gallery_trust * 0.5;
        let fused = fusion::interpolated(mean.view(), semantic.view(), weights.view());
        close(&fused, &file, &format!("fused.{case}"), 1e-5);
    }
}

/// Holds every policy to the prototypes and scores of one file.
fn check_fusion(name: &str) {
    let file = fixture(name);
    let (support, query) = (matrix(&file, "support"), matrix(&file, "query"));
    let labels: Vec<usize> = file.integers["support_label"].iter().map(|&l| l as usize).collect();
    let (mean, completed) = (matrix(&file, "prototype.mean"), matrix(&file, "prototype.completed"));
    for (prototypes, kind) in [(&mean, "1"), (&completed, "2")] {
        let found = gaussian::gaussians(prototypes.view(), support.view(), &labels, query.view());
        close(&found.mean, &file, &format!("gaussian_mean_{kind}"), 1e-5);
        close(&found.variance, &file, &format!("gaussian_var_{kind}"), 1e-5);
    }
    let errors = ErrorVariances {
        mean: vector(&file, "error_variance_of_mean"),
        other: vector(&file, "error_variance_of_completed"),
        product: Array1::zeros(mean.ncols()),
    };
    let halves = Array1::from_elem(mean.nrows(), 0.5);
    let weight = errors.weight_of_mean();
    let policies = [
        ("average", fusion::interpolated(mean.view(), completed.view(), halves.view())),
        ("error_variance", fusion::weighted(mean.view(), completed.view(), weight.view())),
        (
            "gaussian",
            gaussian::fused(mean.view(), completed.view(), support.view(), &labels, query.view()),
        ),
    ];
    for (policy, prototypes) in policies {
        close(&prototypes, &file, &format!("prototype.{policy}"), 1e-5);
        let scores = cosine(query.view(), prototypes.view());
        close(&scores, &file, &format!("score.{policy}"), 1e-5);
    }
}

#[test]
fn fusion_tiny_1shot() {
    check_fusion("fusion_tiny_1shot.safetensors");
}

#[test]
fn fusion_tiny_5shot() {
    check_fusion("fusion_tiny_5shot.safetensors");
}

/// The parameters of a fixture under the names of the graph: the first layer of its aggregator, on
/// `[class || term || prototype]`, is three here.
fn protocomnet_parameters(file: &TensorFile, word: usize) -> Tensors {
    let mut parameters = Tensors::new();
    for (name, tensor) in &file.floats {
        let Some(name) = name.strip_prefix("param.") else { continue };
        let columns =
            |from: usize, to: usize| tensor.slice_axis(Axis(1), (from..to).into()).to_owned();
        match name {
            "aggregator.0.weight" => {
                let end = tensor.shape()[1];
                for (part, from, to) in
                    [("class", 0, word), ("term", word, 2 * word), ("prototype", 2 * word, end)]
                {
                    parameters.insert(format!("aggregator.{part}.weight"), columns(from, to));
                }
            }
            "aggregator.0.bias" => {
                parameters.insert("aggregator.prototype.bias".to_owned(), tensor.clone());
            }
            _ => {
                parameters.insert(name.replace("decoder.2", "completed"), tensor.clone());
            }
        }
    }
    parameters
}

#[test]
fn completer_tiny() {
    for (name, self_weight) in [
        ("completer_tiny_one.safetensors", SelfWeight::One),
        ("completer_tiny_learned.safetensors", SelfWeight::Learned),
    ] {
        let file = fixture(name);
        let config = ProtoComNet { embedding: 16, word: 6, attributes: 4, hidden: 20, self_weight };
        let inputs = ["prototype", "class_word", "attribute", "attribute_word", "mask"]
            .map(|input| (input, file.floats[input].view()));
        let parameters = protocomnet_parameters(&file, config.word);
        let outputs = reference::run(&config.graph(), &parameters, &inputs).unwrap();
        let error = relative_error(outputs[0].iter().copied(), &file.floats["completed"]);
        assert!(error <= 1e-5, "{name}: completed: {error:e}");
        let weights = matrix(&file, "weights");
        let of_attributes = weights.slice(ndarray::s![.., 1..]).to_owned().into_dyn();
        let error = relative_error(outputs[1].iter().copied(), &of_attributes);
        assert!(error <= 1e-5, "{name}: weights: {error:e}");
        let own = weights.column(0).to_owned().into_dyn();
        let got = outputs.get(2).map_or(vec![1.0; 5], |own| own.iter().copied().collect());
        assert!(relative_error(got, &own) <= 1e-5, "{name}: own weight");
    }
}

/// A fixture's completer, and its five classes: the attributes of all are rows of one table.
fn learned(file: &TensorFile, self_weight: SelfWeight) -> (ProtoComNetCompleter, Vec<Described>) {
    let network = ProtoComNet { embedding: 16, word: 6, attributes: 4, hidden: 20, self_weight };
    let rows =
        |name: &str, size: usize| file.floats[name].to_shape((20, size)).unwrap().into_owned();
    let attributes = Attributes {
        names: (0..20).map(|i| format!("n{i:08}")).collect(),
        mean: rows("attribute", 16),
        word: rows("attribute_word", 6),
    };
    let (words, mask) = (matrix(file, "class_word"), matrix(file, "mask"));
    let class = |row: usize| Described {
        word: words.row(row).to_owned(),
        attributes: (0..4).filter(|&i| mask[[row, i]] == 1.0).map(|i| 4 * row + i).collect(),
    };
    let parameters = protocomnet_parameters(file, 6);
    (
        ProtoComNetCompleter::new(network, parameters, attributes).unwrap(),
        (0..5).map(class).collect(),
    )
}

#[test]
fn a_learned_completer_computes_what_its_graph_does() {
    for (name, self_weight) in [
        ("completer_tiny_one.safetensors", SelfWeight::One),
        ("completer_tiny_learned.safetensors", SelfWeight::Learned),
    ] {
        let file = fixture(name);
        let (completer, classes) = learned(&file, self_weight);
        let prototypes = matrix(&file, "prototype");
        close(&completer.complete(prototypes.view(), &classes), &file, "completed", 1e-5);
        let weights = matrix(&file, "weights");
        for (row, class) in classes.iter().enumerate() {
            let got = completer.weights(prototypes.row(row), class);
            let expected = class.attributes.iter().map(|a| weights[[row, 1 + a - 4 * row]]);
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() <= 1e-5, "{name}: {got} and {expected}");
            }
        }
    }
}

#[test]
fn every_image_is_completed_or_their_mean() {
    let file = fixture("completer_tiny_one.safetensors");
    let (completer, classes) = learned(&file, SelfWeight::One);
    let rows = matrix(&file, "prototype");
    let images = [rows.select(Axis(0), &[0, 1, 2]), rows.select(Axis(0), &[2, 3, 4])];
    let mean = ndarray::stack![
        Axis(0),
        images[0].mean_axis(Axis(0)).unwrap(),
        images[1].mean_axis(Axis(0)).unwrap()
    ];
    let support = Support { images: &images, mean: mean.view() };
    let names = [3, 1];
    let of = |complete| {
        let completer = completer.clone().completing(complete);
        OfClasses { completer, classes: classes.clone() }.complete(support, &names)
    };
    let named: Vec<Described> = names.iter().map(|&name| classes[name].clone()).collect();
    assert_eq!(of(Complete::Mean), completer.complete(mean.view(), &named));
    let got = of(Complete::PerImage);
    for way in 0..2 {
        let mut sum = Array1::<f32>::zeros(16);
        for image in images[way].rows() {
            let one = image.insert_axis(Axis(0));
            sum += &completer.complete(one, &named[way..=way]).row(0);
        }
        let error = (&got.row(way) - &(sum / 3.0)).mapv(f32::abs);
        assert!(error.iter().all(|e| *e <= 1e-6), "{error}");
    }
    let far = (&got - &of(Complete::Mean)).mapv(f32::abs).sum();
    assert!(far > 1e-3, "the network is not linear: {far}");
}

#[test]
fn a_learned_completer_is_read_as_it_was_written_or_refused() {
    let (completer, _) = learned(&fixture("completer_tiny_one.safetensors"), SelfWeight::One);
    let bytes = completer.to_bytes("a space").unwrap();
    assert_eq!(
        ProtoComNetCompleter::parse(&bytes).unwrap(),
        ("a space".to_owned(), completer.clone())
    );
    let each = completer.clone().completing(Complete::PerImage);
    let read = ProtoComNetCompleter::parse(&each.to_bytes("a space").unwrap()).unwrap().1;
    assert_eq!(read, each);
    assert!(ProtoComNetCompleter::parse(&bytes[..bytes.len() - 1]).is_err());
    let with = |change: &dyn Fn(&mut TensorFile)| {
        let mut file = TensorFile::parse(&bytes).unwrap();
        change(&mut file);
        ProtoComNetCompleter::parse(&file.to_bytes().unwrap()).unwrap_err().to_string()
    };
    let described =
        |from: &str, to: &str| with(&|file| file.metadata = file.metadata.replacen(from, to, 1));
    assert!(described("\"format\":1", "\"format\":9").contains("format 9"));
    assert!(described("handful-completer", "handful-kernel").contains("handful-kernel"));
    assert!(described("\"hidden\":20", "\"hidden\":21").contains("wrong shape"));
    assert!(described("\"word\":6", "\"word\":7").contains("wrong shape"));
    assert!(described("\"n00000000\",", "").contains("attribute"));
    let missing = with(&|file| drop(file.floats.remove("param.encoder.0.bias")));
    assert!(missing.contains("missing: encoder.0.bias"), "{missing}");
    let nan = with(&|file| file.floats.get_mut("attribute.mean").unwrap()[[0, 0]] = f32::NAN);
    assert!(nan.contains("attribute.mean") && nan.contains("NaN"), "{nan}");
}
