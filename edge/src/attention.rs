//! The weight of each attribute in the prototype of a class, computed by the ProtoComNet of a
//! bundle (Zhang et al. 2021). Explanations show these weights; they do not change the answer.
//!
//! # Examples
//! ```
//! use edge::attention::Attention;
//! use edge::engine::{EngineChoice, EngineOptions, Provider};
//! use edge::lexicon::NameKnowledge;
//! use models::bundle::{Bundle, BundleLimits};
//!
//! let folder = "tests/fixtures/knowing/knowing-bundle";
//! let bundle = Bundle::open(folder.as_ref(), &BundleLimits::default())?;
//! let tract = EngineChoice::Only(Provider::Tract);
//! let attention = Attention::open(&bundle, tract, &EngineOptions::default())?;
//! let mut attention = attention.expect("the bundle has a ProtoComNet");
//! let names = NameKnowledge::open(&bundle)?.expect("the bundle has a lexicon");
//!
//! let zebra = names.read("zebra").expect("a noun of the lexicon");
//! let prototype = names.semantic(&[Some(zebra)]);
//! let word = names.word(zebra.synset).expect("a noun with a word vector");
//! let attributes = names.attributes(zebra.synset);
//! let weights = attention.weights(prototype.row(0), word, attributes.into_iter())?;
//! assert!(weights.iter().all(|(_, weight)| weight.is_finite()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::iter::once;

use few_shot::protocomnet::{Attributes, Described, ProtoComNetError};
use models::bundle::{Bundle, CompleterFiles, Precision};
use models::graph::{GraphError, ProtoComNet, Shape};
use models::knowledge::wordnet::SynsetId;
use ndarray::{Array1, ArrayView1, ArrayViewD, Axis};

use crate::engine::{
    Engine, EngineChoice, EngineError, EngineOptions, Model, Provider, SelectError, select,
};

/// The prototypes in one run: an explanation is of one class.
const MAX_BATCH: usize = 1;

/// A ProtoComNet on an engine, with the table of attributes that it reads.
pub struct Attention {
    engine: Box<dyn Engine>,
    network: ProtoComNet,
    attributes: Attributes,
}

/// Why a bundle's ProtoComNet cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttentionError {
    /// The table of attributes cannot be read.
    #[error("the bundle's table of attributes cannot be used: {0}")]
    Attributes(#[from] ProtoComNetError),
    /// The table of attributes can be read, but it belongs to another bundle.
    #[error(
        "the bundle's table of attributes does not fit it: {what} is {got}, expected {expected}"
    )]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// The value of the manifest.
        expected: String,
        /// The value of the table.
        got: String,
    },
    /// The sizes of the network are impossible.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// No engine runs the network.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The engine failed.
    #[error("the engine failed: {0}")]
    Engine(#[from] EngineError),
}

impl std::fmt::Debug for Attention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { network, .. } = self;
        f.debug_struct("Attention").field("network", network).finish_non_exhaustive()
    }
}

impl Attention {
    /// Starts the ProtoComNet of a bundle on the first engine of `choice` that runs it; `None` if
    /// the bundle has none.
    ///
    /// # Errors
    /// [`AttentionError`]. The rest of the bundle can be used without the ProtoComNet.
    pub fn open(
        bundle: &Bundle,
        choice: EngineChoice,
        options: &EngineOptions,
    ) -> Result<Option<Self>, AttentionError> {
        let files = bundle.manifest.knowledge.as_ref().and_then(|files| files.completer.as_ref());
        let Some(CompleterFiles { file, attributes, network, .. }) = files else { return Ok(None) };
        let (space_id, table) = Attributes::parse(bundle.file(attributes).unwrap_or_default())?;
        check("its space", &bundle.manifest.space_id, &space_id)?;
        check("an attribute's embedding", network.embedding, table.mean.ncols())?;
        check("an attribute's word vector", network.word, table.word.ncols())?;
        let inputs: Vec<(String, Shape)> =
            network.graph().inputs.into_iter().map(|input| (input.name, input.shape)).collect();
        let onnx = bundle.file(file).unwrap_or_default();
        // Only backbones have variants in another arithmetic.
        let precision = Precision::Fp32;
        let model = Model { onnx, inputs: &inputs, max_batch: MAX_BATCH, precision };
        let engine = select(&model, choice, options)?.engine;
        Ok(Some(Self { engine, network: network.clone(), attributes: table }))
    }

    /// The sizes of the network; its [graph](ProtoComNet::graph) has the names and shapes of inputs
    /// and outputs.
    #[must_use]
    pub fn network(&self) -> &ProtoComNet {
        &self.network
    }

    /// The engine that runs the network.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.engine.provider()
    }

    /// Runs the network on the inputs of one class, each row after row, in the order of the
    /// [graph](ProtoComNet::graph). The outputs are in its order as well, and finite.
    ///
    /// # Errors
    /// [`AttentionError::Engine`] for inputs of another number or length, if the engine fails, and
    /// if an output is not finite.
    pub fn infer(&mut self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, AttentionError> {
        let graph = self.network.graph();
        let mut views = Vec::with_capacity(inputs.len());
        for (input, values) in graph.inputs.iter().zip(inputs) {
            // A batch of one.
            let shape: Vec<usize> = once(1).chain(input.shape.iter().copied()).collect();
            let view = ArrayViewD::from_shape(shape, values);
            let view = view.map_err(|_| wrong_length(&input.name, &input.shape, values.len()))?;
            views.push((input.name.as_str(), view));
        }
        let outputs = self.engine.run(&views)?;
        let outputs = outputs.into_iter().map(|output| output.into_iter().collect());
        let outputs: Vec<Vec<f32>> = outputs.collect();
        check_finite(&graph.outputs, &outputs)?;
        Ok(outputs)
    }

    /// The weights of `attributes` for a class with the raw prototype `[s]` and the word vector
    /// `[d]`. Attributes that no base class had are left out: nothing is known of how they look.
    ///
    /// # Errors
    /// [`AttentionError::Engine`] if the engine fails.
    pub fn weights(
        &mut self,
        prototype: ArrayView1<'_, f32>,
        word: Array1<f32>,
        attributes: impl Iterator<Item = SynsetId>,
    ) -> Result<Vec<(SynsetId, f32)>, AttentionError> {
        let measured: Vec<_> = attributes.filter_map(|id| Some((id, self.row(id)?))).collect();
        // The table fits the network, but the word comes from the lexicon, another file.
        if word.len() != self.network.word {
            return Ok(Vec::new());
        }
        let mut weighed = Vec::new();
        // The weight of an attribute does not depend on the others, so a class
        // with more attributes than the network has columns takes several runs.
        for part in measured.chunks(self.network.attributes) {
            let rows = part.iter().map(|(_, row)| *row).collect();
            let class = Described { word: word.clone(), attributes: rows };
            let weights = self.run(prototype, class)?;
            weighed.extend(part.iter().map(|(id, _)| *id).zip(weights));
        }
        // Explanations become JSON, which has no number for infinity or NaN.
        weighed.retain(|(_, weight)| weight.is_finite());
        Ok(weighed)
    }

    /// The row of an attribute in the table; `None` if no base class had the attribute.
    fn row(&self, attribute: SynsetId) -> Option<usize> {
        let name = attribute.to_string();
        self.attributes.names.iter().position(|known| *known == name)
    }

    /// The weights of the attributes of a class, followed by those of the padding.
    fn run(
        &mut self,
        prototype: ArrayView1<'_, f32>,
        class: Described,
    ) -> Result<Vec<f32>, AttentionError> {
        let columns = self.network.attributes;
        let inputs = self.attributes.inputs(columns, prototype.insert_axis(Axis(0)), &[class]);
        let inputs: Vec<_> =
            inputs.iter().map(|(name, value)| (name.as_str(), value.view())).collect();
        let outputs = self.engine.run(&inputs)?;
        let got: Vec<_> = outputs.iter().map(|output| output.shape().to_vec()).collect();
        // The first output is the completed prototype.
        let weights = outputs.into_iter().nth(1).filter(|weights| weights.shape() == [1, columns]);
        let weights = weights.ok_or_else(|| EngineError::Output {
            name: "weights".to_owned(),
            expected: format!("[1, {columns}] as the second output"),
            got: format!("{got:?}"),
        })?;
        Ok(weights.into_iter().collect())
    }
}

fn wrong_length(name: &str, shape: &[usize], got: usize) -> EngineError {
    EngineError::Inputs {
        expected: format!("{name} {shape:?}"),
        got: format!("{name} of {got} values"),
    }
}

/// Refuses outputs with infinity or NaN: no reader of them expects either.
fn check_finite(names: &[String], outputs: &[Vec<f32>]) -> Result<(), EngineError> {
    let mut named = names.iter().zip(outputs);
    let wrong = named.find(|(_, values)| values.iter().any(|value| !value.is_finite()));
    let Some((name, _)) = wrong else { return Ok(()) };
    Err(EngineError::Output {
        name: name.clone(),
        expected: "finite values".to_owned(),
        got: "a value that is not finite".to_owned(),
    })
}

/// Refuses a table of attributes that belongs to another bundle.
fn check<T: PartialEq + ToString>(
    what: &'static str,
    expected: T,
    got: T,
) -> Result<(), AttentionError> {
    if got == expected {
        return Ok(());
    }
    Err(AttentionError::Mismatch { what, expected: expected.to_string(), got: got.to_string() })
}
