//! The proof that a bundle's networks compute what was trained: the training engine's golden outputs, replayed through
//! every engine at hand on the very bytes that ship.

use std::fmt;

use edge::engine::{Engine, EngineChoice, EngineOptions, Model, Provider, select};
use edge::precision::reluctance;
use models::bundle::{Precision, SelfTest, Verification, WeightStorage, self_test};
use models::checkpoint::Golden;
use models::graph::Graph;
use models::reference::{self, ReferenceError};
use models::tensors::Tensors;
use ndarray::{ArrayD, ArrayViewD, Axis};
use serde::Serialize;

use crate::run::MAX_GOLDEN_SAMPLES;

/// The name of the interpreter that all engines are compared with, in a table.
pub const REFERENCE: &str = "reference";

/// What is verified: a network as it ships, and what it must compute.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The network.
    pub graph: &'a Graph,
    /// Its tensors, as stored.
    pub tensors: &'a Tensors,
    /// Both as an ONNX file.
    pub onnx: &'a [u8],
    /// The file's arithmetic.
    pub precision: Precision,
    /// How far an engine may be off.
    pub tolerance: Tolerance,
    /// What training computed, or what the reference computes of a variant or at another size.
    pub golden: &'a Golden,
    /// What a device will be asked of a backbone.
    pub self_test: Option<&'a SelfTest>,
}

/// How far an engine may be from the golden outputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tolerance {
    /// The largest difference of any value, as a share of the largest golden value.
    pub max_relative_difference: f64,
    /// The smallest cosine of an embedding with its golden one.
    pub min_cosine: f64,
}

impl Tolerance {
    /// For 8-bit integers against the reference of the same rounding: an engine that adds in another order, or multiplies
    /// by a scale before it rounds, now and then arrives at the next of 256 steps.
    pub const INTEGERS: Self = Self { max_relative_difference: 0.1, min_cosine: 0.99 };

    /// For 16-bit arithmetic against training's 32: each operation keeps 11 bits, and a network has dozens.
    pub const HALVES: Self = Self { max_relative_difference: 2e-2, min_cosine: 0.999 };

    /// What each way of storing weights costs, with a margin of three and more: rounding them to 16 bits was seen to move
    /// embeddings of ResNet-12 by 2 to 6 parts in ten thousand and those of EfficientNet-Lite0, on noise, by 4 to 6 in a
    /// thousand, 32-bit arithmetic in another order by 3 in a million.
    pub fn of(storage: WeightStorage) -> Self {
        match storage {
            WeightStorage::Fp32 => Self { max_relative_difference: 1e-4, min_cosine: 1.0 - 1e-6 },
            _ => Self { max_relative_difference: 2e-2, min_cosine: 1.0 - 1e-4 },
        }
    }
}

/// How far an engine was from the golden outputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The largest difference of any value.
    pub max_abs_difference: f64,
    /// The smallest cosine of an embedding with its golden one.
    pub min_cosine: f64,
}

/// What became of one engine.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// It computes what was trained.
    Passed(Difference),
    /// It computes something else.
    Differs(Difference),
    /// It should run here and does not.
    Failed {
        /// Why.
        reason: String,
    },
    /// It is not on this machine.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// One engine's line of a [`Verified`] table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The engine.
    pub engine: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// All engines, and whether the network may ship. Its `Display` is an aligned table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// What was allowed.
    pub tolerance: Tolerance,
    /// The largest golden value: differences are measured against it.
    pub golden_max: f64,
    /// The reference first, then the engines in the order of preference.
    pub rows: Vec<Row>,
}

/// Replays the golden inputs through the reference alone.
pub(crate) fn on_reference(
    graph: &Graph,
    tensors: &Tensors,
    golden: &Golden,
    tolerance: Tolerance,
) -> Verified {
    let values = golden.outputs.values().flatten();
    let golden_max = values.fold(0.0, |max: f64, v| max.max(f64::from(v.abs())));
    let mut verified = Verified { tolerance, golden_max, rows: Vec::new() };
    let outputs = reference::run(graph, tensors, &given(golden)).map_err(|e| e.to_string());
    let samples = golden.samples();
    let differences = outputs.map(|outputs| compared(graph, golden, &outputs, samples));
    verified.push(REFERENCE.to_owned(), differences);
    verified
}

/// Replays the golden inputs through the reference and every engine of this machine, and the self-test through
/// every engine. ONNX Runtime on the processor must pass where its library was found, tract always; TensorRT and
/// CUDA where they start.
pub fn verify(subject: &Subject<'_>, options: &EngineOptions) -> Verified {
    let Subject { graph, tensors, golden, tolerance, .. } = *subject;
    let mut verified = on_reference(graph, tensors, golden, tolerance);
    for provider in Provider::ALL {
        if let Some(reason) = reluctance(provider, subject.precision) {
            let outcome = Outcome::Skipped { reason: reason.to_owned() };
            verified.rows.push(Row { engine: provider.to_string(), outcome });
            continue;
        }
        match start(subject, provider, options) {
            Ok(mut engine) => verified.push(provider.to_string(), replay(subject, engine.as_mut())),
            Err(reason) if must_start(provider, options) => {
                verified.push(provider.to_string(), Err(reason))
            }
            Err(reason) => {
                verified.rows.push(Row {
                    engine: provider.to_string(),
                    outcome: Outcome::Skipped { reason },
                });
            }
        }
    }
    verified
}

fn must_start(provider: Provider, options: &EngineOptions) -> bool {
    match provider {
        Provider::Tract => true,
        Provider::Cpu => options.onnxruntime.is_some(),
        Provider::TensorRt | Provider::Cuda => false,
    }
}

fn start(
    subject: &Subject<'_>,
    provider: Provider,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, String> {
    let inputs: Vec<_> =
        subject.graph.inputs.iter().map(|i| (i.name.clone(), i.shape.clone())).collect();
    let (onnx, precision) = (subject.onnx, subject.precision);
    let model = Model { onnx, inputs: &inputs, max_batch: MAX_GOLDEN_SAMPLES, precision };
    match select(&model, EngineChoice::Only(provider), options) {
        Ok(selected) => Ok(selected.engine),
        Err(error) => {
            Err(error.rejected.first().map_or_else(|| error.to_string(), |r| r.reason.clone()))
        }
    }
}

fn given(golden: &Golden) -> Vec<(&str, ArrayViewD<'_, f32>)> {
    golden.inputs.iter().map(|(name, value)| (name.as_str(), value.view())).collect()
}

fn first<'a>(value: &ArrayViewD<'a, f32>) -> ArrayViewD<'a, f32> {
    value.clone().slice_axis_move(Axis(0), (0..1).into())
}

/// The worst difference of any output of the first `samples`.
fn compared(graph: &Graph, golden: &Golden, outputs: &[ArrayD<f32>], samples: usize) -> Difference {
    let golden = graph.outputs.iter().map(|name| &golden.outputs[name]);
    let expected = golden.map(|golden| golden.slice_axis(Axis(0), (0..samples).into()));
    let differences =
        outputs.iter().zip(expected).map(|(got, golden)| difference(got, &golden.to_owned()));
    differences.fold(Difference::NONE, Difference::worse)
}

/// All golden samples at once, the first by itself, and the self-test.
fn replay(subject: &Subject<'_>, engine: &mut dyn Engine) -> Result<Difference, String> {
    let mut run = |inputs: &[(&str, ArrayViewD<'_, f32>)]| {
        let outputs = engine.run(inputs).map_err(|e| e.to_string())?;
        let (got, expected) = (outputs.len(), subject.graph.outputs.len());
        let wrong = || format!("it gave {got} outputs, expected {expected}");
        if got == expected { Ok(outputs) } else { Err(wrong()) }
    };
    let all = given(subject.golden);
    let Subject { graph, golden, .. } = subject;
    let together = compared(graph, golden, &run(&all)?, golden.samples());
    let one: Vec<_> = all.iter().map(|(name, value)| (*name, first(value))).collect();
    let alone = compared(graph, golden, &run(&one)?, 1);
    if let Some(self_test) = subject.self_test {
        let input = &subject.graph.inputs[0];
        let noise = self_test::input(self_test.seed, input.shape[1]).into_dyn();
        let proof = run(&[(&input.name, noise.view())])?.swap_remove(0).flatten().to_owned();
        self_test.verify(proof.view()).map_err(|e| e.to_string())?;
    }
    Ok(together.worse(alone))
}

/// What the reference computes of these inputs, to hold engines to.
///
/// # Errors
/// [`ReferenceError`] for a network that cannot be run.
pub(crate) fn reference_golden(
    graph: &Graph,
    tensors: &Tensors,
    inputs: Tensors,
) -> Result<Golden, ReferenceError> {
    let given: Vec<_> = inputs.iter().map(|(name, value)| (name.as_str(), value.view())).collect();
    let outputs = reference::run(graph, tensors, &given)?;
    let outputs = graph.outputs.iter().cloned().zip(outputs).collect();
    Ok(Golden { inputs, outputs })
}

/// Compares embeddings `[n, s]`, in f64. Another shape, or a value that is not a number, is as far as can be.
pub fn difference(got: &ArrayD<f32>, golden: &ArrayD<f32>) -> Difference {
    if got.shape() != golden.shape() {
        return Difference { max_abs_difference: f64::INFINITY, min_cosine: -1.0 };
    }
    let differences = got.iter().zip(golden).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
    let max_abs_difference =
        differences.fold(0.0, |max: f64, d| if d.is_nan() { f64::INFINITY } else { max.max(d) });
    let rows = got.axis_iter(Axis(0)).zip(golden.axis_iter(Axis(0)));
    // Rows of zeros have no cosine, and an output may rightly be zero.
    let of_row = |(a, b)| if a == b { 1.0 } else { cosine(a, b) };
    let min_cosine = rows.map(of_row).fold(1.0, f64::min);
    Difference { max_abs_difference, min_cosine }
}

fn cosine(a: ArrayViewD<'_, f32>, b: ArrayViewD<'_, f32>) -> f64 {
    let dot = |a: &ArrayViewD<'_, f32>, b: &ArrayViewD<'_, f32>| -> f64 {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    if cosine.is_nan() { -1.0 } else { cosine }
}

impl Difference {
    const NONE: Self = Self { max_abs_difference: 0.0, min_cosine: 1.0 };

    fn worse(self, other: Self) -> Self {
        Self {
            max_abs_difference: self.max_abs_difference.max(other.max_abs_difference),
            min_cosine: self.min_cosine.min(other.min_cosine),
        }
    }

    /// As a manifest keeps it: bounds, rounded outwards to a power of ten.
    fn bounds(self, engine: String) -> Verification {
        Verification {
            engine,
            max_abs_difference: power_of_ten_above(self.max_abs_difference),
            min_cosine: 1.0 - power_of_ten_above(1.0 - self.min_cosine),
        }
    }
}

/// At least 1e-9, the last digit that 32-bit values can mean anything in.
fn power_of_ten_above(value: f64) -> f64 {
    let exponent = (-9..10).find(|&e| value <= 10f64.powi(e)).unwrap_or(10);
    // Parsed rather than computed, so that the written digits are `1e-6` and not its neighbor.
    format!("1e{exponent}").parse().expect("invariant: a power of ten is a number")
}

impl Verified {
    /// The largest difference that is allowed.
    pub fn allowed(&self) -> f64 {
        self.tolerance.max_relative_difference * self.golden_max
    }

    /// Whether every engine that had to run computes what was trained.
    pub fn passed(&self) -> bool {
        self.rows
            .iter()
            .all(|row| matches!(row.outcome, Outcome::Passed(_) | Outcome::Skipped { .. }))
    }

    /// The engines that passed, as a manifest keeps them.
    pub fn for_manifest(&self) -> Vec<Verification> {
        let bounds = |row: &Row| match row.outcome {
            Outcome::Passed(difference) => Some(difference.bounds(row.engine.clone())),
            _ => None,
        };
        self.rows.iter().filter_map(bounds).collect()
    }

    fn push(&mut self, engine: String, result: Result<Difference, String>) {
        let outcome = match result {
            Ok(difference) if self.allows(difference) => Outcome::Passed(difference),
            Ok(difference) => Outcome::Differs(difference),
            Err(reason) => Outcome::Failed { reason },
        };
        self.rows.push(Row { engine, outcome });
    }

    fn allows(&self, difference: Difference) -> bool {
        difference.max_abs_difference <= self.allowed()
            && difference.min_cosine >= self.tolerance.min_cosine
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<22}{:>16}{:>14}  result", "engine", "max difference", "min cosine")?;
        let allowed = self.allowed();
        writeln!(f, "  {:<22}{allowed:>16.1e}{:>14.8}", "(allowed)", self.tolerance.min_cosine)?;
        for Row { engine, outcome } in &self.rows {
            let figures =
                |d: &Difference| format!("{:>16.1e}{:>14.8}", d.max_abs_difference, d.min_cosine);
            let (figures, result) = match outcome {
                Outcome::Passed(d) => (figures(d), "passed".to_owned()),
                Outcome::Differs(d) => (figures(d), "TOO FAR".to_owned()),
                Outcome::Failed { reason } => (String::new(), format!("FAILED: {reason}")),
                Outcome::Skipped { reason } => (String::new(), format!("skipped: {reason}")),
            };
            writeln!(f, "  {engine:<22}{figures:>30}  {result}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    fn compared(got: &[[f32; 2]; 2]) -> Difference {
        difference(&arr2(got).into_dyn(), &arr2(&[[1.0, 0.0], [0.0, 2.0]]).into_dyn())
    }

    #[test]
    fn differences_are_the_worst_of_all_rows() {
        assert_eq!(
            compared(&[[1.0, 0.0], [0.0, 2.0]]),
            Difference { max_abs_difference: 0.0, min_cosine: 1.0 }
        );
        assert_eq!(
            compared(&[[1.0, 0.0], [0.0, 1.0]]),
            Difference { max_abs_difference: 1.0, min_cosine: 1.0 }
        );
        assert_eq!(
            compared(&[[0.0, 1.0], [0.0, 2.0]]),
            Difference { max_abs_difference: 1.0, min_cosine: 0.0 }
        );
    }

    #[test]
    fn what_is_not_a_number_is_as_far_as_can_be() {
        let worst = compared(&[[f32::NAN, 0.0], [0.0, 2.0]]);
        assert_eq!(worst, Difference { max_abs_difference: f64::INFINITY, min_cosine: -1.0 });
        assert_eq!(compared(&[[0.0, 0.0], [0.0, 2.0]]).min_cosine, -1.0);
        let zeros = arr2(&[[0.0, 0.0]]).into_dyn();
        assert_eq!(difference(&zeros, &zeros), Difference::NONE);
        let shape = difference(&arr2(&[[1.0]]).into_dyn(), &arr2(&[[1.0, 1.0]]).into_dyn());
        assert_eq!(shape.max_abs_difference, f64::INFINITY);
    }

    #[test]
    fn a_manifest_keeps_bounds_in_powers_of_ten() {
        let bounds =
            Difference { max_abs_difference: 1.7e-6, min_cosine: 1.0 - 3e-8 }.bounds(String::new());
        assert_eq!((bounds.max_abs_difference, bounds.min_cosine), (1e-5, 1.0 - 1e-7));
        assert_eq!(power_of_ten_above(0.0), 1e-9);
        assert_eq!(power_of_ten_above(-1e-17), 1e-9);
        assert_eq!(power_of_ten_above(0.01), 0.01);
    }

    #[test]
    fn the_table_says_what_was_allowed_and_what_happened() {
        let tolerance = Tolerance::of(WeightStorage::Fp32);
        let mut verified = Verified { tolerance, golden_max: 2.0, rows: Vec::new() };
        verified
            .push("good".to_owned(), Ok(Difference { max_abs_difference: 1e-4, min_cosine: 1.0 }));
        assert!(verified.passed());
        let skipped = Outcome::Skipped { reason: "no library".to_owned() };
        verified.rows.push(Row { engine: "absent".to_owned(), outcome: skipped });
        assert!(verified.passed());
        assert_eq!(verified.for_manifest().len(), 1);
        verified
            .push("far".to_owned(), Ok(Difference { max_abs_difference: 3e-4, min_cosine: 1.0 }));
        verified.push(
            "askew".to_owned(),
            Ok(Difference { max_abs_difference: 1e-4, min_cosine: 0.999_99 }),
        );
        assert!(!verified.passed());
        let table = verified.to_string();
        for line in ["passed", "skipped: no library", "TOO FAR"] {
            assert!(table.contains(line), "{line} in\n{table}");
        }
    }
}
