//! The classes that an image is most similar to.

use std::cmp::Ordering;

use ndarray::ArrayView1;

use super::member::stacked;
use super::{Candidate, Classifier};
use crate::gallery::ClassId;

/// The least share of the semantic prototype at which a meaning is reported; less rounds to 0 %.
const MIN_REPORTED_SHARE: f32 = 0.005;

/// The most images that are compared with all prototypes at once: their similarities take memory.
const MAX_ROWS: usize = 256;

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

    /// For each raw embedding `[s]`, the class with images that is the most similar to it, of all
    /// but one; `None` if there is none.
    pub(crate) fn rivals(
        &self,
        rows: &[&[f32]],
        except: Option<ClassId>,
    ) -> Vec<Option<Candidate>> {
        let others: Vec<usize> =
            (0..self.classes()).filter(|&class| self.is_rival(class, except)).collect();
        let size = self.prototypes.size();
        if others.is_empty() || rows.iter().any(|row| row.len() != size) {
            return vec![None; rows.len()];
        }
        let mut rivals = Vec::new();
        for rows in rows.chunks(MAX_ROWS) {
            let similarities = self.prototypes.similarities(stacked(rows, size).view());
            for row in similarities.rows() {
                let best = others.iter().copied().max_by(|&a, &b| row[a].total_cmp(&row[b]));
                rivals.push(best.map(|best| self.candidate(best, row[best])));
            }
        }
        rivals
    }

    /// Whether a class has images and is not the one that is left aside.
    fn is_rival(&self, class: usize, except: Option<ClassId>) -> bool {
        let member = self.member(class);
        member.images > 0 && Some(member.class.id) != except
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
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::gallery::{Gallery, Label, NewExample};

    const MUG: &[f32] = &[2.0, 0.0, 0.0];

    /// A class for each axis of three dimensions, the first of them `mug`.
    fn gallery() -> Gallery {
        let mut gallery = Gallery::in_memory();
        for (axis, label) in ["mug", "key", "cup"].into_iter().enumerate() {
            let mut embedding = vec![0.0; 3];
            embedding[axis] = 2.0;
            let precision = "fp32".to_owned();
            let example =
                NewExample { sha256: [0; 32], crop: None, embedding, precision, image: None };
            gallery.enroll(&Label::parse(label).unwrap(), vec![example], true).unwrap();
        }
        gallery
    }

    /// The labels of the rivals of these embeddings.
    fn rivals(classifier: &Classifier, rows: &[&[f32]], except: Option<ClassId>) -> Vec<String> {
        let rivals = classifier.rivals(rows, except).into_iter();
        rivals.map(|one| one.map_or_else(String::new, |one| one.label.to_string())).collect()
    }

    #[test]
    fn the_rival_is_the_most_similar_class_but_one() {
        let gallery = gallery();
        let classifier = Classifier::new(gallery.iter(), None);
        let mug = Some(gallery.class("mug").unwrap().id);
        let rows: [&[f32]; 2] = [&[3.0, 2.0, 1.0], &[2.0, 1.0, 9.0]];
        assert_eq!(rivals(&classifier, &rows, mug), ["key", "cup"]);
        assert_eq!(rivals(&classifier, &rows, None), ["mug", "cup"]);
        let of_mug = classifier.rivals(&[MUG], None).remove(0).unwrap();
        assert!((of_mug.similarity - 1.0).abs() < 1e-6, "{of_mug:?}");
    }

    #[test]
    fn many_images_have_each_their_rival() {
        let gallery = gallery();
        let classifier = Classifier::new(gallery.iter(), None);
        let mut rows = vec![MUG; MAX_ROWS];
        rows.push(&[0.0, 0.0, 1.0]);
        let found = rivals(&classifier, &rows, None);
        assert_eq!((found.len(), found[0].as_str()), (MAX_ROWS + 1, "mug"));
        assert_eq!(found[MAX_ROWS], "cup");
    }

    #[test]
    fn without_another_class_there_is_no_rival() {
        let mut gallery = gallery();
        let mug = Some(gallery.class("mug").unwrap().id);
        gallery.delete("cup").unwrap();
        gallery.delete("key").unwrap();
        let classifier = Classifier::new(gallery.iter(), None);
        assert_eq!(rivals(&classifier, &[MUG], mug), [""]);
        assert_eq!(rivals(&classifier, &[&MUG[1..]], None), [""], "an enrollment refuses it");
        let empty = Classifier::new(Gallery::in_memory().iter(), None);
        assert_eq!(rivals(&empty, &[MUG], None), [""]);
    }

    #[test]
    fn the_greatest_values_are_first_and_equal_ones_in_their_order() {
        let values = [0.1, 0.9, 0.3, 0.9, 0.3];
        assert_eq!(greatest(&values, 3), [1, 3, 2]);
        assert_eq!(greatest(&values, 9), [1, 3, 2, 4, 0]);
        assert!(greatest(&values, 0).is_empty() && greatest(&[], 1).is_empty());
    }
}
