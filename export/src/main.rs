//! `handful-export`: writes a training run, or a network of another program, as a verified bundle.

// They end the program when the stream cannot be written: `terminal` has what is used instead.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use models::fault::{self, Message};

use commands::export::ExportArguments;
use commands::fit_decision::FitDecisionArguments;
use commands::inspect::InspectArguments;
use commands::verify::VerifyArguments;
use commands::wrap::WrapArguments;

const EXAMPLES: &str = "\
Examples:
  handful-export runs/cifar-fs --out models/bundles/resnet12-cifar-fs
  handful-export runs/cifar-fs --out bundles/exact --weights fp32
  handful-export runs/cifar-fs --out bundles/named --lexicon lexicon.bin
  handful-export runs/cifar-fs --out out/b --accuracy val-1.json --accuracy tract=device-1.json
  handful-export runs/lite0 --out bundles/lite0 --precision fp32,int8-u8 --calibrate images/
  handful-export runs/lite0 --out bundles/jetson --precision fp16,int8-s8 --calibrate images/
  handful-export runs/lite0 --out bundles/small --input-size 160
  handful-export fit-decision bundles/lite0 --data caltech.tar.gz --data cifar_fs.tar.gz
  handful-export inspect bundles/lite0
  handful-export verify bundles/lite0 --against runs/lite0
  handful-export wrap faces.onnx --preprocess faces.toml --out bundles/faces

The run's folder must hold best.safetensors and golden.safetensors, as handful-train writes them. An
existing bundle at --out is replaced; any other folder that is not empty is refused.

Exit codes: 0 written, 1 failed (nothing written), 2 bad input (nothing written).";

/// Write a training run as a bundle: fold batch normalizations, write ONNX, verify the result on
/// every engine of this machine, and only then move it to --out.
#[derive(Debug, Parser)]
#[command(name = "handful-export", version, after_help = EXAMPLES)]
// Exporting, the usual case, needs no subcommand.
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    export: Option<ExportArguments>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fit what separates known images from unknown ones on base classes, and put it into a bundle
    FitDecision(FitDecisionArguments),
    /// Print a bundle's layers, sizes, accuracy, origin and license
    Inspect(InspectArguments),
    /// Verify a bundle again: hashes, self-tests on every engine, and with --against the
    /// outputs that a run stored
    Verify(VerifyArguments),
    /// Make a bundle of a network that another program wrote as ONNX
    Wrap(WrapArguments),
}

fn main() -> ExitCode {
    terminal::ignore_file_size_signal();
    terminal::ignore_decoder_panics();
    let Arguments { command, export } = match terminal::parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let (result, json) = match (&command, &export) {
        (Some(Command::FitDecision(arguments)), _) => {
            (commands::fit_decision::run(arguments), arguments.json)
        }
        (Some(Command::Inspect(arguments)), _) => {
            (commands::inspect::run(arguments), arguments.json)
        }
        (Some(Command::Verify(arguments)), _) => (commands::verify::run(arguments), arguments.json),
        (Some(Command::Wrap(arguments)), _) => (commands::wrap::run(arguments), arguments.json),
        (None, Some(arguments)) => (commands::export::run(arguments), arguments.json),
        // clap asks for a run if there is no subcommand.
        (None, None) => (Err(Message::input("expected a run to export").into()), false),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::failure::report(&error, json);
            ExitCode::from(fault::exit_code(&*error))
        }
    }
}
