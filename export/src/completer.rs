//! ProtoComNet in a bundle: its network as ONNX, and the table of attributes that it reads.

use std::collections::BTreeMap;

use few_shot::protocomnet::{Attributes, ProtoComNetCompleter};
use models::bundle::{CompleterFiles, Precision, WeightStorage};
use models::graph::{Graph, ProtoComNet};
use models::tensors::Tensors;

use crate::bundle_writer::WriteError;
use crate::onnx::{self, Storage};
use crate::precision::fp16::narrow;
use crate::run::Completer;
use crate::verify::{Subject, Tolerance};

/// The network's file in a bundle.
pub const NETWORK: &str = "completer.onnx";

/// The attributes' file in a bundle.
pub const ATTRIBUTES: &str = "attributes.safetensors";

/// A ProtoComNet that is not yet proved.
#[derive(Debug, Clone)]
pub struct DraftCompleter {
    sizes: ProtoComNet,
    graph: Graph,
    tensors: Tensors,
    onnx: Vec<u8>,
    attributes: Vec<u8>,
}

impl DraftCompleter {
    /// Writes the network in memory; `metadata` goes into the ONNX file. Its weights are stored as the backbone's are,
    /// but never rounded: training has done that before it proved them, and one that was not is stored in 32 bits.
    ///
    /// # Errors
    /// [`WriteError`] when it cannot be written.
    pub fn new(
        learned: &ProtoComNetCompleter,
        storage: WeightStorage,
        space_id: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self, WriteError> {
        let (graph, tensors) = (learned.network().graph(), learned.parameters().clone());
        let is_exact = narrow(&tensors).is_ok_and(|narrowed| narrowed == tensors);
        let storage = if is_exact { storage } else { WeightStorage::Fp32 };
        let onnx = onnx::write(&graph, &tensors, Storage::Floats(storage), metadata)?;
        let attributes = Attributes::to_bytes(learned.attributes(), space_id)?;
        Ok(Self { sizes: learned.network().clone(), graph, tensors, onnx, attributes })
    }

    /// What [`verify`](crate::verify::verify) needs.
    pub fn subject<'a>(&'a self, run: &'a Completer) -> Subject<'a> {
        Subject {
            graph: &self.graph,
            tensors: &self.tensors,
            onnx: &self.onnx,
            precision: Precision::Fp32,
            tolerance: Tolerance::of(WeightStorage::Fp32),
            golden: &run.golden,
            self_test: None,
        }
    }

    /// Its files.
    pub fn files(&self) -> [(String, Vec<u8>); 2] {
        let file = |name: &str, bytes: &Vec<u8>| (name.to_owned(), bytes.clone());
        [file(NETWORK, &self.onnx), file(ATTRIBUTES, &self.attributes)]
    }

    /// What a manifest says of it, without verification figures.
    pub fn describe(&self) -> CompleterFiles {
        CompleterFiles {
            file: NETWORK.to_owned(),
            attributes: ATTRIBUTES.to_owned(),
            network: self.sizes.clone(),
            verification: Vec::new(),
        }
    }
}
