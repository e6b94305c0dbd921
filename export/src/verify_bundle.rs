//! Verifies a written bundle again, for instance on another machine or after a copy.
//!
//! Opening the bundle checks its hashes. Then every file runs its self-test on each engine that it
//! is for and on the CPU engines, and with the run at hand the fp32 file replays its golden inputs.

use std::fmt;

use edge::backbone::{files, reluctance, start};
use edge::decision;
use edge::engine::{EngineChoice, EngineOptions, PrecisionChoice, Provider};
use models::bundle::{Bundle, Precision, Variant};
use serde::Serialize;

use crate::draft::{BundleDraft, Recipe};
use crate::error::ExportError;
use crate::run::{MAX_GOLDEN_SAMPLES, Run};
use crate::verify::{NetworkVerification, Subject, Tolerance, verify};

/// The self-test of one file of the backbone on one engine.
#[derive(Debug, Clone, Serialize)]
pub struct SelfTestResult {
    /// The engine.
    pub engine: String,
    /// The file's arithmetic.
    pub precision: Precision,
    /// Whether the file passed.
    pub passed: bool,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the engine must run on this machine.
    pub required: bool,
}

/// A bundle with valid hashes, and the results of its networks on this machine. Its `Display` is
/// for people.
#[derive(Debug, Clone, Serialize)]
pub struct BundleVerification {
    /// The number of files, all with the length and SHA-256 of the manifest.
    pub files: usize,
    /// The self-test of each file on each engine.
    pub self_tests: Vec<SelfTestResult>,
    /// Whether the bundle has a decision, which then fits its backbone.
    pub decision: bool,
    /// The run's golden outputs against those of the bundle's fp32 file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<NetworkVerification>,
}

impl BundleVerification {
    /// Runs an opened bundle on the engines of `choice`; `against` is the run that it was made of.
    ///
    /// # Errors
    /// [`ExportError`] if the bundle was not made of this run, or its decision is of another
    /// backbone.
    pub fn of(
        bundle: &Bundle,
        against: Option<&Run>,
        choice: EngineChoice,
        options: &EngineOptions,
    ) -> Result<Self, ExportError> {
        let decision = decision::open(bundle)?.is_some();
        let mut self_tests = Vec::new();
        for provider in choice.providers() {
            for precision in precisions(bundle, provider) {
                self_tests.push(self_test(bundle, precision, provider, choice, options));
            }
        }
        let golden = against.map(|run| verify_golden(bundle, run, options)).transpose()?;
        Ok(Self { files: bundle.manifest.files.len(), self_tests, decision, golden })
    }

    /// Whether all required engines passed, and at least one engine did.
    pub fn passed(&self) -> bool {
        self.self_tests.iter().all(|result| result.passed || !result.required)
            // A machine on which everything is skipped has verified nothing.
            && self.self_tests.iter().any(|result| result.passed)
            && self.golden.as_ref().is_none_or(NetworkVerification::passed)
    }
}

/// The precisions of a bundle that an engine is tried with.
fn precisions(bundle: &Bundle, provider: Provider) -> Vec<Precision> {
    let backbone = &bundle.manifest.backbone;
    backbone
        .variants
        .iter()
        .filter(|variant| is_tried(variant, provider))
        .map(|variant| variant.precision)
        .chain([backbone.precision])
        .collect()
}

/// CPU engines also run the variants that are for GPUs, so that every file is verified on every
/// machine.
fn is_tried(variant: &Variant, provider: Provider) -> bool {
    let is_for = variant.engines.iter().any(|word| word == provider.word());
    let is_cpu = matches!(provider, Provider::Cpu | Provider::Tract);
    (is_for || is_cpu) && reluctance(provider, variant.precision).is_none()
}

fn self_test(
    bundle: &Bundle,
    precision: Precision,
    provider: Provider,
    choice: EngineChoice,
    options: &EngineOptions,
) -> SelfTestResult {
    // Starting an embedder runs the file's self-test.
    let reason = files(bundle, provider, PrecisionChoice::Only(precision))
        .and_then(|files| start(bundle, files[0], provider, options))
        .err()
        .map(|rejection| rejection.reason);
    SelfTestResult {
        engine: provider.to_string(),
        precision,
        passed: reason.is_none(),
        reason,
        required: is_required(provider, choice, options),
    }
}

fn is_required(provider: Provider, choice: EngineChoice, options: &EngineOptions) -> bool {
    match provider {
        Provider::Tract => true,
        Provider::Cpu => options.onnxruntime.is_some(),
        Provider::TensorRt | Provider::Cuda => choice == EngineChoice::Only(provider),
    }
}

/// Exports the run again, at the bundle's input size, and verifies the bundle's own fp32 file
/// instead of the new one.
fn verify_golden(
    bundle: &Bundle,
    run: &Run,
    options: &EngineOptions,
) -> Result<NetworkVerification, ExportError> {
    let manifest = &bundle.manifest;
    let size = manifest.preprocess.size;
    // A run of other weights is a mistake of the user, not of the bundle.
    expect_space(&manifest.space_id, run.checkpoint.resized(size).space_id()?)?;
    let run = &run.clone().resized(size)?;
    let draft = BundleDraft::new(run, &recipe(bundle), options)?;
    let subject = Subject {
        graph: &draft.graph,
        tensors: &draft.tensors,
        // The shipped bytes; graph and tensors, for the reference, come from the run.
        onnx: bundle.backbone(),
        precision: manifest.backbone.precision,
        tolerance: Tolerance::of(manifest.backbone.weights),
        golden: &run.golden,
        self_test: Some(&manifest.self_test),
        max_batch: MAX_GOLDEN_SAMPLES,
    };
    Ok(verify(&subject, options))
}

fn expect_space(expected: &str, got: String) -> Result<(), ExportError> {
    if expected == got {
        return Ok(());
    }
    Err(ExportError::Mismatch {
        what: "the run's space",
        expected: expected.to_owned(),
        got,
        remedy: "give the run that the bundle was made of",
    })
}

/// The choices behind a bundle's fp32 backbone.
fn recipe(bundle: &Bundle) -> Recipe {
    let manifest = &bundle.manifest;
    Recipe {
        name: manifest.name.clone(),
        storage: manifest.backbone.weights,
        max_batch: manifest.backbone.max_batch,
        // What follows does not change the fp32 backbone.
        accuracy: Vec::new(),
        weights_license: None,
        lexicon: None,
        half_arithmetic: false,
        calibration: None,
    }
}

impl fmt::Display for BundleVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} file(s) have the hashes of the manifest", self.files)?;
        writeln!(f, "{}\n", decision_line(self.decision))?;
        writeln!(f, "  {:<22}{:<12}self-test", "engine", "precision")?;
        for SelfTestResult { engine, precision, passed, reason, required } in &self.self_tests {
            let result = match (passed, required) {
                (true, _) => "passed",
                (false, true) => "FAILED: ",
                (false, false) => "skipped: ",
            };
            let reason = reason.as_deref().unwrap_or_default();
            writeln!(f, "  {engine:<22}{precision:<12}{result}{reason}")?;
        }
        match &self.golden {
            Some(golden) => write!(f, "\ngolden outputs through the fp32 file:\n\n{golden}"),
            None => Ok(()),
        }
    }
}

fn decision_line(decision: bool) -> &'static str {
    match decision {
        true => "the decision fits the backbone",
        false => "no decision: every image is accepted",
    }
}
