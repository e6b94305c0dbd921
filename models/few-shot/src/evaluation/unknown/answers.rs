//! What the gallery of one episode answers.

use super::calibration_error::Excess;
use super::ranking::Truth;
use crate::decision::gallery::{Decision, GalleryDecision, Question, Verdict};
use crate::decision::images::Images;

/// The stated rates that are measured.
pub(super) const RATES: [f64; 4] = [0.01, 0.02, 0.05, 0.1];

/// The images that a gallery is asked about.
pub(super) struct Queries<'a> {
    /// Of the classes of the gallery, the same number of each, one class after the other.
    pub(super) known: Images<f32>,
    /// Those of each class.
    pub(super) n_query: usize,
    /// Of other classes.
    pub(super) unknown: Images<f32>,
    /// Junk by kind; none where it is not measured.
    pub(super) junk: &'a [Images<f32>],
}

/// The answers of a gallery.
pub(super) struct Answers {
    /// To known images, then to unknown ones.
    pub(super) scored: Vec<ScoredAnswer>,
    /// The confidence of all answers.
    pub(super) excess: Excess,
    /// At each of [`RATES`].
    pub(super) accepted: Vec<Accepted>,
}

/// How an image compares with the class that won.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ScoredAnswer {
    pub(super) score: f32,
    pub(super) cosine: f32,
    pub(super) truth: Truth,
}

/// Numbers of images that are accepted at a rate. An ambiguous answer is accepted: its score is
/// high enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Known images.
    pub(super) known: u32,
    /// Unknown images.
    pub(super) unknown: u32,
    /// Known images whose class won.
    pub(super) right: u32,
    /// Those of them whose answer is ambiguous.
    pub(super) ambiguous: u32,
    /// Known images whose answer is not ambiguous.
    pub(super) certain: u32,
    /// Those of them whose class did not win.
    pub(super) wrong: u32,
    /// Junk, by kind.
    pub(super) junk: Vec<u32>,
}

impl Answers {
    /// Those of `gallery`.
    pub(super) fn of(gallery: &GalleryDecision<f32>, queries: &Queries<'_>) -> Self {
        // The rate of a question changes nothing but the verdict.
        let decide = |images: &Images<f32>| gallery.decide(images, Question::default());
        let decided = Decided {
            known: decide(&queries.known),
            n_query: queries.n_query,
            unknown: decide(&queries.unknown),
            junk: queries.junk.iter().map(decide).collect(),
        };
        let mut scored = Vec::new();
        let mut excess = Excess::default();
        for (way, decision) in decided.known() {
            let is_right = decision.scored.winner == way;
            let truth = if is_right { Truth::Right } else { Truth::Wrong };
            excess.add_known(decision.confidence, is_right);
            scored.push(ScoredAnswer::of(decision, truth));
        }
        for decision in &decided.unknown {
            excess.add_unknown(decision.confidence);
            scored.push(ScoredAnswer::of(decision, Truth::Unknown));
        }
        let accepted = RATES.iter().map(|&rate| decided.accepted(gallery, rate)).collect();
        Self { scored, excess, accepted }
    }

    /// Whether the gallery was asked about junk.
    pub(super) fn has_junk(&self) -> bool {
        self.accepted.iter().any(|accepted| !accepted.junk.is_empty())
    }
}

impl ScoredAnswer {
    fn of(decision: &Decision<f32>, truth: Truth) -> Self {
        Self { score: decision.scored.score, cosine: decision.scored.cosine, truth }
    }
}

impl Accepted {
    /// Counts an answer to a known image.
    fn count(&mut self, verdict: Verdict, is_right: bool) {
        let is_right = u32::from(is_right);
        match verdict {
            Verdict::Rejected => return,
            Verdict::Ambiguous(_) => self.ambiguous += is_right,
            Verdict::Accepted => {
                self.certain += 1;
                self.wrong += 1 - is_right;
            }
        }
        self.known += 1;
        self.right += is_right;
    }
}

/// The decisions of a gallery about its queries.
struct Decided {
    known: Vec<Decision<f32>>,
    n_query: usize,
    unknown: Vec<Decision<f32>>,
    junk: Vec<Vec<Decision<f32>>>,
}

impl Decided {
    /// Those about known images, each with the position of the class of its image.
    fn known(&self) -> impl Iterator<Item = (usize, &Decision<f32>)> {
        let known = self.known.iter().enumerate();
        known.map(|(query, decision)| (query / self.n_query, decision))
    }

    fn accepted(&self, gallery: &GalleryDecision<f32>, rate: f64) -> Accepted {
        let mut accepted = Accepted {
            unknown: n_accepted(gallery, &self.unknown, rate),
            junk: self.junk.iter().map(|kind| n_accepted(gallery, kind, rate)).collect(),
            ..Accepted::default()
        };
        for (way, decision) in self.known() {
            accepted.count(gallery.verdict(decision, rate), decision.scored.winner == way);
        }
        accepted
    }
}

fn n_accepted(gallery: &GalleryDecision<f32>, decisions: &[Decision<f32>], rate: f64) -> u32 {
    let verdicts = decisions.iter().map(|decision| gallery.verdict(decision, rate));
    verdicts.filter(|verdict| *verdict != Verdict::Rejected).count() as u32
}
