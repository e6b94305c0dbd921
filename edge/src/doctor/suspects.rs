//! Examples that are likely in the wrong class, and classes that are taken for each other.

use std::collections::BTreeMap;

use crate::classifier::{CheckedClass, Margin, Neighbor};
use crate::gallery::Example;

use super::measured::Measured;
use super::report::{Confusion, Suspect};

/// An example whose own class is not the best one.
#[derive(Clone, Copy)]
struct Wrong<'a> {
    class: &'a CheckedClass,
    margin: &'a Margin,
}

/// The examples of two classes that are taken for the other class.
struct Pair<'a> {
    count: usize,
    worst: Wrong<'a>,
}

impl Measured<'_> {
    /// All suspects are counted; those with the least margins are described, at most `most`.
    pub(super) fn suspects(&self, most: usize) -> (Vec<Suspect>, usize) {
        let mut found: Vec<Wrong<'_>> =
            self.wrong().into_iter().filter(|wrong| self.is_suspicious(*wrong)).collect();
        found.sort_by(|a, b| a.margin.value.total_cmp(&b.margin.value));
        let described = found.iter().take(most).map(|wrong| self.suspect(*wrong));
        (described.collect(), found.len())
    }

    /// All pairs are counted; the most frequent ones are described, at most `most`. Suspects show
    /// nothing about classes.
    pub(super) fn confusions(&self, most: usize) -> (Vec<Confusion>, usize) {
        let mut pairs: BTreeMap<(usize, usize), Pair<'_>> = BTreeMap::new();
        for wrong in self.wrong() {
            if self.is_suspicious(wrong) {
                continue;
            }
            let both = wrong.both();
            let pair = pairs.entry(both).or_insert(Pair { count: 0, worst: wrong });
            pair.count += 1;
            if wrong.margin.value < pair.worst.margin.value {
                pair.worst = wrong;
            }
        }
        let mut pairs: Vec<Pair<'_>> = pairs.into_values().collect();
        // Equal ones stay in the order of labels.
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
        let described = pairs.iter().take(most).map(|pair| self.confusion(pair));
        (described.collect(), pairs.len())
    }

    /// Every example whose own class is not the best one, in the order of labels.
    fn wrong(&self) -> Vec<Wrong<'_>> {
        let mut wrong = Vec::new();
        for class in &self.classes {
            let margins = class.margins.iter().filter(|margin| !margin.is_right());
            wrong.extend(margins.map(|margin| Wrong { class, margin }));
        }
        wrong
    }

    fn is_suspicious(&self, wrong: Wrong<'_>) -> bool {
        self.is_suspect(wrong.class, wrong.margin)
    }

    fn suspect(&self, wrong: Wrong<'_>) -> Suspect {
        let nearest = self.nearest(wrong);
        Suspect {
            example: self.example(wrong).id,
            class: self.name(wrong.class.at),
            suggested: self.name(wrong.margin.rival),
            nearest: nearest.map(|nearest| nearest.example_id),
            similarity: nearest.map(|nearest| nearest.similarity),
            margin: wrong.margin.value,
        }
    }

    fn confusion(&self, pair: &Pair<'_>) -> Confusion {
        let worst = pair.worst;
        let nearest = self.nearest(worst);
        Confusion {
            class: self.name(worst.class.at),
            other: self.name(worst.margin.rival),
            count: pair.count,
            example: self.example(worst).id,
            nearest: nearest.map(|nearest| nearest.example_id),
            similarity: nearest.map(|nearest| nearest.similarity),
        }
    }

    fn example(&self, wrong: Wrong<'_>) -> &Example {
        &self.examples_of(wrong.class).examples[wrong.margin.example]
    }

    /// The most similar example of the class that it is taken for.
    fn nearest(&self, wrong: Wrong<'_>) -> Option<Neighbor> {
        self.classifier.nearest_of(wrong.margin.rival, &self.example(wrong).embedding)
    }
}

impl Wrong<'_> {
    /// The positions of both classes, the same for either order.
    fn both(self) -> (usize, usize) {
        let own = self.class.at;
        let rival = self.margin.rival;
        (own.min(rival), own.max(rival))
    }
}
