//! A bundle in memory: the manifest and every file.

use std::collections::BTreeMap;

use edge::engine::EngineOptions;
use few_shot::decision::DecisionModel;
use models::bundle::{
    FORMAT, FileEntry, Licenses, Manifest, Network, Precision, SelfTest, WeightStorage, manifest,
};
use models::checkpoint::Provenance;
use models::graph::{Graph, GraphError};
use models::tensors::Tensors;

use super::completer::DraftCompleter;
use super::knowledge::{DraftKnowledge, expect_space};
use super::recipe::{CREATED_BY, Recipe, metadata};
use super::variant::{self, DraftVariant, Source};
use crate::error::ExportError;
use crate::fold::fold;
use crate::onnx::{self, Storage};
use crate::precision::fp16::{NarrowError, narrow};
use crate::run::{DECISION, MAX_GOLDEN_SAMPLES, Run};
use crate::self_test;
use crate::verify::{Subject, Tolerance};

/// The license of weights that are made with this project, unless another is given.
const OWN_LICENSE: &str = "MIT OR Apache-2.0";

/// The network's file in a bundle.
pub const BACKBONE: &str = "backbone.onnx";

/// A bundle that is not yet verified.
#[derive(Debug, Clone)]
pub struct BundleDraft {
    /// The manifest, without verification figures.
    pub manifest: Manifest,
    /// The network as shipped, batch normalizations folded.
    pub graph: Graph,
    /// Its tensors, with the values that are stored.
    pub tensors: Tensors,
    /// The network and its tensors as ONNX.
    pub onnx: Vec<u8>,
    /// The same network in other arithmetic.
    pub variants: Vec<DraftVariant>,
    /// The name knowledge, if the bundle has any.
    pub knowledge: Option<DraftKnowledge>,
    /// The bytes of the decision, if the bundle has one.
    pub decision: Option<Vec<u8>>,
}

impl BundleDraft {
    /// Folds the network, rounds its weights and writes it in memory.
    ///
    /// # Errors
    /// [`ExportError`] if the run or the recipe cannot be used.
    pub fn new(run: &Run, recipe: &Recipe, options: &EngineOptions) -> Result<Self, ExportError> {
        // The cheapest check first: a wrong name need not wait for the self-tests.
        manifest::check_name(&recipe.name)?;
        let checkpoint = &run.checkpoint;
        let space_id = checkpoint.space_id()?;
        let metadata = metadata(&recipe.name, &checkpoint.preprocess, &space_id);
        let (graph, trained) = fold(&checkpoint.architecture.graph(), &checkpoint.backbone()?)?;
        // Variants start from the trained weights: rounding them twice would cost accuracy.
        let source = Source { graph: &graph, tensors: &trained, metadata: &metadata };
        let variants = variant::all(source, recipe, &run.golden, options)?;
        let tensors = stored(trained, recipe.storage)?;
        let onnx = onnx::write(&graph, &tensors, Storage::Floats(recipe.storage), &metadata)?;
        let self_test = self_test::compute(&graph, &tensors, self_test::FP32_TOLERANCE)?;
        let knowledge = DraftKnowledge::new(run, recipe, &space_id, &metadata)?;
        let decision = run.decision.clone();
        if let Some(decision) = &decision {
            let (got, _) = DecisionModel::parse(decision)?;
            expect_space("the decision's space", &space_id, &got)?;
        }
        let mut manifest = describe(run, recipe, space_id, &graph, self_test)?;
        manifest.backbone.variants = variants.iter().map(DraftVariant::describe).collect();
        manifest.knowledge = knowledge.as_ref().map(DraftKnowledge::describe);
        manifest.decision = decision.as_ref().map(|_| DECISION.to_owned());
        let mut draft = Self { manifest, graph, tensors, onnx, variants, knowledge, decision };
        // The hashes of all files, which exist only now.
        draft.manifest.files = draft.file_entries();
        Ok(draft)
    }

    /// The input of [`verify`](crate::verify::verify).
    pub fn subject<'a>(&'a self, run: &'a Run) -> Subject<'a> {
        Subject {
            graph: &self.graph,
            tensors: &self.tensors,
            onnx: &self.onnx,
            precision: Precision::Fp32,
            tolerance: Tolerance::of(self.manifest.backbone.weights),
            golden: &run.golden,
            self_test: Some(&self.manifest.self_test),
            max_batch: MAX_GOLDEN_SAMPLES,
        }
    }

    /// The bundle's files except the manifest, by name.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::from([(BACKBONE.to_owned(), self.onnx.clone())]);
        files.extend(self.variants.iter().map(DraftVariant::file));
        files.extend(self.knowledge.iter().flat_map(DraftKnowledge::files));
        files.extend(self.decision.iter().map(|bytes| (DECISION.to_owned(), bytes.clone())));
        files
    }

    fn file_entries(&self) -> BTreeMap<String, FileEntry> {
        self.files().into_iter().map(|(name, bytes)| (name, FileEntry::of(&bytes))).collect()
    }

    /// The ProtoComNet completer, if the bundle has one.
    pub fn completer(&self) -> Option<&DraftCompleter> {
        self.knowledge.as_ref()?.completer.as_ref()
    }
}

/// The values that a file with this storage holds.
fn stored(tensors: Tensors, storage: WeightStorage) -> Result<Tensors, NarrowError> {
    match storage {
        WeightStorage::Fp32 => Ok(tensors),
        _ => narrow(&tensors),
    }
}

/// The manifest, without variants, name knowledge, files and verification figures.
fn describe(
    run: &Run,
    recipe: &Recipe,
    space_id: String,
    graph: &Graph,
    self_test: SelfTest,
) -> Result<Manifest, GraphError> {
    let checkpoint = &run.checkpoint;
    Ok(Manifest {
        format: FORMAT.number,
        layout: FORMAT.layout(),
        name: recipe.name.clone(),
        space_id,
        created_by: CREATED_BY.to_owned(),
        backbone: describe_backbone(run, recipe, graph)?,
        preprocess: checkpoint.preprocess.clone(),
        knowledge: None,
        decision: None,
        files: BTreeMap::new(),
        accuracy: recipe.accuracy.clone(),
        verification: Vec::new(),
        self_test,
        provenance: checkpoint.provenance.clone(),
        licenses: Licenses {
            weights: weights_license(recipe, &checkpoint.provenance),
            data: checkpoint.provenance.data_license.clone(),
        },
    })
}

/// The license that was given, else that of weights from elsewhere, else that of this project.
fn weights_license(recipe: &Recipe, provenance: &Provenance) -> String {
    let stated = recipe.weights_license.as_ref().or(provenance.license.as_ref());
    stated.map_or_else(|| OWN_LICENSE.to_owned(), Clone::clone)
}

fn describe_backbone(run: &Run, recipe: &Recipe, graph: &Graph) -> Result<Network, GraphError> {
    let architecture = &run.checkpoint.architecture;
    Ok(Network {
        file: BACKBONE.to_owned(),
        input: graph.inputs[0].name.clone(),
        output: graph.outputs[0].clone(),
        architecture: Some(architecture.clone()),
        embedding_size: architecture.embedding_size(),
        flops: graph.flops()?,
        opset: onnx::OPSET,
        ir_version: onnx::IR_VERSION,
        // fp16 storage is widened at load: the arithmetic of this file is always fp32.
        precision: Precision::Fp32,
        weights: recipe.storage,
        max_batch: recipe.max_batch,
        variants: Vec::new(),
    })
}
