//! How much each attribute of a class counts for its prototype: the bundle's ProtoComNet, on the
//! device.

use few_shot::protocomnet::{Attributes, Described, ProtoComNetError};
use models::bundle::{Bundle, CompleterFiles, Precision};
use models::graph::{GraphError, ProtoComNet, Shape};
use models::knowledge::wordnet::SynsetId;
use ndarray::{Array1, ArrayView1, Axis};

use crate::engine::{Engine, EngineChoice, EngineError, EngineOptions, Model, SelectError, select};

/// Prototypes in one run.
const MAX_BATCH: usize = 1;

/// A ProtoComNet on an engine, with the attributes that it reads.
pub struct Attention {
    engine: Box<dyn Engine>,
    network: ProtoComNet,
    attributes: Attributes,
}

/// Why a bundle's ProtoComNet cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttentionError {
    /// The table of attributes.
    #[error("the bundle's table of attributes cannot be used: {0}")]
    Attributes(#[from] ProtoComNetError),
    /// Table and network are sound, and do not belong together.
    #[error(
        "the bundle's table of attributes does not fit it: {what} is {got}, expected {expected}"
    )]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// The manifest's.
        expected: String,
        /// As found.
        got: String,
    },
    /// The network's sizes are impossible.
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
    /// Starts the bundle's ProtoComNet on the first engine of `choice` that runs it; `None` when
    /// the bundle has none.
    ///
    /// # Errors
    /// See [`AttentionError`]. The bundle can be used without it.
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
        let precision = Precision::Fp32;
        let model = Model { onnx, inputs: &inputs, max_batch: MAX_BATCH, precision };
        let engine = select(&model, choice, options)?.engine;
        Ok(Some(Self { engine, network: network.clone(), attributes: table }))
    }

    /// The weight of each of `attributes` for a raw prototype `[s]` of a class with this word
    /// vector `[d]`, without those that no base class had.
    ///
    /// # Errors
    /// What the engine reports, or sizes that do not fit.
    pub fn weights(
        &mut self,
        prototype: ArrayView1<'_, f32>,
        word: Array1<f32>,
        attributes: impl Iterator<Item = SynsetId>,
    ) -> Result<Vec<(SynsetId, f32)>, AttentionError> {
        let measured: Vec<_> = attributes.filter_map(|id| Some((id, self.row(id)?))).collect();
        if word.len() != self.network.word {
            return Ok(Vec::new());
        }
        let mut weighed = Vec::new();
        // An attribute's weight does not depend on the others, so that more than the network's
        // columns go part by part.
        for part in measured.chunks(self.network.attributes) {
            let rows = part.iter().map(|(_, row)| *row).collect();
            let class = Described { word: word.clone(), attributes: rows };
            let weights = self.run(prototype, class)?;
            weighed.extend(part.iter().map(|(id, _)| *id).zip(weights));
        }
        weighed.retain(|(_, weight)| weight.is_finite());
        Ok(weighed)
    }

    /// The row of an attribute in the table; `None` if no base class had the attribute.
    fn row(&self, attribute: SynsetId) -> Option<usize> {
        let name = attribute.to_string();
        self.attributes.names.iter().position(|known| *known == name)
    }

    /// The weights of a class's attributes, followed by those of the padding.
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
        let weights = outputs.into_iter().nth(1).filter(|weights| weights.shape() == [1, columns]);
        let weights = weights.ok_or_else(|| EngineError::Output {
            name: "weights".to_owned(),
            expected: format!("[1, {columns}] as the second output"),
            got: format!("{got:?}"),
        })?;
        Ok(weights.into_iter().collect())
    }
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
