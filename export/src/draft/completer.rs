//! The ProtoComNet of a bundle: its network as ONNX, and the table of attributes that it reads.

use std::collections::BTreeMap;

use few_shot::protocomnet::{Attributes, ProtoComNetCompleter};
use models::bundle::{CompleterFiles, Precision, WeightStorage};
use models::graph::{Graph, ProtoComNet};
use models::tensors::Tensors;

use crate::error::ExportError;
use crate::onnx::{self, Storage};
use crate::precision::fp16::narrow;
use crate::run::{Completer, MAX_GOLDEN_SAMPLES};
use crate::verify::{Subject, Tolerance};

/// The network's file in a bundle.
pub const NETWORK: &str = "completer.onnx";

/// The file of attributes in a bundle.
pub const ATTRIBUTES: &str = "attributes.safetensors";

/// A ProtoComNet that is not yet verified.
#[derive(Debug, Clone)]
pub struct DraftCompleter {
    sizes: ProtoComNet,
    graph: Graph,
    tensors: Tensors,
    onnx: Vec<u8>,
    attributes: Vec<u8>,
}

impl DraftCompleter {
    /// Writes the network in memory; `metadata` go into the ONNX file.
    ///
    /// Weights are stored as `storage` says only if that is exact, otherwise as fp32: training
    /// rounds them to fp16 before it records golden outputs, so that export need not round.
    ///
    /// # Errors
    /// [`ExportError`] if the network cannot be written.
    pub fn new(
        completer: &ProtoComNetCompleter,
        storage: WeightStorage,
        space_id: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self, ExportError> {
        let graph = completer.network().graph();
        let tensors = completer.parameters().clone();
        let is_exact = narrow(&tensors).is_ok_and(|narrowed| narrowed == tensors);
        let storage = if is_exact { storage } else { WeightStorage::Fp32 };
        let onnx = onnx::write(&graph, &tensors, Storage::Floats(storage), metadata)?;
        let attributes = Attributes::to_bytes(completer.attributes(), space_id)?;
        Ok(Self { sizes: completer.network().clone(), graph, tensors, onnx, attributes })
    }

    /// The input of [`verify`](crate::verify::verify).
    pub fn subject<'a>(&'a self, run: &'a Completer) -> Subject<'a> {
        Subject {
            graph: &self.graph,
            tensors: &self.tensors,
            onnx: &self.onnx,
            precision: Precision::Fp32,
            // The stored weights are the trained ones, whatever their storage.
            tolerance: Tolerance::of(WeightStorage::Fp32),
            golden: &run.golden,
            self_test: None,
            max_batch: MAX_GOLDEN_SAMPLES,
        }
    }

    /// Its files, by name.
    pub fn files(&self) -> [(String, Vec<u8>); 2] {
        [(NETWORK.to_owned(), self.onnx.clone()), (ATTRIBUTES.to_owned(), self.attributes.clone())]
    }

    /// The manifest's entry, without verification figures.
    pub(super) fn describe(&self) -> CompleterFiles {
        CompleterFiles {
            file: NETWORK.to_owned(),
            attributes: ATTRIBUTES.to_owned(),
            network: self.sizes.clone(),
            verification: Vec::new(),
        }
    }
}
