//! `handful-train import`: weights trained elsewhere become a run.

use std::path::PathBuf;

use anyhow::Result;
use train::run::Run;
use train::stages::import;

use super::say;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The weights.
    weights: PathBuf,
    /// The network that they belong to; its widths are deduced from the shapes.
    #[arg(long, value_enum)]
    arch: import::Arch,
    /// The new run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Height and width of the images that the network takes; the recipe's, or else 84 (resnet12)
    /// or 224 (efficientnet-lite0).
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,
    /// How images become input (size, geometry, filter, mean, std as TOML); that of the
    /// network's authors by default.
    #[arg(long, value_name = "FILE")]
    preprocess: Option<PathBuf>,
    /// What the weights were trained on; travels with them.
    #[arg(long, value_name = "TEXT")]
    data_name: Option<String>,
    /// Under what terms that data is used.
    #[arg(long, value_name = "TEXT")]
    data_license: Option<String>,
}

pub(crate) fn run(arguments: Options) -> Result<()> {
    let options = import::Options {
        arch: arguments.arch,
        input_size: arguments.input_size,
        preprocess: arguments.preprocess,
        data_name: arguments.data_name,
        data_license: arguments.data_license,
    };
    let imported = import::import(&arguments.weights, &Run::new(&arguments.out), &options)?;
    let out = arguments.out.display();
    for tensor in &imported.left_out {
        say(format_args!("left out: {tensor}"))?;
    }
    say(format_args!(
        "{imported}; written to {out}/best.safetensors, with its proof in golden.safetensors"
    ))?;
    say(format_args!("next: handful-export {out} --out BUNDLE"))?;
    Ok(())
}
