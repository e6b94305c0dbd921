//! What `handful classify` prints, as text and as JSON.

use std::fmt;
use std::time::Duration;

use edge::classifier::Candidate;
use edge::decision::{Decision, Unknown};
use edge::embedder::Embedded;
use edge::explain::{AttributeWeight, Explanation};
use edge::recognizer;
use few_shot::fusion::{Fusion, Setting};
use models::image::Warning;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::verdict;
use crate::commands::inputs::Ignored;
use crate::commands::{FileError, ModelInfo};
use crate::text::{Align, bar, counted, pad, percent};

/// Attributes that the text output lists at most.
const MAX_SHOWN: usize = 8;

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) results: Vec<FileAnswer>,
    pub(super) errors: Vec<FileError>,
    /// What is in a folder or archive and no image of it; absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<Ignored>,
    pub(super) fusion: Fusion,
    pub(super) setting: Setting,
    pub(super) model: ModelInfo,
}

#[derive(Debug, Serialize)]
pub(super) struct FileAnswer {
    file: String,
    /// The part of the image that was looked at, in fractions; absent for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    crop: Option<String>,
    #[serde(skip)]
    // Only in text: a program reads the fields below.
    verdict: Option<String>,
    /// `accepted`, `rejected`, `ambiguous`, or `empty` if there is no candidate.
    decision: &'static str,
    /// That of the best candidate; null if the image is rejected.
    label: Option<String>,
    /// Probability of the best candidate; null if the bundle has no decision.
    confidence: Option<f64>,
    /// Label of the class that cannot be told apart from the best candidate.
    ambiguous_with: Option<String>,
    candidates: Vec<Ranked>,
    /// Null if the bundle has no decision.
    unknown: Option<UnknownAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Why>,
    warnings: Vec<Noted>,
    timing_ms: TimingMs,
}

/// Explanation of the best candidate.
#[derive(Debug, Serialize)]
struct Why {
    attributes: Vec<Weighed>,
    nearest: Vec<Alike>,
}

#[derive(Debug, Serialize)]
struct Weighed {
    name: String,
    /// Its weight in the class's prototype; null if it has none.
    weight: Option<f32>,
}

#[derive(Debug, Serialize)]
struct Alike {
    example: String,
    #[serde(skip)]
    // Only in text: people type the first digits.
    short_id: String,
    similarity: f32,
}

#[derive(Debug, Serialize)]
struct Ranked {
    class: String,
    label: String,
    /// Cosine similarity of image and class prototype.
    similarity: f32,
    /// Added to the similarity for ranking (calibrated stacking).
    name_bias: f32,
    /// Probability that the image shows the class; null if the bundle has no decision.
    probability: Option<f64>,
    examples: usize,
    /// Share of the semantic prototype, 0 to 1.
    knowledge: f32,
    synset: Option<String>,
}

/// How the image compares with unknown ones.
#[derive(Debug, Serialize)]
struct UnknownAnswer {
    /// Calibrated score.
    score: f64,
    /// The least score that is accepted.
    threshold: f64,
    /// Share of unknown images that score at least as high.
    false_accept_rate: f64,
    /// Share of unknown images that are accepted.
    stated_false_accept_rate: f64,
    /// Whether the gallery has evidence for that share.
    stated: bool,
    /// Probability that the image shows none of the classes.
    probability: f64,
    /// Whether the image is rejected because it is more like a background example.
    background: bool,
}

#[derive(Debug, Serialize)]
struct Noted {
    code: &'static str,
    detail: String,
}

#[derive(Debug, Serialize)]
struct TimingMs {
    decode: f64,
    preprocess: f64,
    embed: f64,
}

impl Why {
    fn of(explanation: Explanation) -> Self {
        let attributes = explanation.attributes.into_iter();
        let nearest = explanation.nearest.into_iter();
        Self {
            attributes: attributes
                .map(|AttributeWeight { name, weight }| Weighed { name, weight })
                .collect(),
            nearest: nearest
                .map(|near| Alike {
                    example: near.example_id.to_string(),
                    short_id: near.example_id.short(),
                    similarity: near.similarity,
                })
                .collect(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes: Vec<_> =
            self.attributes.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
        if !attributes.is_empty() {
            writeln!(f, "  attributes    {}", attributes.join(", "))?;
        }
        let nearest: Vec<_> = self.nearest.iter().map(ToString::to_string).collect();
        if !nearest.is_empty() {
            writeln!(f, "  most similar  {}", nearest.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Weighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.weight.map_or(Ok(()), |weight| write!(f, " {weight:.2}"))
    }
}

impl fmt::Display for Alike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:.2})", self.short_id, self.similarity)
    }
}

impl FileAnswer {
    /// The answer for an image of this file, in a gallery of `classes` classes.
    pub(super) fn new(
        file: String,
        image: Embedded,
        answer: recognizer::Answer,
        classes: usize,
    ) -> Self {
        let timing = image.timing;
        Self {
            file,
            crop: image.crop.map(|crop| crop.to_string()),
            verdict: verdict::in_words(&answer, classes),
            decision: answer.decision.as_str(),
            label: answer.label().map(ToString::to_string),
            confidence: answer.confidence,
            ambiguous_with: answer.ambiguous_with.map(|label| label.to_string()),
            unknown: answer.unknown.map(UnknownAnswer::of),
            candidates: answer.candidates.into_iter().map(Ranked::of).collect(),
            explanation: answer.explanation.map(Why::of),
            warnings: image
                .warnings
                .into_iter()
                .map(|Warning { code, detail }| Noted { code, detail })
                .collect(),
            timing_ms: TimingMs {
                decode: milliseconds(timing.decode),
                preprocess: milliseconds(timing.preprocess),
                embed: milliseconds(timing.embed),
            },
        }
    }

    pub(super) fn is_rejected(&self) -> bool {
        self.decision == Decision::Rejected.as_str()
    }
}

impl UnknownAnswer {
    fn of(unknown: Unknown) -> Self {
        Self {
            score: unknown.score,
            threshold: unknown.threshold,
            false_accept_rate: unknown.false_accept_rate,
            stated_false_accept_rate: unknown.stated_false_accept_rate,
            stated: unknown.stated,
            probability: unknown.probability,
            background: unknown.background,
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Ranked {
    fn of(candidate: Candidate) -> Self {
        Self {
            class: candidate.class_id.to_string(),
            label: candidate.label.to_string(),
            similarity: candidate.similarity,
            name_bias: candidate.name_bias,
            probability: candidate.probability,
            examples: candidate.examples,
            knowledge: candidate.knowledge,
            synset: candidate.meaning.map(|meaning| meaning.synset.to_string()),
        }
    }

    /// Its label, padded to this width, similarity, probability and source.
    fn line(&self, width: usize) -> String {
        let label = pad(&self.label, width, Align::Left);
        let bar = pad(&bar(self.similarity, 20), 20, Align::Left);
        let similarity = format!("{:>5.2}", self.similarity);
        let probability = self.probability.map(|share| pad(&percent(share), 6, Align::Right));
        let cells = [Some(label), Some(similarity), Some(bar), probability, Some(self.source())];
        cells.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }

    /// What the class was recognized from.
    fn source(&self) -> String {
        let examples = match self.examples {
            0 => return "from its name only".to_owned(),
            n => counted(n),
        };
        match (100.0 * self.knowledge).round() {
            0.0 => examples,
            percent => format!("{examples}, {percent:.0} % from its name"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.results.iter().try_for_each(|result| write!(f, "{result}"))
    }
}

impl fmt::Display for FileAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.file)?;
        if let Some(verdict) = &self.verdict {
            writeln!(f, "  {verdict}")?;
        }
        for Noted { detail, .. } in &self.warnings {
            writeln!(f, "  note: {detail}")?;
        }
        // Below the verdict, or in its place.
        let indent = if self.verdict.is_some() { "    " } else { "  " };
        let width = self.candidates.iter().map(|c| c.label.width()).max().unwrap_or(0);
        for candidate in &self.candidates {
            writeln!(f, "{indent}{}", candidate.line(width))?;
        }
        if let Some(why) = &self.explanation {
            write!(f, "{why}")?;
        }
        Ok(())
    }
}
