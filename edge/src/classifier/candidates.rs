//! The classes that an image is most similar to.

use std::cmp::Ordering;

use ndarray::ArrayView1;

use super::{Candidate, Classifier};

/// The least share of the semantic prototype at which a meaning is reported; less rounds to 0 %.
const MIN_REPORTED_SHARE: f32 = 0.005;

impl Classifier {
    /// The `top` classes for similarities `[n]`, best first, each with its position.
    pub(super) fn candidates(
        &self,
        similarities: ArrayView1<'_, f32>,
        top: usize,
    ) -> Vec<(usize, Candidate)> {
        let ranks = similarities.iter().zip(&self.name_bias);
        let ranks: Vec<f32> = ranks.map(|(similarity, bias)| similarity + bias).collect();
        let best = greatest(&ranks, top).into_iter();
        best.map(|class| (class, self.candidate(class, similarities[class]))).collect()
    }

    fn candidate(&self, class: usize, similarity: f32) -> Candidate {
        let place = self.prototypes.places()[class];
        let member = self.layout.member(place);
        let knowledge = self.layout.block(place).name_shares[place.row as usize];
        Candidate {
            class_id: member.class.id,
            label: member.class.label.clone(),
            similarity,
            name_bias: self.name_bias[class],
            probability: None,
            examples: member.images,
            // A name that rounds to 0 % explains nothing.
            meaning: member.meaning.filter(|_| knowledge >= MIN_REPORTED_SHARE),
            knowledge,
        }
    }
}

/// The positions of the `count` greatest values, greatest first; equal ones in their order.
fn greatest(values: &[f32], count: usize) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..values.len()).collect();
    if count < positions.len() {
        // Sorting all of a large gallery takes longer than comparing an image with it.
        positions.select_nth_unstable_by(count, |&a, &b| by_value(values, a, b));
        positions.truncate(count);
    }
    positions.sort_unstable_by(|&a, &b| by_value(values, a, b));
    positions
}

/// Greater values first; equal ones in their order.
fn by_value(values: &[f32], a: usize, b: usize) -> Ordering {
    values[b].total_cmp(&values[a]).then(a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_values_are_first_and_equal_ones_in_their_order() {
        let values = [0.1, 0.9, 0.3, 0.9, 0.3];
        assert_eq!(greatest(&values, 3), [1, 3, 2]);
        assert_eq!(greatest(&values, 9), [1, 3, 2, 4, 0]);
        assert!(greatest(&values, 0).is_empty() && greatest(&[], 1).is_empty());
    }
}
