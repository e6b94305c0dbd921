//! Examples of none of the classes: they are real unknown images, and they compete with the winner.

use std::sync::Arc;

use ndarray::{ArrayView1, NdFloat};

use super::nearest::{Found, Nearest, Negatives};
use super::{GalleryDecision, Previous, Scored, Seen};
use crate::decision::calibration::{Calibration, Evidence};
use crate::decision::images::Images;
use crate::decision::score::{as_f64, novelty};

/// This number of negatives weighs as much as the images of the gallery. Moving the limits as well
/// as the offset broke the stated rate where unknown images are unlike the negatives.
const HALF: f64 = 20.0;

/// The most similar negatives that compete. With all of them the answers differed in no gallery
/// that was tried, and the rest of a score costs more than a cosine.
const COMPETITORS: usize = 3;

impl<F: NdFloat> GalleryDecision<F> {
    /// This gallery with examples of none of its classes, which are never an answer.
    #[must_use]
    pub fn with_negatives(self, negatives: Images<F>) -> Self {
        self.with_negatives_after(Arc::new(negatives), Previous::NONE)
    }

    /// The same, with what a gallery before the last change has computed already.
    #[must_use]
    pub fn with_negatives_after(
        self,
        negatives: Arc<Images<F>>,
        previous: Previous<'_, F>,
    ) -> Self {
        if negatives.is_empty() {
            return Self { negatives: None, ..self };
        }
        let before = previous.gallery.and_then(|gallery| gallery.negatives.as_deref());
        let negatives =
            Negatives::new(negatives, self.prototypes.blocks(), before, previous.negatives);
        let n = self.prototypes.len();
        let scored = self.scored_negatives(&negatives).into_iter();
        let with_images = scored.filter(|scored| self.image_counts[scored.winner] > 0);
        // One class for all, as any number of different things may be among them.
        let found = Evidence::of(with_images.map(|scored| (0, self.above(&scored, n))));
        let calibration = match found.calibration() {
            Some(found) => Some(moved(self.calibration, found)),
            None => self.calibration,
        };
        Self { calibration, negatives: Some(Arc::new(negatives)), ..self }
    }

    /// The sampled negatives against their winners.
    fn scored_negatives(&self, negatives: &Negatives<F>) -> Vec<Scored<F>> {
        let classes = self.prototypes.classes_of_blocks();
        let sampled = negatives.sampled.iter().enumerate();
        let scored = sampled.map(|(at, &image)| {
            let mut best = (0, F::neg_infinity(), F::zero());
            for (block, against) in negatives.by_block.iter().enumerate() {
                let Nearest { with_images, by_name } = against.nearest[at];
                for Found { row, cosine } in with_images.into_iter().chain(by_name) {
                    let class = classes[self.prototypes.start(block) + row];
                    let rank = cosine + self.name_bias[class];
                    if rank > best.1 {
                        best = (class, rank, cosine);
                    }
                }
            }
            self.scored_against(best.0, best.2, &negatives.images, image)
        });
        scored.collect()
    }

    /// By how much a negative fits an image better than the winner, which scores this much above
    /// what is expected of unknown images; `None` if no negative does.
    pub(super) fn negative_ahead(&self, seen: &Seen<'_, F>, above: f64) -> Option<f64> {
        let negatives = &self.negatives.as_ref()?.images;
        let cosines = negatives.unit.dot(&seen.images.unit.row(seen.row));
        // The most similar of many negatives is similar by chance, as is the winner of many
        // classes.
        let expected = self.model.table.expected.at(1, negatives.len(), 0.0);
        let scores = largest(cosines.view()).into_iter().map(|negative| {
            let image = seen.images.cosines.row(seen.row);
            let novelty = novelty(image, negatives.cosines.row(negative));
            let profiles = negatives.profiles.row(negative);
            let overlap = seen.images.profiles.row(seen.row).dot(&profiles);
            as_f64(self.score(cosines[negative], novelty, overlap))
        });
        scores.map(|score| score - expected - above).filter(|ahead| *ahead > 0.0).reduce(f64::max)
    }
}

/// A calibration moved towards that of negatives.
fn moved(images: Option<Calibration>, negatives: Calibration) -> Calibration {
    let count = negatives.evidence as f64;
    let weight = count / (count + HALF);
    let offset = images.map_or(0.0, |images| images.offset);
    Calibration {
        offset: (1.0 - weight) * offset + weight * negatives.offset,
        evidence: images.map_or(0, |images| images.evidence),
    }
}

/// The positions of the largest values.
fn largest<F: NdFloat>(values: ArrayView1<'_, F>) -> Vec<usize> {
    let mut positions: Vec<usize> = Vec::new();
    for (position, value) in values.iter().enumerate() {
        let place = positions.partition_point(|&other| values[other] >= *value);
        if place < COMPETITORS {
            positions.insert(place, position);
            positions.truncate(COMPETITORS);
        }
    }
    positions
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decision::DecisionModel;
    use crate::decision::background::Background;
    use crate::decision::gallery::{Classes, Examples, Question, Verdict};
    use crate::decision::tests::table;
    use ndarray::{Array2, Axis, array};

    /// Two classes of one image each, in a space without background.
    fn gallery() -> GalleryDecision<f64> {
        let model = Arc::new(DecisionModel {
            table: table(),
            background: Background::none(array![0.0, 0.0, 0.0]),
        });
        let prototypes = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        let images = Images::new(&model, prototypes.view());
        let classes = Classes {
            prototypes: prototypes.view(),
            image_counts: &[1, 1],
            name_bias: &[0.0, 0.0],
        };
        let examples = Examples { images: &images, classes: &[0, 1] };
        GalleryDecision::new(model, classes, examples)
    }

    fn images(gallery: &GalleryDecision<f64>, rows: &Array2<f64>) -> Images<f64> {
        Images::new(gallery.model(), rows.view())
    }

    #[test]
    fn an_image_that_is_most_similar_to_a_negative_is_rejected() {
        let gallery = gallery();
        let queries = images(&gallery, &array![[1.0, 0.05, 0.6], [1.0, 0.0, 0.1]]);
        let without = gallery.decide(&queries, Question::default());
        assert!(
            without.iter().all(|decision| decision.verdict == Verdict::Accepted),
            "{without:?}"
        );
        let negatives = images(&gallery, &array![[1.0, 0.05, 0.7]]);
        let with = gallery.with_negatives(negatives).decide(&queries, Question::default());
        assert_eq!((with[0].verdict, with[0].is_negative), (Verdict::Rejected, true));
        assert!(with[0].known < 0.5 && without[0].known > 0.5, "{with:?}");
        assert_eq!((with[1].verdict, with[1].is_negative), (Verdict::Accepted, false));
    }

    #[test]
    fn negatives_move_the_offset_by_their_number() {
        let gallery = gallery();
        let before = gallery.calibration().unwrap();
        let row = array![[0.8, 0.6, 0.0]];
        let twenty = images(&gallery, &Array2::from_shape_fn((20, 3), |(_, at)| row[[0, at]]));
        let own = gallery.clone().decide(&images(&gallery, &row), Question::default());
        let above = own[0].calibrated + before.offset;
        let after = gallery.with_negatives(twenty).calibration().unwrap();
        assert!((after.offset - 0.5 * (before.offset + above)).abs() < 1e-12, "{after:?}");
        assert_eq!(after.evidence, before.evidence);
    }

    #[test]
    fn negatives_after_a_change_are_those_of_the_gallery() {
        let gallery = gallery();
        let rows = array![[0.8, 0.6, 0.0], [0.1, 0.9, 0.3], [0.5, 0.1, 0.7]];
        let two = images(&gallery, &rows.select(Axis(0), &[2, 0]));
        let three = images(&gallery, &rows);
        let before = gallery.clone().with_negatives(two);
        let anew = gallery.clone().with_negatives(three.clone()).calibration();
        let at = [Some(1), None, Some(0)];
        let previous = Previous { gallery: Some(&before), negatives: &at, ..Previous::NONE };
        let after = gallery.with_negatives_after(Arc::new(three), previous);
        assert_eq!(after.calibration(), anew);
        assert_ne!(after.calibration(), before.calibration());
    }

    #[test]
    fn an_empty_background_set_changes_nothing() {
        let gallery = gallery();
        let none = images(&gallery, &Array2::zeros((0, 3)));
        let queries = images(&gallery, &array![[0.4, 0.3, 0.2]]);
        let before = gallery.decide(&queries, Question::default());
        assert_eq!(gallery.with_negatives(none).decide(&queries, Question::default()), before);
    }

    #[test]
    fn the_largest_values_are_found_in_their_order() {
        assert_eq!(largest(array![0.1, 0.9, 0.3, 0.9, 0.5].view()), [1, 3, 4]);
        assert_eq!(largest(array![0.2].view()), [0]);
    }
}
