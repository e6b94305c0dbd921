//! The result of each engine on a network, and its table.

use std::fmt;

use models::bundle::Verification;
use serde::Serialize;

use super::difference::Difference;
use super::tolerance::Tolerance;

/// The name of the reference interpreter in a table and in a manifest.
pub const REFERENCE: &str = "reference";

/// The result of one engine.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// The engine computes the golden outputs.
    Passed(Difference),
    /// The engine computes something else.
    Differs(Difference),
    /// The engine was required and does not run.
    Failed {
        /// Why.
        reason: String,
    },
    /// The engine is not available on this machine.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// One row of a [`NetworkVerification`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EngineResult {
    /// The engine.
    pub engine: String,
    /// Its result.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The result of every engine on one network. Its `Display` is an aligned table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkVerification {
    /// The differences that are allowed.
    pub tolerance: Tolerance,
    /// The largest absolute golden value: differences are measured as a share of it.
    pub golden_max: f64,
    /// The reference first, then the engines in order of preference.
    pub rows: Vec<EngineResult>,
}

impl NetworkVerification {
    pub(super) fn new(tolerance: Tolerance, golden_max: f64) -> Self {
        Self { tolerance, golden_max, rows: Vec::new() }
    }

    /// The largest absolute difference that is allowed.
    pub fn allowed(&self) -> f64 {
        self.tolerance.max_relative_difference * self.golden_max
    }

    /// Whether every required engine computes the golden outputs.
    pub fn passed(&self) -> bool {
        self.rows
            .iter()
            .all(|row| matches!(row.outcome, Outcome::Passed(_) | Outcome::Skipped { .. }))
    }

    /// Itself as an error, unless it [passed](Self::passed).
    pub(crate) fn accepted(self) -> Result<Self, Self> {
        if self.passed() { Ok(self) } else { Err(self) }
    }

    /// The engines that passed, as entries of a manifest.
    pub fn for_manifest(&self) -> Vec<Verification> {
        self.rows
            .iter()
            .filter_map(|row| match row.outcome {
                Outcome::Passed(difference) => Some(difference.bounds(row.engine.clone())),
                _ => None,
            })
            .collect()
    }

    pub(super) fn push(&mut self, engine: String, result: Result<Difference, String>) {
        let outcome = match result {
            Ok(difference) if self.allows(difference) => Outcome::Passed(difference),
            Ok(difference) => Outcome::Differs(difference),
            Err(reason) => Outcome::Failed { reason },
        };
        self.rows.push(EngineResult { engine, outcome });
    }

    pub(super) fn skip(&mut self, engine: String, reason: String) {
        self.rows.push(EngineResult { engine, outcome: Outcome::Skipped { reason } });
    }

    fn allows(&self, difference: Difference) -> bool {
        difference.max_abs_difference <= self.allowed()
            && difference.min_cosine >= self.tolerance.min_cosine
    }
}

impl fmt::Display for NetworkVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<22}{:>16}{:>14}  result", "engine", "max difference", "min cosine")?;
        let allowed = self.allowed();
        writeln!(f, "  {:<22}{allowed:>16.1e}{:>14.8}", "(allowed)", self.tolerance.min_cosine)?;
        for EngineResult { engine, outcome } in &self.rows {
            writeln!(f, "  {engine:<22}{outcome}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(difference) => write!(f, "{difference}  passed"),
            Self::Differs(difference) => write!(f, "{difference}  TOO FAR"),
            Self::Failed { reason } => write!(f, "{:>30}  FAILED: {reason}", ""),
            Self::Skipped { reason } => write!(f, "{:>30}  skipped: {reason}", ""),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>16.1e}{:>14.8}", self.max_abs_difference, self.min_cosine)
    }
}

#[cfg(test)]
mod tests {
    use models::bundle::WeightStorage;

    use super::*;

    fn push(verification: &mut NetworkVerification, max_abs_difference: f64, min_cosine: f64) {
        let difference = Difference { max_abs_difference, min_cosine };
        verification.push("engine".to_owned(), Ok(difference));
    }

    #[test]
    fn table_shows_the_tolerance_and_every_outcome() {
        let tolerance = Tolerance::of(WeightStorage::Fp32);
        let mut verification = NetworkVerification::new(tolerance, 2.0);
        push(&mut verification, 1e-4, 1.0);
        assert!(verification.passed());
        verification.skip("absent".to_owned(), "no library".to_owned());
        assert!(verification.passed());
        assert_eq!(verification.for_manifest().len(), 1);
        push(&mut verification, 3e-4, 1.0);
        assert!(!verification.passed());
        let table = verification.to_string();
        for line in ["passed", "skipped: no library", "TOO FAR"] {
            assert!(table.contains(line), "{line} in\n{table}");
        }
    }

    #[test]
    fn a_small_cosine_is_rejected_whatever_the_difference() {
        let tolerance = Tolerance::of(WeightStorage::Fp32);
        let mut verification = NetworkVerification::new(tolerance, 2.0);
        push(&mut verification, 1e-4, 0.999_99);
        assert!(!verification.passed());
    }
}
