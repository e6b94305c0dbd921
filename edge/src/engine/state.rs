//! What is known of the engines of a backbone: which one runs it, and how far the others are.
//!
//! These are values: the service, the command and the log show them in words of their own or in
//! these.
//!
//! # Examples
//! ```
//! use edge::engine::{CandidateState, EngineKind, Provider};
//! use models::bundle::Precision;
//!
//! let kind = EngineKind { provider: Provider::TensorRt, precision: Precision::Fp16 };
//! let state = CandidateState::Measured { ms: 1.25 };
//! assert_eq!(format!("{kind}: {state}"), "onnxruntime/tensorrt in fp16: takes 1.25 ms");
//! ```

use std::fmt;
use std::time::{Duration, SystemTime};

use models::bundle::Precision;

use super::choice::Provider;

/// An engine and its arithmetic: what a backbone may run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineKind {
    /// Who runs the network.
    pub provider: Provider,
    /// The arithmetic of the file.
    pub precision: Precision,
}

/// Every engine of a backbone.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineStates {
    /// The one in use.
    pub serving: Serving,
    /// All others that may replace it, in the order in which they are tried.
    pub candidates: Vec<Candidate>,
}

/// The engine in use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Serving {
    /// Which one.
    pub kind: EngineKind,
    /// The time of one image in milliseconds; `None` before it is measured.
    pub ms: Option<f64>,
    /// Since when.
    pub since: SystemTime,
}

/// An engine that may replace the one in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which one.
    pub kind: EngineKind,
    /// How far it is.
    pub state: CandidateState,
}

/// How far a candidate is.
#[derive(Debug, Clone, PartialEq)]
pub enum CandidateState {
    /// Its turn has not come.
    Untried,
    /// A child process builds it.
    Building {
        /// What the child does.
        stage: Stage,
        /// Since when it runs.
        since: SystemTime,
    },
    /// It is built, and is verified in this process.
    Verifying,
    /// It is right, but not faster than the engine in use by the margin of a switch.
    Measured {
        /// The time of one image in milliseconds.
        ms: f64,
    },
    /// It is right and faster: it takes over between two requests. Also one that served before.
    Ready {
        /// The time of one image in milliseconds; `None` if it was never measured.
        ms: Option<f64>,
    },
    /// It cannot be used.
    Refused {
        /// Why, in one line.
        reason: String,
        /// When it is tried again; `None` for not before the next start.
        until: Option<SystemTime>,
    },
}

/// What a child process does for a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It starts and reads the bundle.
    Starting,
    /// The engine loads the network, which is when TensorRT builds.
    Loading,
    /// It computes the self-test.
    Verifying,
    /// It is timed.
    Measuring,
}

impl EngineStates {
    /// The state of a candidate; `None` for the engine in use and for others.
    #[must_use]
    pub fn candidate(&self, kind: EngineKind) -> Option<&CandidateState> {
        self.candidates.iter().find(|one| one.kind == kind).map(|one| &one.state)
    }

    /// The time of an image on this engine, if it is known.
    #[must_use]
    pub fn ms_of(&self, kind: EngineKind) -> Option<f64> {
        match self.candidate(kind) {
            None if self.serving.kind == kind => self.serving.ms,
            Some(CandidateState::Measured { ms }) => Some(*ms),
            Some(CandidateState::Ready { ms }) => *ms,
            _ => None,
        }
    }

    /// Gives a candidate another state, or takes it off the list.
    pub(crate) fn set(&mut self, kind: EngineKind, state: Option<CandidateState>) {
        let place = self.candidates.iter().position(|one| one.kind == kind);
        match (place, state) {
            (Some(place), Some(state)) => self.candidates[place].state = state,
            (Some(place), None) => drop(self.candidates.remove(place)),
            (None, Some(state)) => self.candidates.push(Candidate { kind, state }),
            (None, None) => {}
        }
    }

    /// A candidate takes over from the engine in use, which becomes a candidate.
    pub(crate) fn serve(&mut self, kind: EngineKind, ms: Option<f64>) {
        let before = self.serving;
        self.set(kind, None);
        self.set(before.kind, Some(CandidateState::Ready { ms: before.ms }));
        self.serving = Serving::from_now(kind, ms);
    }
}

impl Serving {
    pub(crate) fn from_now(kind: EngineKind, ms: Option<f64>) -> Self {
        Self { kind, ms, since: SystemTime::now() }
    }
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Self; 4] = [Self::Starting, Self::Loading, Self::Verifying, Self::Measuring];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Loading => "loading",
            Self::Verifying => "verifying",
            Self::Measuring => "measuring",
        }
    }
}

impl CandidateState {
    /// The word for it, without its details.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Building { .. } => "building",
            Self::Verifying => "verifying",
            Self::Measured { .. } => "measured",
            Self::Ready { .. } => "ready",
            Self::Refused { .. } => "refused",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.provider, self.precision)
    }
}

impl fmt::Display for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ms {
            Some(ms) => write!(f, "{}, {ms:.2} ms an image", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.state)
    }
}

impl fmt::Display for CandidateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untried => f.write_str("not tried yet"),
            Self::Building { stage, since } => {
                write!(f, "being built for {} s ({stage})", seconds(since.elapsed()))
            }
            Self::Verifying => f.write_str("built, being verified"),
            Self::Measured { ms } => write!(f, "takes {ms:.2} ms"),
            Self::Ready { ms: Some(ms) } => write!(f, "ready, takes {ms:.2} ms"),
            Self::Ready { ms: None } => f.write_str("ready"),
            Self::Refused { reason, until: None } => write!(f, "refused: {reason}"),
            Self::Refused { reason, until: Some(until) } => {
                let wait = until.duration_since(SystemTime::now());
                write!(f, "refused: {reason}; tried again in {} s", seconds(wait))
            }
        }
    }
}

/// Whole seconds; none after a step of the clock.
fn seconds<E>(time: Result<Duration, E>) -> u64 {
    time.map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_words() {
        let now = SystemTime::now();
        let reason = "killed by SIGKILL".to_owned();
        for (state, expected) in [
            (CandidateState::Untried, "not tried yet"),
            (
                CandidateState::Building { stage: Stage::Loading, since: now },
                "being built for 0 s (loading)",
            ),
            (CandidateState::Measured { ms: 2.0 }, "takes 2.00 ms"),
            (CandidateState::Ready { ms: None }, "ready"),
            (
                CandidateState::Refused { reason: reason.clone(), until: Some(now) },
                "refused: killed by SIGKILL; tried again in 0 s",
            ),
            (CandidateState::Refused { reason, until: None }, "refused: killed by SIGKILL"),
        ] {
            assert_eq!(state.to_string(), expected);
        }
    }
}
