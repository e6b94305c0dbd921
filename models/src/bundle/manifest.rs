//! `manifest.json`: what a bundle is, what it needs, how good it is and where it comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::self_test::SelfTest;
use crate::checkpoint::Provenance;
use crate::fault::{Blame, Fault};
use crate::graph::{Architecture, ProtoComNet};
use crate::hex;
use crate::layout::{FileFormat, FormatError};
use crate::preprocess::{Preprocess, PreprocessError};

/// The format that is written, and the only one that is read.
pub const FORMAT: FileFormat = FileFormat { kind: None, number: 1, schema: SCHEMA };

const SCHEMA: &str = "\
    format u32, layout text, name text, space_id sha256, created_by text
    backbone { file text, input text, output text, architecture, embedding_size u32, flops u64,
        opset u32, ir_version u32, precision text, weights text, max_batch u32,
        variants? { file text, precision text, engines text[], verification, self_test }[] }
    architecture { arch text, widths? u32[], input_size? u32, members? architecture[] }
    preprocess { size u32, geometry text, filter text, mean f32[3], std f32[3], hflip? bool, center_zoom? f32 }
    knowledge? { kernel text, completer? { file text, attributes text, network, verification },
        lexicon { file text, sha256, bytes u64 } }
    network { embedding u32, word u32, attributes u32, hidden u32, self_weight text }
    files { <name> { sha256, bytes u64 } }
    accuracy { engine text, precision? text, report }[]
    verification { engine text, max_abs_difference f64, min_cosine f64 }[]
    self_test { seed u64, embedding f32[s], max_abs_difference f32 }
    provenance { tool text, data text, data_license text, epochs f64, images_seen u64, notes text }
    licenses { weights text, data text }";

/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";

/// The largest image side that a manifest may ask for: bounds what a hostile one can allocate.
pub const MAX_INPUT_SIZE: usize = 1024;

/// The largest embedding that a manifest may announce.
pub const MAX_EMBEDDING_SIZE: usize = 16_384;

/// The most values that the attributes of one class may have as a completer's input: bounds what a
/// hostile manifest can allocate (64 MiB).
const MAX_COMPLETER_INPUT: usize = 16 << 20;

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
    /// Name knowledge; without it, classes are learned from images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<KnowledgeFiles>,
    /// Every other file of the bundle, by name.
    pub files: BTreeMap<String, FileEntry>,
    /// Measured accuracies with their protocols.
    pub accuracy: Vec<Accuracy>,
    /// How far each engine was from the training engine when the bundle was written; from the
    /// reference interpreter where the bundle is for another size than the run (`provenance.notes`
    /// says so).
    pub verification: Vec<Verification>,
    /// An input with its expected embedding: a device verifies its engine with it.
    pub self_test: SelfTest,
    /// Where the weights come from.
    pub provenance: Provenance,
    /// Under what terms they may be used.
    pub licenses: Licenses,
}

/// A network of a bundle: one ONNX file and what an engine must know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The ONNX file.
    pub file: String,
    /// Its input's name, `[n, 3, size, size]`.
    pub input: String,
    /// Its output's name, `[n, embedding_size]`.
    pub output: String,
    /// The architecture and its sizes.
    pub architecture: Architecture,
    /// Dimensions of an embedding.
    pub embedding_size: usize,
    /// Floating-point operations for one image, as shipped.
    pub flops: u64,
    /// The ONNX operator set.
    pub opset: u32,
    /// The ONNX file format.
    pub ir_version: u32,
    /// The arithmetic that the file asks of an engine.
    pub precision: Precision,
    /// How the weights are stored.
    pub weights: WeightStorage,
    /// The most images of one run.
    pub max_batch: usize,
    /// The same network in other arithmetic, for engines that are faster with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
}

/// A network once more, in other arithmetic. Its embeddings are of the same space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The ONNX file, with the inputs and outputs of the network's own.
    pub file: String,
    /// The arithmetic that it asks of an engine.
    pub precision: Precision,
    /// The engines that it is for, by their words on the command line (`cpu`, `tensorrt`); no other
    /// is given it unless the user asks for the precision.
    pub engines: Vec<String>,
    /// How far each engine was from the reference of the same arithmetic when the bundle was
    /// written.
    pub verification: Vec<Verification>,
    /// A problem with its answer in this arithmetic.
    pub self_test: SelfTest,
}

/// The files that turn a name into a prototype.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnowledgeFiles {
    /// The name regressor, one of `files`.
    pub kernel: String,
    /// The learned completer, which explains answers by attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completer: Option<CompleterFiles>,
    /// The lexicon: one file for all bundles of a folder, beside them.
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

/// The arithmetic of a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    Fp32,
    /// 16-bit floating point, between operations too.
    Fp16,
    /// 8-bit integers, unsigned between operations.
    #[serde(rename = "int8-u8")]
    Int8U8,
    /// 8-bit integers, signed and around 0 between operations.
    #[serde(rename = "int8-s8")]
    Int8S8,
}

impl Precision {
    /// Every precision, the widest first.
    pub const ALL: [Self; 4] = [Self::Fp32, Self::Fp16, Self::Int8U8, Self::Int8S8];

    /// Whether it computes in 8-bit integers, of either kind.
    #[must_use]
    pub fn is_integer(self) -> bool {
        matches!(self, Self::Int8U8 | Self::Int8S8)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_fp32(&self) -> bool {
        *self == Self::Fp32
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8U8 => "int8-u8",
            Self::Int8S8 => "int8-s8",
        })
    }
}

/// How weights lie in the file; the arithmetic is [`Precision`]'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WeightStorage {
    /// 16-bit floating point, widened when the file is loaded: half the size.
    Fp16,
    /// As trained.
    Fp32,
}

impl fmt::Display for WeightStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp16 => "fp16",
            Self::Fp32 => "fp32",
        })
    }
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

/// A measured accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The engine that made the embeddings.
    pub engine: String,
    /// Its arithmetic.
    #[serde(default, skip_serializing_if = "Precision::is_fp32")]
    pub precision: Precision,
    /// The figures and their protocol, as the evaluation wrote them. A bundle carries them; it does
    /// not read them.
    pub report: serde_json::Value,
}

/// How far an engine was from the training engine's golden outputs when the bundle was written.
///
/// Both figures are bounds, rounded outwards to a power of ten: an engine's last bits depend on the
/// machine, and a bundle's bytes must not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The engine.
    pub engine: String,
    /// No value differed by more.
    pub max_abs_difference: f64,
    /// No embedding had a smaller cosine to its golden one.
    pub min_cosine: f64,
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
    /// Reads and checks a manifest's bytes: number and layout first, then the fields.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        FORMAT.check(bytes)?;
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|e| ManifestError::Json(e.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The file's bytes: indented JSON, fields in a fixed order.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("invariant: a manifest has only string keys");
        bytes.push(b'\n');
        bytes
    }

    /// Checks every field that types cannot.
    pub fn check(&self) -> Result<(), ManifestError> {
        require(self.format == FORMAT.number, "format", FORMAT.number, self.format)?;
        require(self.layout == FORMAT.layout(), "layout", FORMAT.layout(), &self.layout)?;
        check_name(&self.name)?;
        require(
            is_digest(&self.space_id),
            "space_id",
            "64 lower-case hexadecimal digits",
            &self.space_id,
        )?;
        for (name, entry) in &self.files {
            require(is_plain(name), "files", "plain file names (letters, digits, - _ .)", name)?;
            require(
                is_digest(&entry.sha256),
                "files.sha256",
                "64 lower-case hexadecimal digits",
                &entry.sha256,
            )?;
        }
        self.preprocess.check()?;
        self.check_backbone()?;
        self.check_knowledge()?;
        self.self_test.check(self.backbone.embedding_size)
    }

    fn check_backbone(&self) -> Result<(), ManifestError> {
        let network = &self.backbone;
        let widths = network.architecture.widths();
        require(
            widths.iter().all(|width| (1..=MAX_EMBEDDING_SIZE).contains(width)),
            "backbone.architecture.widths",
            "1 to 16384 each",
            &widths,
        )?;
        let size = network.architecture.input_size();
        let embedding = network.architecture.embedding_size();
        require(
            self.files.contains_key(&network.file),
            "backbone.file",
            "one of `files`",
            &network.file,
        )?;
        require(
            (1..=MAX_INPUT_SIZE).contains(&size),
            "backbone.architecture.input_size",
            "1 to 1024",
            size,
        )?;
        require(self.preprocess.size == size, "preprocess.size", size, self.preprocess.size)?;
        require(
            (1..=MAX_EMBEDDING_SIZE).contains(&embedding),
            "backbone.architecture",
            "an embedding of 1 to 16384",
            embedding,
        )?;
        require(
            network.embedding_size == embedding,
            "backbone.embedding_size",
            embedding,
            network.embedding_size,
        )?;
        require(
            (1..=LARGEST_BATCH).contains(&network.max_batch),
            "backbone.max_batch",
            "1 to 4096",
            network.max_batch,
        )?;
        let precisions: Vec<Precision> = network.variants.iter().map(|v| v.precision).collect();
        let is_new = |(at, precision): (usize, &Precision)| {
            *precision != network.precision && !precisions[..at].contains(precision)
        };
        let all_new = precisions.iter().enumerate().all(is_new);
        let (field, once) = ("backbone.variants.precision", "each precision once");
        require(all_new, field, once, &precisions)?;
        network.variants.iter().try_for_each(|variant| {
            let file = &variant.file;
            let field = "backbone.variants.file";
            require(self.files.contains_key(file), field, "one of `files`", file)?;
            variant.self_test.check(embedding)
        })
    }

    fn check_knowledge(&self) -> Result<(), ManifestError> {
        let Some(KnowledgeFiles { kernel, completer, lexicon }) = &self.knowledge else {
            return Ok(());
        };
        let is_file = |name| self.files.contains_key(name);
        require(is_file(kernel), "knowledge.kernel", "one of `files`", kernel)?;
        if let Some(CompleterFiles { file, attributes, network, .. }) = completer {
            require(is_file(file), "knowledge.completer.file", "one of `files`", file)?;
            let field = "knowledge.completer.attributes";
            require(is_file(attributes), field, "one of `files`", attributes)?;
            let sizes = [network.embedding, network.word, network.attributes, network.hidden];
            let fits = network.embedding == self.backbone.embedding_size
                && sizes.iter().all(|size| (1..=MAX_EMBEDDING_SIZE).contains(size));
            let expected = "sizes of 1 to 16384, and the backbone's embedding";
            require(fits, "knowledge.completer.network", expected, format!("{sizes:?}"))?;
            // Both factors are at most 32768.
            let input = network.attributes * (network.embedding + network.word);
            let (field, most) =
                ("knowledge.completer.network", "16777216 values of attributes at most");
            require(input <= MAX_COMPLETER_INPUT, field, most, input)?;
        }
        let (name, hash) = (&lexicon.file, &lexicon.sha256);
        require(is_plain(name), "knowledge.lexicon.file", "a plain file name", name)?;
        let digits = "64 lower-case hexadecimal digits";
        require(is_digest(hash), "knowledge.lexicon.sha256", digits, hash)
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
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let fits =
        (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('.');
    require(fits, "name", "1 to 64 of a-z 0-9 - _ . and no dot first", name)
}

/// The files that a manifest of any format names; `None` when it is no manifest.
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

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A name that cannot leave the folder, hide, or mean something to a shell.
fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('.')
        && name.chars().all(allowed)
        && name != MANIFEST
}
