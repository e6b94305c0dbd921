//! `handful-train import`: imports published weights as a run.

use std::path::PathBuf;

use anyhow::Result;
use train::run::Run;
use train::stages::import;

use super::print_line;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The weights: safetensors, or a .pth file that torch.save wrote.
    weights: PathBuf,
    /// Architecture of the network; its widths are read from the tensor shapes.
    #[arg(long, value_enum)]
    arch: import::Arch,
    /// The new run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Height and width of the network's input [default: the size in --preprocess, else 84 for
    /// resnet12 and 224 for efficientnet-lite0].
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,
    /// Preprocessing recipe as TOML: size, geometry, filter, mean, std [default: the recipe of the
    /// network's authors].
    #[arg(long, value_name = "FILE")]
    preprocess: Option<PathBuf>,
    /// Training data of the weights, recorded in the run.
    #[arg(long, value_name = "TEXT")]
    data_name: Option<String>,
    /// License of the training data, recorded in the run.
    #[arg(long, value_name = "TEXT")]
    data_license: Option<String>,
    /// License of the weights, recorded in the run and in bundles that are exported from it
    /// [default: "not stated"].
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,
    /// Whether the last block of resnet12 applies its activation after the sum [default: what the
    /// tensor names show].
    #[arg(long, value_enum, value_name = "on|off")]
    last_activation: Option<Switch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

pub(crate) fn run(arguments: Options) -> Result<()> {
    let options = import::Options {
        arch: arguments.arch,
        input_size: arguments.input_size,
        preprocess: arguments.preprocess,
        data_name: arguments.data_name,
        data_license: arguments.data_license,
        license: arguments.license,
        last_activation: arguments.last_activation.map(|switch| switch == Switch::On),
    };
    let imported = import::import(&arguments.weights, &Run::new(&arguments.out), &options)?;
    let out = arguments.out.display();
    for remark in &imported.remarks {
        print_line(format_args!("{remark}"))?;
    }
    // Listed one by one, so that a user sees whether a part is missing that should have been read.
    for tensor in &imported.left_out {
        print_line(format_args!("left out: {tensor}"))?;
    }
    print_line(format_args!(
        "{imported}; written to {out}/best.safetensors, with golden inputs and outputs in golden.safetensors"
    ))?;
    print_line(format_args!("next: handful-export {out} --out BUNDLE"))
}
