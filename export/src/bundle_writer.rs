//! From a run to a bundle: fold, narrow, write, verify, and only then put it in place.

use std::collections::BTreeMap;
use std::path::Path;

use edge::engine::EngineOptions;
use few_shot::kernel::{KernelError, NameRegressor};
use few_shot::protocomnet::ProtoComNetError;
use models::bundle::{
    self, Accuracy, BundleError, FORMAT, FileEntry, KnowledgeFiles, Licenses, Manifest,
    ManifestError, NamedFile, Network, Precision, SelfTest, WeightStorage, manifest, self_test,
};
use models::checkpoint::CheckpointError;
use models::disk::{self, DiskError};
use models::graph::{Graph, GraphError};
use models::knowledge::lexicon::{self, Lexicon, LexiconError};
use models::reference::{self, ReferenceError};
use models::tensors::Tensors;

use crate::calibrate::CalibrateError;
use crate::completer::DraftCompleter;
use crate::fold::{FoldError, fold};
use crate::onnx::{self, OnnxError, Storage};
use crate::precision::fp16::{NarrowError, narrow};
use crate::precision::int8::QuantizeError;
use crate::run::{Completer, Run};
use crate::variant::{self, Calibration, DraftVariant, Source};
use crate::verify::{Subject, Tolerance, Verified, verify};

/// The network's file in a bundle.
pub const BACKBONE: &str = "backbone.onnx";

/// The kernel completer's file in a bundle.
pub const KERNEL: &str = "kernel.safetensors";

/// The most images that a bundle's network is run with at once, where nothing else is asked for.
pub const MAX_BATCH: usize = 64;

/// The program that a manifest names.
pub const CREATED_BY: &str = concat!("handful-export ", env!("CARGO_PKG_VERSION"));

const SELF_TEST_SEED: u64 = 1;

/// How far a device's engine may be from the reference on the same weights, as a share of the largest value of
/// the embedding. A GPU that multiplies in 19 bits (TF32) needs most of it; a wrong layout, a lost bias or a
/// damaged weight file are far beyond it.
const SELF_TEST_TOLERANCE: f32 = 1e-2;

/// What a user decides about a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// How weights are stored.
    pub storage: WeightStorage,
    /// The most images of one run.
    pub max_batch: usize,
    /// Measured accuracies to carry along.
    pub accuracy: Vec<Accuracy>,
    /// Under what terms the weights may be used.
    pub weights_license: String,
    /// The lexicon's bytes; with the run's kernel completer they let a bundle learn from names.
    pub lexicon: Option<Vec<u8>>,
    /// Whether there is a variant in 16-bit arithmetic.
    pub half_arithmetic: bool,
    /// What variants in 8 bits are made from; none without.
    pub calibration: Option<Calibration>,
}

/// A bundle that is not yet proved: all its bytes, in memory.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The manifest, without verification figures.
    pub manifest: Manifest,
    /// The network as shipped: folded, and its weights as stored.
    pub graph: Graph,
    /// Its tensors.
    pub tensors: Tensors,
    /// Both as ONNX.
    pub onnx: Vec<u8>,
    /// The same in other arithmetic.
    pub variants: Vec<DraftVariant>,
    /// What names tell.
    pub knowledge: Option<Names>,
}

/// The completers that go into a bundle and the lexicon that goes beside it.
#[derive(Debug, Clone)]
pub struct Names {
    kernel: Vec<u8>,
    completer: Option<DraftCompleter>,
    lexicon: Vec<u8>,
}

/// What became of each network of a bundle.
#[derive(Debug, Clone)]
pub struct Proof {
    /// From image to embedding.
    pub backbone: Verified,
    /// The same in other arithmetic.
    pub variants: Vec<(Precision, Verified)>,
    /// The learned completer, if the bundle has one.
    pub completer: Option<Verified>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The place is taken, or the disk refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle's name, or another choice of the user, cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The checkpoint is not consistent.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The network is broken.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The network shrinks images of this size to nothing.
    #[error("the input size {size} does not suit this network, ask for a larger one: {source}")]
    Size {
        /// The size asked for.
        size: usize,
        /// Where the network ends.
        source: GraphError,
    },
    /// The network cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The weights do not fit the storage.
    #[error(transparent)]
    Narrow(#[from] NarrowError),
    /// The network cannot be written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The network cannot be looked at on images.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The network cannot be put into 8 bits.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The reference cannot run the network.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// There is a lexicon and nothing that could use it.
    #[error(
        "a lexicon was given, but the run has no {KERNEL}: make it with `handful-train complete`, or leave the lexicon out"
    )]
    NoKernel,
    /// The kernel completer cannot be used.
    #[error("the run's {KERNEL} is not usable: {0}")]
    Kernel(#[from] KernelError),
    /// The learned completer cannot be written.
    #[error(transparent)]
    Learned(#[from] ProtoComNetError),
    /// The lexicon cannot be used.
    #[error(transparent)]
    Lexicon(#[from] LexiconError),
    /// The completer is not of this network, or the lexicon not of the completer's words.
    #[error(
        "{what} is {got}, expected {expected}: run `handful-train complete` again, with the same word vectors as the lexicon"
    )]
    Misfit {
        /// What does not fit.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The lexicon cannot be put beside the bundle.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An engine does not compute what was trained.
    #[error(
        "the exported network does not compute what was trained (see the table): no bundle was written. golden.safetensors proves the best.safetensors it was written with, and no other checkpoint"
    )]
    Rejected(Verified),
}

impl WriteError {
    /// Whether the user's input is at fault, rather than the machine or the export.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Bundle(error) => matches!(error, BundleError::Occupied { .. }),
            Self::Calibrate(error) => error.is_bad_input(),
            Self::Manifest(_)
            | Self::Checkpoint(_)
            | Self::Graph(_)
            | Self::Size { .. }
            | Self::Fold(_)
            | Self::Narrow(_)
            | Self::Quantize(_)
            | Self::NoKernel
            | Self::Kernel(_)
            | Self::Learned(_)
            | Self::Lexicon(_)
            | Self::Misfit { .. } => true,
            Self::Disk(_) | Self::Onnx(_) | Self::Reference(_) | Self::Rejected(_) => false,
        }
    }
}

/// Writes the bundle of a run at `out` after it was verified.
///
/// # Errors
/// [`WriteError`]; then `out` is as it was before.
pub fn export(
    run: &Run,
    recipe: &Recipe,
    options: &EngineOptions,
    out: &Path,
) -> Result<(Draft, Proof), WriteError> {
    bundle::check_place(out)?;
    let mut draft = Draft::new(run, recipe, options)?;
    let proved = |verified: Verified| match verified.passed() {
        true => Ok(verified),
        false => Err(WriteError::Rejected(verified)),
    };
    let backbone = proved(verify(&draft.subject(run), options))?;
    let variants = draft.variants.iter().map(|v| Ok((v.precision(), proved(v.verify(options))?)));
    let variants = variants.collect::<Result<_, WriteError>>()?;
    let completer = draft.completer().zip(run.completer.as_ref());
    let completer =
        completer.map(|(draft, run)| proved(verify(&draft.subject(run), options))).transpose()?;
    let proof = Proof { backbone, variants, completer };
    draft.note(&proof);
    // First, so that a bundle never names a lexicon that is not there.
    draft.write_lexicon(out)?;
    bundle::write(out, &draft.manifest, &draft.files())?;
    Ok((draft, proof))
}

impl Draft {
    /// Folds, narrows and writes the network in memory, and describes it.
    ///
    /// # Errors
    /// [`WriteError`] when the run or the recipe cannot be used.
    pub fn new(run: &Run, recipe: &Recipe, options: &EngineOptions) -> Result<Self, WriteError> {
        manifest::check_name(&recipe.name)?;
        let checkpoint = &run.checkpoint;
        let (graph, tensors) = fold(&checkpoint.architecture.graph(), &checkpoint.backbone()?)?;
        let space_id = checkpoint.space_id()?;
        let metadata = metadata(run, recipe, &space_id);
        let source = Source { graph: &graph, tensors: &tensors, metadata: &metadata };
        let half = recipe.half_arithmetic.then(|| variant::half(source, &run.golden));
        let integers = recipe.calibration.as_ref();
        let integers = integers.map(|c| variant::integers(source, c, options)).transpose()?;
        let integers = integers.into_iter().flatten();
        let variants: Vec<_> = half.transpose()?.into_iter().chain(integers).collect();
        let tensors = match recipe.storage {
            WeightStorage::Fp32 => tensors,
            _ => narrow(&tensors)?,
        };
        let onnx = onnx::write(&graph, &tensors, Storage::Floats(recipe.storage), &metadata)?;
        let self_test = answer(&graph, &tensors, SELF_TEST_TOLERANCE)?;
        let mut manifest = describe(run, recipe, &graph, self_test)?;
        manifest.space_id = space_id;
        manifest.backbone.variants = variants.iter().map(DraftVariant::describe).collect();
        let knowledge = names(run, recipe, &manifest.space_id)?;
        let mut draft = Self { manifest, graph, tensors, onnx, variants, knowledge };
        draft.manifest.knowledge = draft.knowledge.as_ref().map(Names::files);
        let files = draft.files();
        draft.manifest.files =
            files.iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect();
        Ok(draft)
    }

    /// What [`verify`] needs.
    pub fn subject<'a>(&'a self, run: &'a Run) -> Subject<'a> {
        Subject {
            graph: &self.graph,
            tensors: &self.tensors,
            onnx: &self.onnx,
            precision: Precision::Fp32,
            tolerance: Tolerance::of(self.manifest.backbone.weights),
            golden: &run.golden,
            self_test: Some(&self.manifest.self_test),
        }
    }

    /// The bundle's files but the manifest.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let kernel = self.knowledge.as_ref().map(|names| (KERNEL.to_owned(), names.kernel.clone()));
        let backbone = (BACKBONE.to_owned(), self.onnx.clone());
        let completer = self.completer().into_iter().flat_map(DraftCompleter::files);
        let variants = self.variants.iter().map(DraftVariant::file);
        [Some(backbone), kernel].into_iter().flatten().chain(completer).chain(variants).collect()
    }

    fn completer(&self) -> Option<&DraftCompleter> {
        self.knowledge.as_ref()?.completer.as_ref()
    }

    /// Takes verification figures into the manifest.
    fn note(&mut self, proof: &Proof) {
        self.manifest.verification = proof.backbone.for_manifest();
        for (variant, (_, verified)) in
            self.manifest.backbone.variants.iter_mut().zip(&proof.variants)
        {
            variant.verification = verified.for_manifest();
        }
        let completer = self.manifest.knowledge.as_mut().and_then(|names| names.completer.as_mut());
        if let Some((completer, verified)) = completer.zip(proof.completer.as_ref()) {
            completer.verification = verified.for_manifest();
        }
    }

    /// Puts the lexicon into the folder of bundles, where all of them share it.
    fn write_lexicon(&self, out: &Path) -> Result<(), DiskError> {
        let Some(Names { lexicon, .. }) = &self.knowledge else { return Ok(()) };
        let place = out.with_file_name(lexicon_name(lexicon));
        if disk::read(&place, lexicon::MAX_BYTES).is_ok_and(|found| found == *lexicon) {
            return Ok(());
        }
        if let Some(folder) = place.parent() {
            disk::create_folder(folder)?;
        }
        disk::write(&place, lexicon)
    }
}

impl Names {
    fn files(&self) -> KnowledgeFiles {
        let FileEntry { sha256, bytes } = FileEntry::of(&self.lexicon);
        let file = lexicon_name(&self.lexicon);
        KnowledgeFiles {
            kernel: KERNEL.to_owned(),
            completer: self.completer.as_ref().map(DraftCompleter::describe),
            lexicon: NamedFile { file, sha256, bytes },
        }
    }
}

/// Two lexicons can lie in one folder.
fn lexicon_name(bytes: &[u8]) -> String {
    format!("lexicon-{:.8}.bin", FileEntry::of(bytes).sha256)
}

/// The completers and the lexicon, if there is one, after all were seen to fit.
fn names(run: &Run, recipe: &Recipe, space_id: &str) -> Result<Option<Names>, WriteError> {
    let Some(lexicon) = &recipe.lexicon else { return Ok(None) };
    let kernel = run.kernel.as_ref().ok_or(WriteError::NoKernel)?;
    let (of_space, completer) = NameRegressor::parse(kernel)?;
    let dimension = Lexicon::parse(lexicon)?.header().dimension;
    let fits = |what, expected: String, got: String| match expected == got {
        true => Ok(()),
        false => Err(WriteError::Misfit { what, expected, got }),
    };
    fits("the kernel completer's space", space_id.to_owned(), of_space)?;
    let word = completer.dimension().to_string();
    fits("the length of the lexicon's word vectors", word, dimension.to_string())?;
    let learned = run.completer.as_ref();
    if let Some(learned) = learned {
        let (frame, word) = (space_id.to_owned(), learned.learned.network().word.to_string());
        fits("the learned completer's space", frame, learned.space_id.clone())?;
        fits("the length of the lexicon's word vectors", word, dimension.to_string())?;
    }
    let metadata = metadata(run, recipe, space_id);
    let draft =
        |run: &Completer| DraftCompleter::new(&run.learned, recipe.storage, space_id, &metadata);
    let completer = learned.map(draft).transpose()?;
    Ok(Some(Names { kernel: kernel.clone(), completer, lexicon: lexicon.clone() }))
}

/// What the ONNX file says about itself, for whoever finds it without its bundle.
fn metadata(run: &Run, recipe: &Recipe, space_id: &str) -> BTreeMap<String, String> {
    let preprocess = serde_json::to_string(&run.checkpoint.preprocess)
        .expect("invariant: a recipe is plain data");
    BTreeMap::from([
        ("handful.bundle".to_owned(), recipe.name.clone()),
        ("handful.preprocess".to_owned(), preprocess),
        ("handful.producer".to_owned(), CREATED_BY.to_owned()),
        ("handful.space_id".to_owned(), space_id.to_owned()),
    ])
}

/// The self-test with the reference's answer, computed from the weights as stored; `tolerance` is a share of its largest
/// value.
pub(crate) fn answer(
    graph: &Graph,
    tensors: &Tensors,
    tolerance: f32,
) -> Result<SelfTest, ReferenceError> {
    let input = &graph.inputs[0];
    let noise = self_test::input(SELF_TEST_SEED, input.shape[1]).into_dyn();
    let outputs = reference::run(graph, tensors, &[(&input.name, noise.view())])?;
    let embedding: Vec<f32> = outputs[0].iter().copied().collect();
    let largest = embedding.iter().fold(0.0f32, |max, v| max.max(v.abs()));
    Ok(SelfTest { seed: SELF_TEST_SEED, embedding, max_abs_difference: tolerance * largest })
}

fn describe(
    run: &Run,
    recipe: &Recipe,
    graph: &Graph,
    self_test: SelfTest,
) -> Result<Manifest, GraphError> {
    let checkpoint = &run.checkpoint;
    Ok(Manifest {
        format: FORMAT,
        name: recipe.name.clone(),
        space_id: String::new(),
        created_by: CREATED_BY.to_owned(),
        backbone: Network {
            file: BACKBONE.to_owned(),
            input: graph.inputs[0].name.clone(),
            output: graph.outputs[0].clone(),
            architecture: checkpoint.architecture.clone(),
            embedding_size: checkpoint.architecture.embedding_size(),
            flops: graph.flops()?,
            opset: onnx::OPSET,
            ir_version: onnx::IR_VERSION,
            precision: Precision::Fp32,
            weights: recipe.storage,
            max_batch: recipe.max_batch,
            variants: Vec::new(),
        },
        preprocess: checkpoint.preprocess.clone(),
        knowledge: None,
        files: BTreeMap::new(),
        accuracy: recipe.accuracy.clone(),
        verification: Vec::new(),
        self_test,
        provenance: checkpoint.provenance.clone(),
        licenses: Licenses {
            weights: recipe.weights_license.clone(),
            data: checkpoint.provenance.data_license.clone(),
        },
    })
}
