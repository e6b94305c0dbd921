//! The engines of the network: the one in use, and the candidates to replace it.

use std::time::{SystemTime, UNIX_EPOCH};

use edge::engine::{Candidate, CandidateState, EngineStates, Stage};
use models::utc;
use serde::Serialize;
use utoipa::ToSchema;

/// The most characters of a reason.
const MAX_REASON: usize = 1000;

/// The most candidates that are listed. A bundle has at most some files for each engine.
const MAX_CANDIDATES: usize = 64;

/// An engine that may replace the one in use.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EngineCandidate {
    /// The name of the engine.
    #[schema(example = "onnxruntime/tensorrt", max_length = 64)]
    pub provider: String,
    /// The precision of the network.
    #[schema(example = "fp16", max_length = 16)]
    pub precision: String,
    /// How far it is.
    pub state: EngineCandidateState,
    /// What is done for it now; only of one that is being built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<EngineStage>,
    /// When building it began; only of one that is being built.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-30T13:15:07.250Z")]
    pub since: Option<String>,
    /// When a refused one is tried again; absent if only the next start may try it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-30T13:16:07.250Z")]
    pub until: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// The time of one image in milliseconds, if it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, example = 1.25)]
    pub ms: Option<f64>,
}

/// How far a candidate is: not tried yet, being built in a process of its own, being verified,
/// measured and not faster than the engine in use, ready to replace it, or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum EngineCandidateState {
    Untried,
    Building,
    Verifying,
    Measured,
    Ready,
    Refused,
}

/// What is done for a candidate that is being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum EngineStage {
    Starting,
    Loading,
    Verifying,
    Measuring,
}

/// The engine in use and the states of the candidates, without reasons and times.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReadyEngine {
    /// The name of the engine in use.
    #[schema(example = "onnxruntime/cpu", max_length = 64)]
    pub provider: String,
    /// The precision of the network.
    #[schema(example = "int8-u8", max_length = 16)]
    pub precision: String,
    /// The engines that may replace it.
    #[schema(max_items = 64)]
    pub candidates: Vec<ReadyCandidate>,
}

/// The state of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReadyCandidate {
    /// The name of the engine.
    #[schema(example = "onnxruntime/tensorrt", max_length = 64)]
    pub provider: String,
    /// The precision of the network.
    #[schema(example = "fp16", max_length = 16)]
    pub precision: String,
    /// How far it is.
    pub state: EngineCandidateState,
}

impl EngineCandidate {
    /// All candidates, in the order in which they are tried.
    #[must_use]
    pub fn all(states: &EngineStates) -> Vec<Self> {
        states.candidates.iter().take(MAX_CANDIDATES).map(Self::from).collect()
    }
}

impl From<&EngineStates> for ReadyEngine {
    fn from(states: &EngineStates) -> Self {
        let kind = states.serving.kind;
        let candidates = states.candidates.iter().take(MAX_CANDIDATES);
        Self {
            provider: kind.provider.to_string(),
            precision: kind.precision.to_string(),
            candidates: candidates
                .map(|Candidate { kind, state }| ReadyCandidate {
                    provider: kind.provider.to_string(),
                    precision: kind.precision.to_string(),
                    state: state.into(),
                })
                .collect(),
        }
    }
}

impl From<&Candidate> for EngineCandidate {
    fn from(Candidate { kind, state }: &Candidate) -> Self {
        let candidate = Self {
            provider: kind.provider.to_string(),
            precision: kind.precision.to_string(),
            state: state.into(),
            stage: None,
            since: None,
            until: None,
            reason: None,
            ms: None,
        };
        match state {
            CandidateState::Untried | CandidateState::Verifying => candidate,
            CandidateState::Building { stage, since } => {
                Self { stage: Some((*stage).into()), since: Some(time(*since)), ..candidate }
            }
            CandidateState::Measured { ms } => Self { ms: Some(*ms), ..candidate },
            CandidateState::Ready { ms } => Self { ms: *ms, ..candidate },
            CandidateState::Refused { reason, until } => Self {
                reason: Some(reason.chars().take(MAX_REASON).collect()),
                until: until.map(time),
                ..candidate
            },
        }
    }
}

impl From<&CandidateState> for EngineCandidateState {
    fn from(state: &CandidateState) -> Self {
        match state {
            CandidateState::Untried => Self::Untried,
            CandidateState::Building { .. } => Self::Building,
            CandidateState::Verifying => Self::Verifying,
            CandidateState::Measured { .. } => Self::Measured,
            CandidateState::Ready { .. } => Self::Ready,
            CandidateState::Refused { .. } => Self::Refused,
        }
    }
}

impl From<Stage> for EngineStage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Starting => Self::Starting,
            Stage::Loading => Self::Loading,
            Stage::Verifying => Self::Verifying,
            Stage::Measuring => Self::Measuring,
        }
    }
}

fn time(at: SystemTime) -> String {
    // A clock before 1970 is that of a board without a battery.
    let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    utc::rfc3339(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use edge::engine::{EngineKind, Provider};
    use models::bundle::Precision;
    use serde_json::json;

    use super::*;

    fn shown(state: CandidateState) -> serde_json::Value {
        let kind = EngineKind { provider: Provider::TensorRt, precision: Precision::Fp16 };
        let mut value = serde_json::to_value(EngineCandidate::from(&Candidate { kind, state }))
            .expect("it is JSON");
        let fields = value.as_object_mut().expect("it is an object");
        assert_eq!(fields.remove("provider"), Some(json!("onnxruntime/tensorrt")));
        assert_eq!(fields.remove("precision"), Some(json!("fp16")));
        value
    }

    #[test]
    fn every_state_has_its_own_fields() {
        let at = UNIX_EPOCH + Duration::from_millis(1_250);
        let refused = |until| CandidateState::Refused { reason: "killed".to_owned(), until };
        for (state, expected) in [
            (CandidateState::Untried, json!({"state": "untried"})),
            (
                CandidateState::Building { stage: Stage::Loading, since: at },
                json!({"state": "building", "stage": "loading",
                    "since": "1970-01-01T00:00:01.250Z"}),
            ),
            (CandidateState::Verifying, json!({"state": "verifying"})),
            (CandidateState::Measured { ms: 2.5 }, json!({"state": "measured", "ms": 2.5})),
            (CandidateState::Ready { ms: None }, json!({"state": "ready"})),
            (refused(None), json!({"state": "refused", "reason": "killed"})),
            (
                refused(Some(at)),
                json!({"state": "refused", "reason": "killed",
                    "until": "1970-01-01T00:00:01.250Z"}),
            ),
        ] {
            assert_eq!(shown(state), expected);
        }
    }
}
