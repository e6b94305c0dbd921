//! `manifest.json`: what a bundle is, what it needs, how good it is and where it comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::network::{Accuracy, Network, Precision, Verification};
use super::self_test::SelfTest;
use crate::checkpoint::Provenance;
use crate::fault::{Blame, Fault};
use crate::graph::{Architecture, ProtoComNet};
use crate::hex;
use crate::layout::{FileFormat, FormatError};
use crate::preprocess::{Preprocess, PreprocessError};

/// The format that is written, and the only one that is read.
pub const FORMAT: FileFormat = FileFormat { kind: None, number: 1, schema: SCHEMA };

// A `?` at the first `architecture` would be another layout. It may be missing since networks of
// other programs are wrapped; readers from before refuse a manifest without it.
const SCHEMA: &str = "\
    format u32, layout text, name text, space_id sha256, created_by text
    backbone { file text, input text, output text, architecture, embedding_size u32, flops u64,
        opset u32, ir_version u32, precision text, weights text, max_batch u32,
        variants? { file text, precision text, engines text[], verification, self_test }[] }
    architecture { arch text, widths? u32[], input_size? u32, members? architecture[],
        +last_activation? bool }
    preprocess { size u32, geometry text, filter text, mean f32[3], std f32[3], hflip? bool, center_zoom? f32,
        +crop_share? f32, +bgr? bool }
    knowledge? { kernel text, completer? { file text, attributes text, network, verification },
        lexicon { file text, sha256, bytes u64 } }
    decision? text
    network { embedding u32, word u32, attributes u32, hidden u32, self_weight text }
    files { <name> { sha256, bytes u64 } }
    accuracy { engine text, precision? text, report }[]
    verification { engine text, max_abs_difference f64, min_cosine f64 }[]
    self_test { seed u64, embedding f32[s], max_abs_difference f32 }
    provenance { tool text, data text, data_license text, epochs f64, images_seen u64, notes text,
        +license? text }
    licenses { weights text, data text }";

/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";

/// The largest image side that a manifest may ask for: bounds what a hostile one can allocate.
pub const MAX_INPUT_SIZE: usize = 1024;

/// The largest embedding that a manifest may announce.
const MAX_EMBEDDING_SIZE: usize = 16_384;

/// The most values that the attributes of one class may have as a completer's input: bounds what a
/// hostile manifest can allocate (64 MiB).
const MAX_COMPLETER_INPUT: usize = 16 << 20;

/// The most characters of a bundle's or a file's name.
const MAX_NAME: usize = 64;

/// The most images of one run that a manifest may allow.
pub const LARGEST_BATCH: usize = 4096;

/// Everything about a bundle but the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The number of [`FORMAT`].
    pub format: u32,
    /// The [layout](crate::layout) of [`FORMAT`].
    pub layout: String,
    /// The bundle's name: lower-case letters, digits, `-`, `_` and `.`, at most 64.
    pub name: String,
    /// The embedding space, 64 hexadecimal digits: embeddings with the same one can be compared.
    pub space_id: String,
    /// The program that wrote the bundle, with its version.
    pub created_by: String,
    /// The network from image to embedding.
    pub backbone: Network,
    /// How an image becomes its input.
    pub preprocess: Preprocess,
    /// Name knowledge. Without it, classes are learned from images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<KnowledgeFiles>,
    /// What decides whether an image is known, one of `files`. Without it every image is
    /// accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Every other file of the bundle, by name.
    pub files: BTreeMap<String, FileEntry>,
    /// Measured accuracies with their protocols.
    pub accuracy: Vec<Accuracy>,
    /// How far each engine was from the training engine when the bundle was written. If the bundle
    /// takes images of another size than the run, the engines were compared with the reference
    /// interpreter (`provenance.notes` says so).
    pub verification: Vec<Verification>,
    /// An input with its expected embedding: a device checks its engine with it.
    pub self_test: SelfTest,
    /// Where the weights come from.
    pub provenance: Provenance,
    /// Under what terms they may be used.
    pub licenses: Licenses,
}

/// The files that turn a name into a prototype.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnowledgeFiles {
    /// The name regressor, one of `files`.
    pub kernel: String,
    /// The learned completer, whose attention weights explain answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completer: Option<CompleterFiles>,
    /// The lexicon: one file beside the bundles of a folder, which they share.
    pub lexicon: NamedFile,
}

/// ProtoComNet and the attributes that it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompleterFiles {
    /// The network's ONNX file, one of `files`.
    pub file: String,
    /// The table of attributes, one of `files`.
    pub attributes: String,
    /// The network's sizes.
    pub network: ProtoComNet,
    /// How far each engine was from the training engine when the bundle was written.
    pub verification: Vec<Verification>,
}

/// A file outside of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedFile {
    /// Its name.
    pub file: String,
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

impl FileEntry {
    /// Describes these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { sha256: hex::sha256(bytes), bytes: bytes.len() as u64 }
    }
}

/// Terms of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licenses {
    /// Of the weights.
    pub weights: String,
    /// Of the data they were trained on.
    pub data: String,
}

/// Why bytes, or values, are not a usable manifest.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not JSON, or other fields than expected.
    #[error("not a bundle's manifest: {0}")]
    Json(String),
    /// Another format number or another layout.
    #[error("the bundle cannot be read: {0}")]
    Format(#[from] FormatError),
    /// The preprocessing recipe cannot be carried out.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// A field holds what it may not.
    #[error("`{field}` is {got}, expected {expected}")]
    Field {
        /// The field's path.
        field: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        got: String,
    },
}

impl Fault for ManifestError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl ManifestError {
    fn field(field: &'static str, expected: impl fmt::Display, got: impl fmt::Debug) -> Self {
        Self::Field { field, expected: expected.to_string(), got: format!("{got:?}") }
    }
}

impl Manifest {
    /// Reads and checks a manifest's bytes: format number and layout first, then the fields.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        FORMAT.check(bytes)?;
        // Only now: a file of another layout is refused as such, not for an unknown field.
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|e| ManifestError::Json(e.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Identifies the bundle: the SHA-256 of [`Manifest::to_bytes`], which has those of all files.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::sha256(&self.to_bytes())
    }

    /// The file's bytes: indented JSON, fields in a fixed order.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Indented, because people read it.
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("invariant: a manifest has only string keys");
        bytes.push(b'\n');
        bytes
    }

    /// Checks every field that its type does not.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), ManifestError> {
        require(self.format == FORMAT.number, "format", FORMAT.number, self.format)?;
        require(self.layout == FORMAT.layout(), "layout", FORMAT.layout(), &self.layout)?;
        check_name(&self.name)?;
        require_digest("space_id", &self.space_id)?;
        for (name, entry) in &self.files {
            require(is_plain(name), "files", "plain file names (letters, digits, - _ .)", name)?;
            require_digest("files.sha256", &entry.sha256)?;
        }
        self.preprocess.check()?;
        self.check_backbone()?;
        self.check_knowledge()?;
        if let Some(decision) = &self.decision {
            self.require_file("decision", decision)?;
        }
        check_self_test(&self.self_test, self.backbone.embedding_size)
    }

    fn check_backbone(&self) -> Result<(), ManifestError> {
        let network = &self.backbone;
        self.require_file("backbone.file", &network.file)?;
        match &network.architecture {
            Some(architecture) => self.check_architecture(architecture)?,
            None => self.check_wrapped()?,
        }
        let batch = network.max_batch;
        require((1..=LARGEST_BATCH).contains(&batch), "backbone.max_batch", "1 to 4096", batch)?;
        self.check_variants()
    }

    /// The sizes of a network that only its ONNX file describes.
    fn check_wrapped(&self) -> Result<(), ManifestError> {
        let size = self.preprocess.size;
        require((1..=MAX_INPUT_SIZE).contains(&size), "preprocess.size", "1 to 1024", size)?;
        let embedding = self.backbone.embedding_size;
        let fits = is_embedding_size(&embedding);
        require(fits, "backbone.embedding_size", "1 to 16384", embedding)
    }

    fn check_architecture(&self, architecture: &Architecture) -> Result<(), ManifestError> {
        let widths = architecture.widths();
        let field = "backbone.architecture.widths";
        require(widths.iter().all(is_embedding_size), field, "1 to 16384 each", &widths)?;
        // After the widths: the embedding size of an ensemble is a sum, which now cannot overflow.
        let embedding = architecture.embedding_size();
        let size = architecture.input_size();
        let field = "backbone.architecture.input_size";
        require((1..=MAX_INPUT_SIZE).contains(&size), field, "1 to 1024", size)?;
        require(self.preprocess.size == size, "preprocess.size", size, self.preprocess.size)?;
        let field = "backbone.architecture";
        require(is_embedding_size(&embedding), field, "an embedding of 1 to 16384", embedding)?;
        let got = self.backbone.embedding_size;
        require(got == embedding, "backbone.embedding_size", embedding, got)
    }

    fn check_variants(&self) -> Result<(), ManifestError> {
        let Network { precision, variants, embedding_size, .. } = &self.backbone;
        let precisions: Vec<Precision> = variants.iter().map(|v| v.precision).collect();
        // A file is chosen by its precision: with two of one precision it would be any of them.
        let each_once = Precision::ALL.iter().all(|one| {
            let named = precisions.iter().chain([precision]).filter(|other| *other == one);
            named.count() <= 1
        });
        require(each_once, "backbone.variants.precision", "each precision once", &precisions)?;
        for variant in variants {
            self.require_file("backbone.variants.file", &variant.file)?;
            check_self_test(&variant.self_test, *embedding_size)?;
        }
        Ok(())
    }

    fn check_knowledge(&self) -> Result<(), ManifestError> {
        let Some(KnowledgeFiles { kernel, completer, lexicon }) = &self.knowledge else {
            return Ok(());
        };
        self.require_file("knowledge.kernel", kernel)?;
        if let Some(completer) = completer {
            self.check_completer(completer)?;
        }
        // The lexicon lies beside the bundle, so it is not one of `files`.
        let name = &lexicon.file;
        require(is_plain(name), "knowledge.lexicon.file", "a plain file name", name)?;
        require_digest("knowledge.lexicon.sha256", &lexicon.sha256)
    }

    fn check_completer(&self, completer: &CompleterFiles) -> Result<(), ManifestError> {
        self.require_file("knowledge.completer.file", &completer.file)?;
        self.require_file("knowledge.completer.attributes", &completer.attributes)?;
        let network = &completer.network;
        let sizes = [network.embedding, network.word, network.attributes, network.hidden];
        let fits = network.embedding == self.backbone.embedding_size
            && sizes.iter().all(is_embedding_size);
        let field = "knowledge.completer.network";
        require(fits, field, "sizes of 1 to 16384, and the backbone's embedding", sizes)?;
        // The factors are at most 16384 and 32768: the product does not overflow.
        let input = network.attributes * (network.embedding + network.word);
        let most = "16777216 values of attributes at most";
        require(input <= MAX_COMPLETER_INPUT, field, most, input)
    }

    fn require_file(&self, field: &'static str, name: &str) -> Result<(), ManifestError> {
        require(self.files.contains_key(name), field, "one of `files`", name)
    }

    /// Checks that `files` are exactly those that the manifest describes.
    pub fn check_files(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), ManifestError> {
        let got: BTreeMap<_, _> =
            files.iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect();
        if got == self.files {
            return Ok(());
        }
        Err(ManifestError::field("files", format!("{:?}", self.files), got))
    }
}

/// Checks a bundle's name: it becomes a folder's name and part of answers.
pub fn check_name(name: &str) -> Result<(), ManifestError> {
    let fits = (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'));
    require(fits, "name", "1 to 64 of a-z 0-9 - _ . and no dot first", name)
}

/// The files that a manifest of any format names; `None` when it is no manifest.
///
/// An older bundle cannot be opened, but [`super::write()`] may replace it.
pub(super) fn named_files(text: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct FileNames {
        #[serde(rename = "format")]
        _format: u32,
        files: BTreeMap<String, serde_json::Value>,
    }
    let names: FileNames = serde_json::from_slice(text).ok()?;
    Some(names.files.into_keys().collect())
}

fn require(
    holds: bool,
    field: &'static str,
    expected: impl fmt::Display,
    got: impl fmt::Debug,
) -> Result<(), ManifestError> {
    if holds { Ok(()) } else { Err(ManifestError::field(field, expected, got)) }
}

fn require_digest(field: &'static str, text: &str) -> Result<(), ManifestError> {
    require(is_digest(text), field, "64 lower-case hexadecimal digits", text)
}

/// Checks a self-test of the backbone, whose embedding has `size` values.
fn check_self_test(test: &SelfTest, size: usize) -> Result<(), ManifestError> {
    let got = test.embedding.len();
    require(got == size, "self_test.embedding", format_args!("{size} values"), got)?;
    for value in &test.embedding {
        require(value.is_finite(), "self_test.embedding", "finite values", value)?;
    }
    // With 0 no engine would pass, with infinity every one would.
    let allowed = test.max_abs_difference;
    let fits = allowed.is_finite() && allowed > 0.0;
    require(fits, "self_test.max_abs_difference", "a positive number", allowed)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "iterators ask by reference")]
fn is_embedding_size(size: &usize) -> bool {
    (1..=MAX_EMBEDDING_SIZE).contains(size)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a file with this name stays in the folder, is not hidden, and is not special to a shell.
fn is_plain(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && name != MANIFEST
}
