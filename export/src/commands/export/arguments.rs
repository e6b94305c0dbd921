//! The arguments of an export.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use export::draft::MAX_BATCH;
use models::bundle::{LARGEST_BATCH, MAX_INPUT_SIZE, Precision, WeightStorage};

/// Write a run as a bundle.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The run's folder.
    pub(super) run: PathBuf,
    /// The folder to write.
    #[arg(long, value_name = "BUNDLE")]
    pub(super) out: PathBuf,
    /// The bundle's name [default: the folder's].
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Storage of the weights; fp16 halves the file; engines convert the weights when they
    /// load it.
    #[arg(long, value_enum, default_value = "fp16")]
    pub(super) weights: Weights,
    /// Width and height of the input images, in pixels [default: the run's]. Another size is
    /// another embedding space: galleries cannot be shared between sizes. Conflicts with --lexicon,
    /// because name knowledge is fitted at the run's own size.
    #[arg(
        long,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_INPUT_SIZE as u64)
    )]
    pub(super) input_size: Option<usize>,
    /// The largest number of images in one batch, 1 to 4096. TensorRT builds its engine for this
    /// size, and memory grows with it.
    #[arg(
        long,
        value_name = "N",
        default_value_t = MAX_BATCH,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=LARGEST_BATCH as u64)
    )]
    pub(super) batch_max: usize,
    /// The precisions of the backbone to write, separated by commas. fp32 is always included; fp16
    /// is for CUDA and TensorRT, int8-u8 for ONNX Runtime on CPUs, int8-s8 for TensorRT, and int8
    /// adds both int8 variants.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "fp32")]
    pub(super) precision: Vec<Arithmetic>,
    /// Images for int8 calibration, which int8 needs: a data set, or a folder with a subfolder of
    /// images per class. 128 of them are used.
    #[arg(long, value_name = "DATA")]
    pub(super) calibrate: Option<PathBuf>,
    /// An accuracy report to include: a file that `handful-train evaluate --json` wrote, or, with
    /// its engine in front, one of `handful evaluate --json`. May be repeated.
    #[arg(long, value_name = "[ENGINE[:PRECISION]=]FILE")]
    pub(super) accuracy: Vec<String>,
    /// The lexicon that `handful-train lexicon` wrote. Together with the files that `handful-train
    /// complete` adds to the run, it gives the bundle name knowledge. The lexicon is copied next to
    /// the bundle's folder and shared by all bundles there; copy it to devices as well.
    #[arg(long, value_name = "FILE")]
    pub(super) lexicon: Option<PathBuf>,
    /// The license of the weights, recorded in the bundle [default: of imported weights what
    /// `handful-train import --license` stated, else "not stated"; of other weights MIT OR
    /// Apache-2.0].
    #[arg(long, value_name = "TERMS")]
    pub(super) license: Option<String>,
    /// ONNX Runtime's library, for verification [default: ORT_DYLIB_PATH, or next to this program].
    #[arg(long, value_name = "FILE")]
    pub(super) onnxruntime: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Weights {
    Fp16,
    Fp32,
}

impl Weights {
    pub(super) fn storage(self) -> WeightStorage {
        match self {
            Self::Fp16 => WeightStorage::Fp16,
            Self::Fp32 => WeightStorage::Fp32,
        }
    }
}

/// One word of `--precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Arithmetic {
    Fp32,
    Fp16,
    Int8,
    #[value(name = "int8-u8")]
    Int8U8,
    #[value(name = "int8-s8")]
    Int8S8,
}

impl Arithmetic {
    pub(super) fn includes(self, precision: Precision) -> bool {
        match self {
            Self::Fp32 => precision == Precision::Fp32,
            Self::Fp16 => precision == Precision::Fp16,
            Self::Int8 => precision.is_integer(),
            Self::Int8U8 => precision == Precision::Int8U8,
            Self::Int8S8 => precision == Precision::Int8S8,
        }
    }
}
