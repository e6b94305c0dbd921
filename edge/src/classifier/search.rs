//! The examples that an image is most similar to, of all classes.

use std::cmp::Ordering;

use super::{Classifier, Neighbor, nearest};
use crate::gallery::{ClassId, Label};

/// An example of a gallery, its class, and how similar it is to an image.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarExample {
    /// The example and its similarity.
    pub neighbor: Neighbor,
    /// The stable id of its class.
    pub class_id: ClassId,
    /// The name of its class.
    pub label: Label,
}

impl Classifier {
    /// The `top` examples of all classes that are most similar to a raw embedding `[s]`, best
    /// first; equals in the order of enrollment. Examples of the background set are of no class,
    /// and not among them.
    #[must_use]
    pub fn search(&self, embedding: &[f32], top: usize) -> Vec<SimilarExample> {
        let members = self.layout.blocks.iter().flat_map(|block| &block.members);
        let mut found: Vec<_> = members
            .flat_map(|member| {
                let class = &member.class;
                nearest(class, embedding, top).into_iter().map(move |neighbor| (neighbor, class))
            })
            .collect();
        // Only what is returned is sorted: the others may be all examples of a gallery.
        if top < found.len() {
            found.select_nth_unstable_by(top, |(a, _), (b, _)| order(a, b));
            found.truncate(top);
        }
        found.sort_unstable_by(|(a, _), (b, _)| order(a, b));
        let found = found.into_iter().map(|(neighbor, class)| SimilarExample {
            neighbor,
            class_id: class.id,
            label: class.label.clone(),
        });
        found.collect()
    }
}

fn order(a: &Neighbor, b: &Neighbor) -> Ordering {
    b.similarity.total_cmp(&a.similarity).then(a.example_id.cmp(&b.example_id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::gallery::{Gallery, NewExample};

    fn example(number: u8, embedding: [f32; 2]) -> NewExample {
        NewExample {
            sha256: [number; 32],
            crop: None,
            embedding: embedding.to_vec(),
            precision: "fp32".to_owned(),
            image: None,
        }
    }

    fn searched(top: usize) -> Vec<(String, f32)> {
        let mut gallery = Gallery::in_memory();
        for (number, label, embedding) in [
            (0, "key", [0.0, 1.0]),
            (1, "mug", [1.0, 0.0]),
            (2, "mug", [0.6, 0.8]),
            (3, "cup", [0.8, 0.6]),
            (4, "jar", [1.0, 0.0]),
        ] {
            let label = Label::parse(label).unwrap();
            gallery.enroll(&label, vec![example(number, embedding)], true).unwrap();
        }
        gallery.enroll_background(vec![example(5, [1.0, 0.0])]).unwrap();
        let classifier = Classifier::new(gallery.iter(), None);
        let found = classifier.search(&[2.0, 0.0], top).into_iter();
        found.map(|one| (one.label.to_string(), one.neighbor.similarity)).collect()
    }

    #[test]
    fn the_most_similar_examples_of_all_classes_come_first() {
        let all = searched(10);
        let labels: Vec<&str> = all.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(labels, ["mug", "jar", "cup", "mug", "key"]);
        assert!(all.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{all:?}");
        for top in 1..all.len() {
            assert_eq!(searched(top), all[..top]);
        }
    }

    #[test]
    fn an_empty_gallery_has_no_examples() {
        let gallery = Gallery::in_memory();
        assert!(Classifier::new(gallery.iter(), None).search(&[1.0, 0.0], 3).is_empty());
    }
}
