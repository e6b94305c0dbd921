//! The answer for one image, in a line of words.

use edge::classifier::Candidate;
use edge::decision::{Decision, Unknown};
use edge::recognizer::Answer;

use crate::text::percent;

/// The least rate that limits are fitted for: smaller ones are answered as this one.
const LEAST_RATE: f64 = 0.001;

/// What is decided, in a gallery of `classes` classes; `None` if the bundle rejects nothing.
pub(super) fn in_words(answer: &Answer, classes: usize) -> Option<String> {
    let unknown = answer.unknown.as_ref()?;
    let best = answer.candidates.first()?;
    match answer.decision {
        Decision::Accepted => Some(format!("{}  ({})", named(best), rarity(unknown))),
        Decision::Ambiguous => Some(format!("{}  ({})", either(best, answer)?, rarity(unknown))),
        Decision::Rejected if unknown.background => Some(like_background(best)),
        Decision::Rejected => Some(rejected(best, classes)),
        Decision::Empty => None,
    }
}

fn like_background(best: &Candidate) -> String {
    let Candidate { label, similarity, .. } = best;
    format!(
        "unknown: more like an example of \"none of these\" than like {label} ({similarity:.2})"
    )
}

fn rejected(best: &Candidate, classes: usize) -> String {
    let Candidate { label, similarity, .. } = best;
    match classes {
        1 => format!("unknown: not {label} ({similarity:.2})"),
        _ => format!("unknown: none of the {classes} classes; closest {label} ({similarity:.2})"),
    }
}

/// The two classes that cannot be told apart.
fn either(best: &Candidate, answer: &Answer) -> Option<String> {
    let rival = answer.ambiguous_with.as_ref()?;
    // With `--top 1` it is not among the candidates.
    let listed = answer.candidates.iter().find(|candidate| candidate.label == *rival);
    let rival = listed.map_or_else(|| rival.to_string(), named);
    Some(format!("{} or {rival}", named(best)))
}

/// A label and its probability.
fn named(candidate: &Candidate) -> String {
    let share = candidate.probability.map(|share| format!("  {}", percent(share)));
    format!("{}{}", candidate.label, share.unwrap_or_default())
}

/// How rare it is that an unknown image scores as high.
fn rarity(unknown: &Unknown) -> String {
    match unknown.false_accept_rate {
        _ if !unknown.stated => {
            "no false-accept rate can be stated; see `handful calibrate`".to_owned()
        }
        // Not exactly the least: it went through a logarithm.
        rate if rate > 1.001 * LEAST_RATE => {
            format!("1 in {} unknown images would score this high", inverse(rate))
        }
        _ => {
            let least = inverse(LEAST_RATE);
            format!("fewer than 1 in {least} unknown images would score this high")
        }
    }
}

/// `1 / rate`, rounded to two digits: the rate is not known more precisely.
fn inverse(rate: f64) -> f64 {
    let inverse = rate.recip();
    let step = 10_f64.powf(inverse.log10().floor() - 1.0).max(1.0);
    (inverse / step).round() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(false_accept_rate: f64, stated: bool) -> Unknown {
        Unknown {
            score: 0.4,
            threshold: 0.2,
            false_accept_rate,
            stated_false_accept_rate: 0.05,
            stated,
            probability: 0.1,
            background: false,
        }
    }

    #[test]
    fn a_rate_is_written_as_one_in_many() {
        let written = |rate| rarity(&unknown(rate, true));
        assert_eq!(written(0.00813), "1 in 120 unknown images would score this high");
        assert_eq!(written(0.05), "1 in 20 unknown images would score this high");
        assert_eq!(written(0.5), "1 in 2 unknown images would score this high");
        assert_eq!(
            written(0.001_f64.ln().exp()),
            "fewer than 1 in 1000 unknown images would score this high"
        );
        assert!(rarity(&unknown(0.05, false)).contains("handful calibrate"));
    }
}
