//! A bundle proved again, on another machine or after a copy: hashes, the self-test of every file on each engine that it is
//! for and on tract, and where the run is at hand its golden outputs through the fp32 file.

use std::fmt;

use edge::embedder::start;
use edge::engine::{EngineChoice, EngineOptions, Provider};
use edge::precision::{PrecisionChoice, candidates, reluctance};
use models::bundle::{Bundle, Precision, Variant};
use serde::Serialize;

use crate::bundle_writer::{Draft, Recipe, WriteError};
use crate::run::Run;
use crate::verify::{Subject, Tolerance, Verified, verify};

/// What became of one file of the backbone on one engine.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The engine.
    pub engine: String,
    /// The file's arithmetic.
    pub precision: Precision,
    /// Whether it passed the self-test.
    pub passed: bool,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it had to.
    pub required: bool,
}

/// A bundle whose hashes are right, and what its networks do here.
#[derive(Debug, Clone, Serialize)]
pub struct Recheck {
    /// Files whose length and SHA-256 are right.
    pub files: usize,
    /// The self-test of each file on each engine.
    pub self_tests: Vec<Row>,
    /// The run's golden outputs, replayed through the bundle's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<Verified>,
}

impl Recheck {
    /// Runs an opened bundle on the engines of `choice`; `against` is the run that it was made of.
    ///
    /// # Errors
    /// [`WriteError`] for a run that this bundle cannot be of.
    pub fn of(
        bundle: &Bundle,
        against: Option<&Run>,
        choice: EngineChoice,
        options: &EngineOptions,
    ) -> Result<Self, WriteError> {
        let of = |provider: Provider| {
            let network = &bundle.manifest.backbone;
            // Processors run what is for graphics cards too, so that every file is proved everywhere.
            let runs = |variant: &&Variant| {
                let is_for = variant.engines.iter().any(|word| word == provider.word());
                let can = matches!(provider, Provider::Cpu | Provider::Tract);
                (is_for || can) && reluctance(provider, variant.precision).is_none()
            };
            let own = network.variants.iter().filter(runs);
            let mut precisions: Vec<Precision> = own.map(|variant| variant.precision).collect();
            precisions.push(network.precision);
            precisions
                .into_iter()
                .map(move |precision| row(bundle, precision, provider, choice, options))
        };
        let self_tests = choice.providers().into_iter().flat_map(of).collect();
        let golden = against.map(|run| golden(bundle, run, options)).transpose()?;
        Ok(Self { files: bundle.manifest.files.len(), self_tests, golden })
    }

    /// Whether all that had to pass did.
    pub fn passed(&self) -> bool {
        self.self_tests.iter().all(|row| row.passed || !row.required)
            && self.self_tests.iter().any(|row| row.passed)
            && self.golden.as_ref().is_none_or(Verified::passed)
    }
}

fn row(
    bundle: &Bundle,
    precision: Precision,
    provider: Provider,
    choice: EngineChoice,
    options: &EngineOptions,
) -> Row {
    let files = candidates(bundle, provider, PrecisionChoice::Only(precision));
    let started = files.and_then(|files| start(bundle, files[0], provider, options));
    let reason = started.err().map(|rejection| rejection.reason);
    let required = match provider {
        Provider::Tract => true,
        Provider::Cpu => options.onnxruntime.is_some(),
        Provider::TensorRt | Provider::Cuda => choice == EngineChoice::Only(provider),
    };
    Row { engine: provider.to_string(), precision, passed: reason.is_none(), reason, required }
}

/// The golden outputs through the bundle's own file, [for its size](Run::resized); the reference runs the run's tensors,
/// stored as the bundle's are.
fn golden(bundle: &Bundle, run: &Run, options: &EngineOptions) -> Result<Verified, WriteError> {
    let manifest = &bundle.manifest;
    let recipe = Recipe {
        name: manifest.name.clone(),
        storage: manifest.backbone.weights,
        max_batch: manifest.backbone.max_batch,
        accuracy: Vec::new(),
        weights_license: String::new(),
        lexicon: None,
        half_arithmetic: false,
        calibration: None,
    };
    let size = manifest.preprocess.size;
    let space_id = run.checkpoint.resized(size).space_id()?;
    if space_id != manifest.space_id {
        let what = "the run's space";
        return Err(WriteError::Misfit {
            what,
            expected: manifest.space_id.clone(),
            got: space_id,
        });
    }
    let run = &run.clone().resized(size)?;
    let draft = Draft::new(run, &recipe, options)?;
    let subject = Subject {
        graph: &draft.graph,
        tensors: &draft.tensors,
        onnx: bundle.backbone(),
        precision: manifest.backbone.precision,
        tolerance: Tolerance::of(manifest.backbone.weights),
        golden: &run.golden,
        self_test: Some(&manifest.self_test),
    };
    Ok(verify(&subject, options))
}

impl fmt::Display for Recheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} file(s) are what the manifest says\n", self.files)?;
        writeln!(f, "  {:<22}{:<12}self-test", "engine", "precision")?;
        for Row { engine, precision, passed, reason, required } in &self.self_tests {
            let result = match (passed, required) {
                (true, _) => "passed",
                (false, true) => "FAILED: ",
                (false, false) => "skipped: ",
            };
            let reason = reason.as_deref().unwrap_or_default();
            writeln!(f, "  {engine:<22}{precision:<12}{result}{reason}")?;
        }
        match &self.golden {
            Some(golden) => {
                write!(f, "\nthe golden outputs through the fp32 file:\n\n{golden}")
            }
            None => Ok(()),
        }
    }
}
