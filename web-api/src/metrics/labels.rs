//! The labels of the series: each has a limited number of values.

use std::fmt::{Error, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// The most galleries with series of their own.
pub const MAX_GALLERIES: usize = 1000;

/// A stage of classifying an image. One that is enrolled has the first three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// File to pixels.
    Decode,
    /// Pixels to the network's input.
    Preprocess,
    /// The network.
    Embed,
    /// The comparison with the classes of a gallery, without explanations.
    Classify,
}

/// Why a request was refused, or its connection closed, though nothing was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The address has its share of the images in the queue.
    Queue,
    /// The address has its share of the memory for bodies and answers.
    Memory,
    /// All connections are in use.
    Connections,
    /// The connection gave its place to another one.
    Displaced,
    /// The body stalled while other clients waited for memory.
    Stalled,
    /// The body did not arrive in time.
    Slow,
    /// The answer was not ready in time.
    Deadline,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 4] = [Self::Decode, Self::Preprocess, Self::Embed, Self::Classify];

    fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Preprocess => "preprocess",
            Self::Embed => "embed",
            Self::Classify => "classify",
        }
    }
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Queue,
        Self::Memory,
        Self::Connections,
        Self::Displaced,
        Self::Stalled,
        Self::Slow,
        Self::Deadline,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Memory => "memory",
            Self::Connections => "connections",
            Self::Displaced => "displaced",
            Self::Stalled => "stalled",
            Self::Slow => "slow",
            Self::Deadline => "deadline",
        }
    }
}

impl EncodeLabelValue for Stage {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        encoder.write_str(self.as_str())
    }
}

impl EncodeLabelValue for Refusal {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        encoder.write_str(self.as_str())
    }
}

/// Labels of a request, each with few values, so that the number of series stays small.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// `GET`, …, or `other`.
    pub method: &'static str,
    /// The route's pattern, not the path.
    pub route: String,
    /// The HTTP status.
    pub status: u16,
}

/// Labels of the times of requests: each of them has a series for every bucket, so the status is
/// left to the counter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// As in [`Request`].
    pub method: &'static str,
    /// As in [`Request`].
    pub route: String,
}

/// The label of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StageLabels {
    /// The stage.
    pub stage: Stage,
}

/// The label of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusalLabels {
    /// Why.
    pub reason: Refusal,
}

/// The label of a call that was refused for its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KeyLabels {
    /// Why.
    pub reason: &'static str,
}

/// The label of a gallery.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct GalleryLabels {
    /// Its folded name.
    pub gallery: String,
}

/// Labels of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabels {
    /// The folded name of the gallery.
    pub gallery: String,
    /// What was decided.
    pub decision: &'static str,
}

/// The labels of the engine in use.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EngineLabels {
    /// Its name.
    pub provider: String,
    /// The arithmetic of the network.
    pub precision: String,
}

/// The label of the candidates in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CandidateLabels {
    /// How far they are.
    pub state: &'static str,
}

/// The label of an export or import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TransferLabels {
    /// `export` or `import`.
    pub kind: &'static str,
}
