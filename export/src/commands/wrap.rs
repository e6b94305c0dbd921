//! `handful-export wrap`: makes a bundle of a network that another program wrote as ONNX.

mod text;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use edge::engine::{EngineChoice, EngineOptions};
use edge::locate::{self, Environment};
use export::draft::MAX_BATCH;
use export::wrap::{OnnxNetwork, WrapChoices, WrapError, Wrapped, images, recipe};
use models::bundle::{self, BundleLimits, LARGEST_BATCH};
use models::disk::{self, DiskError};
use models::fault::{AnyFault, Message, about};
use terminal::note;

use super::export::folder_name;

const EXAMPLES: &str = "\
Examples:
  handful-export wrap faces.onnx --preprocess faces.toml --out bundles/faces
  handful-export wrap faces.onnx --preprocess faces.toml --verify-images faces/ --out bundles/faces

The network must take one input, float32 images [n, 3, size, size], and give one output, float32
embeddings [n, s]. The recipe states how an image becomes its input:

  size = 224                      # may be left out where the network states it
  geometry = \"center_crop\"        # or squash, letterbox
  filter = \"catmull_rom\"          # bicubic; or bilinear, lanczos3, nearest
  crop_share = 0.875              # \"resize to 256, crop 224\"; left out: the whole square
  scale = 1                       # of the next two: 1, or 255
  mean = [0.485, 0.456, 0.406]    # of red, green and blue
  std = [0.229, 0.224, 0.225]
  bgr = false                     # true: the network reads blue, green, red

The bundle classifies by images only, and accepts every image until `handful-export fit-decision`
has fitted its decision.

Exit codes: 0 written, 1 failed (nothing written), 2 bad input (nothing written).";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WrapArguments {
    /// The network, an ONNX file with its weights.
    model: PathBuf,
    /// The recipe from an image to the network's input, a TOML file.
    #[arg(long, value_name = "RECIPE")]
    preprocess: PathBuf,
    /// The folder to write.
    #[arg(long, value_name = "BUNDLE")]
    out: PathBuf,
    /// The bundle's name [default: the folder's].
    #[arg(long)]
    name: Option<String>,
    /// A folder of different images; 32 of them are embedded on every engine, to compare the
    /// engines and to show how different the embeddings are.
    #[arg(long, value_name = "DIR")]
    verify_images: Option<PathBuf>,
    /// The largest number of images in one batch, 1 to 4096; 1 is used where the network takes one
    /// image only, or where no ONNX Runtime was found to verify batches on.
    #[arg(
        long,
        value_name = "N",
        default_value_t = MAX_BATCH,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=LARGEST_BATCH as u64)
    )]
    batch_max: usize,
    /// The license of the weights, recorded in the bundle [default: "not stated"].
    #[arg(long, value_name = "TERMS")]
    license: Option<String>,
    /// ONNX Runtime's library, for verification [default: ORT_DYLIB_PATH, or next to this program].
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &WrapArguments) -> Result<(), AnyFault> {
    let start = Instant::now();
    let WrapArguments { model, out, .. } = arguments;
    // All that is cheap comes before the engines, so that errors come early.
    bundle::check_place(out)?;
    let network = OnnxNetwork::parse(read_model(model)?).map_err(|e| about(model.display(), e))?;
    let path = &arguments.preprocess;
    let recipe = recipe::parse(&disk::read(path, recipe::MAX_BYTES)?, network.size)
        .map_err(|e| about(path.display(), e))?;
    let images = arguments.verify_images.as_ref().map(|folder| images::read(folder, &recipe));
    let images = images.transpose()?.unwrap_or_default();
    let options = engine_options(arguments)?;
    let wrapped = Wrapped::new(&network, &recipe, &images, &choices(arguments), &options)
        .map_err(|error| with_file(model, error))?;
    wrapped.write(out)?;
    text::notes(&network, &wrapped).iter().for_each(|line| note!("{line}"));
    terminal::print(match arguments.json {
        true => text::json(&wrapped, out),
        false => text::summary(&network, &wrapped, out, start.elapsed()),
    })?;
    Ok(())
}

fn read_model(path: &Path) -> Result<Vec<u8>, Message> {
    disk::read(path, BundleLimits::default().max_total_bytes).map_err(|error| match error {
        DiskError::TooLarge { .. } => Message::input(format!(
            "{error}: store the weights in 16 bits, or use a smaller network"
        )),
        other => Message::input(other),
    })
}

/// The file's name in front of what is wrong with its network.
fn with_file(model: &Path, error: WrapError) -> AnyFault {
    match error {
        WrapError::Network(error) => about(model.display(), error),
        other => other.into(),
    }
}

fn choices(arguments: &WrapArguments) -> WrapChoices {
    WrapChoices {
        name: arguments.name.clone().unwrap_or_else(|| folder_name(&arguments.out)),
        file: folder_name(&arguments.model),
        max_batch: arguments.batch_max,
        license: arguments.license.clone(),
    }
}

fn engine_options(arguments: &WrapArguments) -> Result<EngineOptions, AnyFault> {
    let library = arguments.onnxruntime.as_deref();
    let onnxruntime = locate::onnxruntime_for(EngineChoice::Auto, library, &Environment::read())?;
    Ok(EngineOptions { onnxruntime, ..EngineOptions::default() })
}
