//! `handful-export verify`: verifies a bundle again.

use std::path::PathBuf;

use clap::Args;
use edge::engine::{EngineChoice, EngineOptions};
use edge::locate::{self, Environment};
use export::error::ExportError;
use export::run::Run;
use export::verify_bundle::BundleVerification;
use models::bundle::{Bundle, BundleLimits};
use models::fault::{AnyFault, Blame, Fault, Message};

use super::output::show;

const EXAMPLES: &str = "\
Examples:
  handful-export verify bundles/lite0
  handful-export verify bundles/lite0 --engine tensorrt
  handful-export verify bundles/lite0 --against runs/lite0 --json

Exit codes: 0 verified, 1 failed on tract, cpu or the engine of --engine, 2 bad input or a
damaged bundle.";

const FAILED: &str =
    "the bundle failed on this machine (see the table): copy it again, or choose another --engine";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArguments {
    /// The bundle's folder.
    bundle: PathBuf,
    /// The run that the bundle was made of: its stored inputs go through the fp32 network, and the
    /// outputs are compared. If --input-size changed the size, the network is compared with
    /// handful's own slow interpreter instead. int8 and fp16 networks run only their self-tests.
    #[arg(long, value_name = "RUN")]
    against: Option<PathBuf>,
    /// The engine to use: auto (every engine of this machine), tensorrt, cuda, cpu or tract.
    #[arg(long, default_value = "auto")]
    engine: EngineChoice,
    /// ONNX Runtime's library [default: ORT_DYLIB_PATH, or next to this program].
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &VerifyArguments) -> Result<(), AnyFault> {
    let bundle = Bundle::open(&arguments.bundle, &BundleLimits::default())?;
    let run = arguments.against.as_deref().map(Run::open).transpose()?;
    let library = arguments.onnxruntime.as_deref();
    let environment = Environment::read();
    let onnxruntime = locate::onnxruntime_for(arguments.engine, library, &environment)?;
    let options = EngineOptions { onnxruntime, ..EngineOptions::default() };
    let verification = BundleVerification::of(&bundle, run.as_ref(), arguments.engine, &options)
        .map_err(blame_the_run)?;
    // The table explains a failure, so it comes before the error.
    show(&verification, arguments.json)?;
    if !verification.passed() {
        return Err(Message::machine(FAILED).into());
    }
    Ok(())
}

/// The run's own golden outputs were not reproduced; the source holds the table.
#[derive(Debug, thiserror::Error)]
#[error(
    "--against: the run's golden.safetensors does not match its best.safetensors (see the table); they are not from one training"
)]
struct MismatchedRun(#[source] ExportError);

impl Fault for MismatchedRun {
    fn blame(&self) -> Blame {
        self.0.blame()
    }
}

/// Only the run's own weights are rejected here, before the bundle's file is run.
fn blame_the_run(error: ExportError) -> AnyFault {
    match error {
        ExportError::Rejected(_) => MismatchedRun(error).into(),
        error => error.into(),
    }
}
