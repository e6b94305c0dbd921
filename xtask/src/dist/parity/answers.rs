//! What `handful` answers about images, and by how much two answers differ.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Answers about the same images.
pub(super) struct Answers {
    /// Similarities by image and class.
    similarities: BTreeMap<(String, String), f64>,
    /// The best class of each image, and by how much it is better than the next.
    best: BTreeMap<String, (String, f64)>,
    /// Accuracies of the episodes.
    accuracies: Vec<f64>,
}

/// The most by which an accuracy may differ: one of 180 questions, in two ways of asking.
const ACCURACY: f64 = 0.012;

impl Answers {
    /// Reads what `classify --json` and `evaluate --json` print.
    pub(super) fn parse(classified: &str, evaluated: &str) -> Result<Self> {
        let classified: Value = serde_json::from_str(classified).context("classify: no JSON")?;
        let evaluated: Value = serde_json::from_str(evaluated).context("evaluate: no JSON")?;
        let accuracies = list(&evaluated, "results")?.iter().map(|row| number(row, "accuracy"));
        let accuracies = accuracies.collect::<Result<_>>()?;
        let mut answers = Self { similarities: BTreeMap::new(), best: BTreeMap::new(), accuracies };
        for image in list(&classified, "results")? {
            answers.add(image)?;
        }
        Ok(answers)
    }

    fn add(&mut self, image: &Value) -> Result<()> {
        let file = text(image, "file")?;
        let candidates = list(image, "candidates")?;
        for candidate in candidates {
            let class = text(candidate, "label")?;
            self.similarities.insert((file.clone(), class), number(candidate, "similarity")?);
        }
        if let [first, second, ..] = candidates.as_slice() {
            let lead = number(first, "similarity")? - number(second, "similarity")?;
            self.best.insert(file, (text(first, "label")?, lead.abs()));
        }
        Ok(())
    }
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("the answer has no list `{key}`"))
}

fn text(value: &Value, key: &str) -> Result<String> {
    Ok(value[key].as_str().with_context(|| format!("the answer has no text `{key}`"))?.to_owned())
}

fn number(value: &Value, key: &str) -> Result<f64> {
    value[key].as_f64().with_context(|| format!("the answer has no number `{key}`"))
}

/// The largest difference of a similarity. Fails above the bound, or if a best class differs that
/// leads by more than the bound can change.
pub(super) fn difference(here: &Answers, there: &Answers, bound: f64) -> Result<f64> {
    ensure!(
        here.similarities.keys().eq(there.similarities.keys()) && !here.similarities.is_empty(),
        "other images or classes were answered"
    );
    let pairs = here.similarities.values().zip(there.similarities.values());
    let largest = pairs.map(|(here, there)| (here - there).abs()).fold(0.0, f64::max);
    ensure!(largest <= bound, "a similarity differs by {largest:e}, at most {bound:e} is allowed");
    for ((file, (best, lead)), (other, _)) in here.best.iter().zip(there.best.values()) {
        let is_same = best == other || *lead <= 2.0 * bound;
        ensure!(is_same, "{file} is `{best}` on x86-64, and `{other}` on ARM");
    }
    ensure!(here.accuracies.len() == there.accuracies.len(), "other rules were measured");
    for (here, there) in here.accuracies.iter().zip(&there.accuracies) {
        ensure!((here - there).abs() <= ACCURACY, "the accuracy is {here} and {there}");
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(label: &str, similarities: [f64; 2], accuracy: f64) -> Answers {
        let other = if label == "a" { "b" } else { "a" };
        let classified = serde_json::json!({"results": [{"file": "1.bmp", "candidates": [
            {"label": label, "similarity": similarities[0]},
            {"label": other, "similarity": similarities[1]},
        ]}]});
        let evaluated = serde_json::json!({"results": [{"accuracy": accuracy}]});
        Answers::parse(&classified.to_string(), &evaluated.to_string()).unwrap()
    }

    #[test]
    fn differences_within_the_bound_are_returned() {
        let [here, there] = [0.5, 0.501].map(|best| answers("a", [best, 0.2], 0.9));
        assert!((difference(&here, &there, 0.002).unwrap() - 0.001).abs() < 1e-9);
        assert!(difference(&here, &there, 0.0005).is_err());
        assert!(difference(&here, &answers("a", [0.5, 0.2], 0.8), 0.002).is_err());
    }

    #[test]
    fn another_best_class_counts_where_one_leads() {
        // Within the bound by class, in the other order.
        let near = answers("b", [0.5, 0.5], 0.9);
        assert!(difference(&answers("a", [0.501, 0.5], 0.9), &near, 0.002).is_ok());
        assert!(difference(&answers("a", [0.501, 0.5], 0.9), &near, 0.0004).is_err());
    }

    #[test]
    fn other_answers_are_named() {
        assert!(Answers::parse("{}", "{}").is_err());
        assert!(Answers::parse("", "").is_err());
    }
}
