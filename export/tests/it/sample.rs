//! A small run whose golden outputs come from PyTorch, and the engines of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use edge::engine::{Engine, EngineChoice, EngineOptions, Model, Provider, select};
use edge::locate::{self, Environment};
use export::draft::{Calibration, MAX_BATCH, Recipe};
use export::precision::fp16::narrow;
use export::run::{Completer, Run};
use few_shot::kernel::NameRegressor;
use few_shot::protocomnet::{Attributes, Described, ProtoComNetCompleter};
use models::bundle::{Precision, WeightStorage, self_test};
use models::cases::Case;
use models::checkpoint::{Checkpoint, Golden, Provenance};
use models::graph::{Architecture, ProtoComNet, Resnet12, SelfWeight};
use models::knowledge::lexicon::Lexicon;
use models::knowledge::vectors::Vectors;
use models::knowledge::wordnet::{SynsetId, WordNet};
use models::preprocess::Preprocess;
use models::tensors::{TensorFile, Tensors};
use ndarray::{Array2, ArrayD, ArrayView2, Axis, Ix2, s};
use tempfile::TempDir;

/// The root of the source.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Reports that a test was skipped.
pub(crate) fn skipped(what: &str, reason: &str) {
    eprintln!("skipped: {what}: {reason}");
}

/// With ONNX Runtime, if this machine has it.
pub(crate) fn options() -> EngineOptions {
    EngineOptions {
        onnxruntime: locate::onnxruntime(None, &Environment::read()).ok(),
        ..EngineOptions::default()
    }
}

/// The tiny ResNet-12 of `fixtures/` and its embeddings, both made by PyTorch in f64.
pub(crate) fn run() -> Run {
    let path = workspace().join("fixtures/backbone_tiny_eval.safetensors");
    let mut floats = TensorFile::parse(&fs::read(path).unwrap()).unwrap().floats;
    let mut take =
        |from: &str, name: &str| Tensors::from([(name.to_owned(), floats.remove(from).unwrap())]);
    let golden = Golden { inputs: take("input", "image"), outputs: take("embedding", "embedding") };
    let parameters = floats
        .into_iter()
        .map(|(name, tensor)| (name.strip_prefix("param.").unwrap().to_owned(), tensor))
        .collect();
    let checkpoint = Checkpoint {
        architecture: Architecture::Resnet12(Resnet12 {
            widths: [8, 12, 16, 24],
            input_size: 32,
            last_activation: false,
        }),
        preprocess: Preprocess::paper(32),
        classes: Vec::new(),
        parameters,
        training: None,
        provenance: Provenance {
            tool: "fixtures/backbone_tiny_eval.safetensors".to_owned(),
            data: "none: the weights are noise, for tests".to_owned(),
            data_license: "none".to_owned(),
            ..Provenance::default()
        },
    };
    Run { checkpoint, golden, name_regressor: None, completer: None, decision: None }
}

/// Writes a run's folder.
pub(crate) fn save(run: &Run, dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("best.safetensors"), run.checkpoint.to_bytes().unwrap()).unwrap();
    fs::write(dir.join("golden.safetensors"), run.golden.to_bytes("backbone").unwrap()).unwrap();
    if let Some(bytes) = &run.name_regressor {
        fs::write(dir.join("kernel.safetensors"), bytes).unwrap();
    }
    if let Some(bytes) = &run.decision {
        fs::write(dir.join("decision.safetensors"), bytes).unwrap();
    }
    if let Some(Completer { space_id, network, golden }) = &run.completer {
        fs::write(dir.join("completer.safetensors"), network.to_bytes(space_id).unwrap()).unwrap();
        let golden = golden.to_bytes("completer").unwrap();
        fs::write(dir.join("golden-completer.safetensors"), golden).unwrap();
    }
}

/// A small WordNet: `data.noun`, `index.noun`, and a file of word vectors.
const DATA: &[u8] = b"\
00001930 03 n 01 thing 0 000 | what can be seen
00000010 03 n 01 animal 0 001 @ 00001930 n 0000 | it moves by itself
00000011 03 n 01 cup 0 002 @ 00001930 n 0000 %p 00000018 n 0000 | one drinks from it; \"a cup of tea\"
00000012 03 n 02 zebra 0 striped_horse 0 002 @ 00000010 n 0000 %p 00000019 n 0000 | a striped horse
00000013 03 n 01 mouse 0 001 @ 00000010 n 0000 | a small rodent
00000014 03 n 02 mouse 0 computer_mouse 0 001 @ 00001930 n 0000 | it moves a pointer
00000015 03 n 01 coffee_mug 0 001 @ 00000011 n 0000 | a cup with a handle
00000016 03 n 01 idea 0 000 | nobody ever saw one
00000018 03 n 01 handle 0 001 @ 00001930 n 0000 | to hold something by
00000019 03 n 01 hoof 0 001 @ 00001930 n 0000 | a foot
00000020 03 n 01 mug 0 001 @ 00007846 n 0000 | one who is easily deceived
00000021 03 n 01 mug 0 001 @ 00000011 n 0000 | a cup without a saucer
00007846 03 n 01 person 0 001 @ 00001930 n 0000 | somebody
";
const INDEX: &[u8] = b"\
animal n 1 1 @ 1 0 00000010
coffee_mug n 1 1 @ 1 0 00000015
computer_mouse n 1 1 @ 1 0 00000014
cup n 1 2 @ %p 1 0 00000011
handle n 1 1 @ 1 0 00000018
hoof n 1 1 @ 1 0 00000019
idea n 1 0 1 0 00000016
mouse n 2 1 @ 2 0 00000013 00000014
mug n 2 1 @ 2 0 00000020 00000021
person n 1 1 @ 1 0 00007846
striped_horse n 1 2 @ %p 1 0 00000012
thing n 1 0 1 0 00001930
zebra n 1 2 @ %p 1 0 00000012
";
const WORDS: &[u8] = b"\
animal 1 0 0.1
computer 0 0.2 1
cup 0 1 0
coffee 0 1 0.3
handle 0.2 0.9 0
hoof 0.8 0.1 0
horse 0.9 0.1 0
idea 0.1 0.1 0.1
mouse 0.7 0 0.7
mug 0 0.9 0.2
person 0.6 0.2 0.2
striped 0.5 0.2 0.1
thing 0.3 0.3 0.3
zebra 1 0 0
";

/// The small WordNet as a lexicon.
pub(crate) fn lexicon() -> Vec<u8> {
    let wordnet = WordNet::parse(INDEX, DATA).unwrap();
    Lexicon::build(&wordnet, &Vectors::parse(WORDS).unwrap(), "made up for tests")
}

/// The sample run with a completer: its base classes have the prototypes of the golden images.
pub(crate) fn knowing_run() -> Run {
    let run = run();
    let lexicon = Lexicon::parse(&lexicon()).unwrap();
    let base = [10, 11, 12, 13].map(SynsetId);
    let base: Vec<_> = base.iter().map(|&id| lexicon.descriptor(id).unwrap()).collect();
    let rows = run.golden.outputs["embedding"].clone().into_dimensionality::<Ix2>().unwrap();
    let prototypes = rows.slice(s![..base.len(), ..]);
    let completer = NameRegressor::fit(&base, prototypes);
    let space_id = run.checkpoint.space_id().unwrap();
    let bytes = completer.to_bytes(&space_id).unwrap();
    let completer = Some(learned(&lexicon, prototypes, space_id));
    Run { name_regressor: Some(bytes), completer, ..run }
}

/// A ProtoComNet of made-up weights with the attributes handle and hoof; its golden outputs come
/// from its formula.
fn learned(lexicon: &Lexicon, prototypes: ArrayView2<'_, f32>, space_id: String) -> Completer {
    let (embedding, word) = (prototypes.ncols(), lexicon.header().dimension);
    let network =
        ProtoComNet { embedding, word, attributes: 2, hidden: 8, self_weight: SelfWeight::One };
    let made_up = |seed: usize, shape: &[usize]| {
        let mut i = seed;
        ArrayD::from_shape_simple_fn(shape, || {
            i = (i * 37 + 11) % 101;
            (i as f32 - 50.0) / 150.0
        })
    };
    let parameters = network.graph().parameters().unwrap().into_iter().enumerate();
    let parameters =
        parameters.map(|(seed, p)| (p.name.clone(), made_up(seed + 1, &p.shape))).collect();
    // Training rounds parameters to fp16 before it records golden outputs.
    let parameters = narrow(&parameters).unwrap();
    let ids = [18, 19].map(SynsetId);
    let vectors: Vec<_> = ids.iter().map(|&id| lexicon.vector(id).unwrap()).collect();
    let vectors: Vec<_> = vectors.iter().map(|vector| vector.view()).collect();
    let attributes = Attributes {
        names: ids.iter().map(SynsetId::to_string).collect(),
        mean: prototypes.slice(s![..2, ..]).to_owned(),
        word: ndarray::stack(Axis(0), &vectors).unwrap(),
    };
    let learned = ProtoComNetCompleter::new(network, parameters, attributes).unwrap();
    let described =
        |id, attributes| Described { word: lexicon.vector(SynsetId(id)).unwrap(), attributes };
    let classes = [described(11, vec![0]), described(12, vec![1]), described(10, vec![0, 1])];
    let prototypes = prototypes.slice(s![..classes.len(), ..]);
    let mut weights = Array2::zeros((classes.len(), 2));
    for (row, class) in classes.iter().enumerate() {
        let of_class = learned.weights(prototypes.row(row), class);
        of_class
            .into_iter()
            .enumerate()
            .for_each(|(column, weight)| weights[[row, column]] = weight);
    }
    let outputs = Tensors::from([
        ("completed".to_owned(), learned.complete(prototypes, &classes).into_dyn()),
        ("weights".to_owned(), weights.into_dyn()),
    ]);
    let golden = Golden { inputs: learned.inputs(prototypes, &classes), outputs };
    Completer { space_id, network: learned, golden }
}

/// The recipe of the tests' bundles.
pub(crate) fn recipe(name: &str, storage: WeightStorage) -> Recipe {
    Recipe {
        name: name.to_owned(),
        storage,
        max_batch: MAX_BATCH,
        accuracy: Vec::new(),
        weights_license: None,
        lexicon: None,
        half_arithmetic: false,
        calibration: None,
    }
}

/// The same with int8 variants, calibrated on noise.
pub(crate) fn integer_recipe(name: &str) -> Recipe {
    let noise = |seed| self_test::input(seed, 32).remove_axis(Axis(0));
    let calibration = Calibration {
        precisions: vec![Precision::Int8U8, Precision::Int8S8],
        images: (0..8).map(noise).collect(),
    };
    Recipe { calibration: Some(calibration), ..recipe(name, WeightStorage::Fp16) }
}

/// A temporary folder with a run in `run`, and the program to run on it.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        save(&run(), &folder.path().join("run"));
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `handful-export run …` in the folder, without a library of ONNX Runtime that is named.
    pub(crate) fn export(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handful-export"));
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("ORT_DYLIB_PATH");
        command.current_dir(self.folder.path()).arg("run").args(arguments).output().unwrap()
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let paths = models::disk::list(self.folder.path()).unwrap();
        paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }
}

/// The standard error of a program.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Starts an engine on a case's network, written as ONNX.
pub(crate) fn start(
    case: &Case,
    onnx: &[u8],
    provider: Provider,
) -> Result<Box<dyn Engine>, String> {
    let inputs: Vec<_> =
        case.graph.inputs.iter().map(|i| (i.name.clone(), i.shape.clone())).collect();
    let model = Model { onnx, inputs: &inputs, max_batch: 8, precision: Precision::Fp32 };
    let selected = select(&model, EngineChoice::Only(provider), &options());
    selected.map(|s| s.engine).map_err(|e| e.to_string())
}

/// An engine's outputs for a case's inputs.
pub(crate) fn outputs(case: &Case, engine: &mut dyn Engine) -> Vec<ArrayD<f32>> {
    let inputs: Vec<_> = case.inputs.iter().map(|(name, v)| (name.as_str(), v.view())).collect();
    engine.run(&inputs).unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

/// A case's network as ONNX.
pub(crate) fn onnx(case: &Case, tensors: &Tensors, storage: WeightStorage) -> Vec<u8> {
    export::onnx::write(
        &case.graph,
        tensors,
        export::onnx::Storage::Floats(storage),
        &Default::default(),
    )
    .unwrap()
}
