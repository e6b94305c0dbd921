//! What every engine is: a network's ONNX bytes become something that runs on named inputs.
//!
//! [`select`] tries engines strictly, one by one: a provider that cannot run the network is an
//! error here, never a quiet fall back to another one. Each refusal is kept with its reason.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::str::FromStr;

use models::bundle::Precision;
use models::graph::Shape;
use ndarray::{ArrayD, ArrayViewD};
use serde::{Deserialize, Serialize};

use crate::precision::PrecisionChoice;

mod onnxruntime;
mod signature;
mod tract;

/// A network loaded by one engine. It is owned by one thread at a time.
pub trait Engine: Send {
    /// Who runs the network.
    fn provider(&self) -> Provider;

    /// Runs the network on inputs found by name, all with the same leading batch dimension
    /// (`1..=max_batch`), and returns the outputs in the model's order.
    ///
    /// # Errors
    /// An input that is missing, unknown or of another shape, and whatever the engine reports.
    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError>;
}

/// A way to run a network, from the most to the least specialised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// ONNX Runtime with TensorRT.
    TensorRt,
    /// ONNX Runtime with CUDA.
    Cuda,
    /// ONNX Runtime on the processor.
    Cpu,
    /// The engine built into the program, on the processor.
    Tract,
}

impl Provider {
    /// Every provider, in the order in which [`EngineChoice::Auto`] tries them.
    pub const ALL: [Self; 4] = [Self::TensorRt, Self::Cuda, Self::Cpu, Self::Tract];

    /// The word for it on the command line and in a configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
            Self::Tract => "tract",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tract => f.pad("tract"),
            other => f.pad(&format!("onnxruntime/{}", other.word())),
        }
    }
}

/// Which engine the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EngineChoice {
    /// The first of [`Provider::ALL`] that works.
    #[default]
    Auto,
    /// This one or none.
    Only(Provider),
}

impl EngineChoice {
    /// The providers to try, in order.
    #[must_use]
    pub fn providers(self) -> Vec<Provider> {
        match self {
            Self::Auto => Provider::ALL.to_vec(),
            Self::Only(provider) => vec![provider],
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Only(provider) => f.pad(provider.word()),
        }
    }
}

impl FromStr for EngineChoice {
    type Err = UnknownEngine;

    fn from_str(word: &str) -> Result<Self, UnknownEngine> {
        let named = |provider: &Provider| provider.word() == word;
        match Provider::ALL.into_iter().find(named) {
            Some(provider) => Ok(Self::Only(provider)),
            None if word == "auto" => Ok(Self::Auto),
            None => Err(UnknownEngine(word.to_owned())),
        }
    }
}

impl TryFrom<String> for EngineChoice {
    type Error = UnknownEngine;

    fn try_from(word: String) -> Result<Self, UnknownEngine> {
        word.parse()
    }
}

impl From<EngineChoice> for String {
    fn from(choice: EngineChoice) -> Self {
        choice.to_string()
    }
}

/// A word that names no engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown engine `{0}`: expected auto, tensorrt, cuda, cpu or tract")]
pub struct UnknownEngine(pub String);

/// A network as an engine needs it.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// The ONNX file's bytes.
    pub onnx: &'a [u8],
    /// Each input's name and its shape after the batch dimension.
    pub inputs: &'a [(String, Shape)],
    /// The largest batch that one run may have.
    pub max_batch: usize,
    /// The file's arithmetic: TensorRT has to be told.
    pub precision: Precision,
}

/// What an engine may be told by a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// ONNX Runtime's shared library, as [`crate::locate::onnxruntime`] found it; without one only
    /// tract can start.
    pub onnxruntime: Option<PathBuf>,
    /// Threads for one run; `None` leaves it to the engine. tract always uses one.
    pub threads: Option<usize>,
    /// In which arithmetic a backbone runs.
    pub precision: PrecisionChoice,
}

/// An engine that works, and why the ones before it do not.
pub struct Selected {
    /// The engine to use.
    pub engine: Box<dyn Engine>,
    /// What was tried before it, in order.
    pub rejected: Vec<Rejection>,
}

impl fmt::Debug for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selected")
            .field("engine", &self.engine.provider())
            .field("rejected", &self.rejected)
            .finish()
    }
}

/// A provider that was tried and not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {reason}")]
pub struct Rejection {
    /// Who was refused.
    pub provider: Provider,
    /// Why, in one line.
    pub reason: String,
}

/// Why an engine could not load or run a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No ONNX Runtime library is known.
    #[error("no ONNX Runtime library was found; name one with --onnxruntime or ORT_DYLIB_PATH")]
    NoLibrary,
    /// One process can hold one ONNX Runtime.
    #[error("this process already uses ONNX Runtime from {loaded}, so {asked} cannot be loaded")]
    OtherLibrary {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for.
        asked: PathBuf,
    },
    /// The engine refused, in its own words cut to one line.
    #[error("{0}")]
    Refused(String),
    /// The inputs do not fit the network.
    #[error("the network's inputs are {expected}, but got {got}")]
    Inputs {
        /// Names and shapes, `n` being the batch.
        expected: String,
        /// Names and shapes that were given.
        got: String,
    },
    /// The batch is empty or too large.
    #[error("a batch of {got} was asked for, but this network takes 1 to {max}")]
    Batch {
        /// Images in the batch.
        got: usize,
        /// Most images in a batch.
        max: usize,
    },
    /// The engine gave an output that is not a tensor of 32-bit floats with this batch.
    #[error("output {name}: expected {expected}, got {got}")]
    Output {
        /// The output's name.
        name: String,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
}

/// No engine can run the network.
#[derive(Debug, thiserror::Error)]
#[error("no engine can run this network: {}", list(.rejected))]
pub struct SelectError {
    /// Every provider that was tried, with its reason.
    pub rejected: Vec<Rejection>,
}

fn list(rejected: &[Rejection]) -> String {
    let lines: Vec<_> = rejected.iter().map(Rejection::to_string).collect();
    lines.join("; ")
}

/// The first engine of `choice` that loads `model`.
///
/// # Errors
/// [`SelectError`] with the reason of every refusal.
pub fn select(
    model: &Model,
    choice: EngineChoice,
    options: &EngineOptions,
) -> Result<Selected, SelectError> {
    let mut rejected = Vec::new();
    for provider in choice.providers() {
        match start_verified(model, provider, options, &mut |_| Ok(())) {
            Ok(engine) => return Ok(Selected { engine, rejected }),
            Err(rejection) => rejected.push(rejection),
        }
    }
    Err(SelectError { rejected })
}

/// Starts one provider and proves it. A panic inside an engine's library is a refusal like any
/// other: this is the one place that catches it.
///
/// # Errors
/// [`Rejection`] with the reason in one line.
pub fn start_verified(
    model: &Model,
    provider: Provider,
    options: &EngineOptions,
    proof: &mut dyn FnMut(&mut dyn Engine) -> Result<(), String>,
) -> Result<Box<dyn Engine>, Rejection> {
    let attempt = || {
        let mut engine = start(model, provider, options).map_err(|e| e.to_string())?;
        proof(engine.as_mut())?;
        Ok(engine)
    };
    let outcome = catch_unwind(AssertUnwindSafe(attempt))
        .unwrap_or_else(|panic| Err(format!("it panicked: {}", panic_text(panic.as_ref()))));
    outcome.map_err(|reason| Rejection { provider, reason: one_line(&reason) })
}

fn start(
    model: &Model,
    provider: Provider,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, EngineError> {
    Ok(match provider {
        Provider::Tract => Box::new(tract::Tract::load(model)?),
        other => Box::new(onnxruntime::OnnxRuntime::load(model, other, options)?),
    })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// The text with its line breaks and runs of spaces as single spaces, cut to a readable length.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
