//! How images that are about to be enrolled compare with the set that they belong in: the examples
//! that it has, and the images that are enrolled with them.
//!
//! The limits were chosen on galleries of 10 or 16 validation classes of Caltech-101 with 5, 6, 10
//! and 20 images each (EfficientNet-Lite0): 0.6 to 1.5 % of the images are reported as outliers or
//! as closer to another class, 93 to 98 % of those that were put into a wrong class, and 46 to 75 %
//! of those of no class at all. None is a near-duplicate.

use std::sync::Arc;

use ndarray::ArrayView1;

use crate::classifier::Candidate;
use crate::embedder::Embedded;
use crate::gallery::Example;
use crate::quality::{Code, Finding};
use crate::similarity::{MAD_SCALE, NEAR_DUPLICATE, median};

/// How many images before it an image is compared with. Near-duplicates are taken one after the
/// other; the limit bounds the work of enrolling one image in a class of many thousands. (The check
/// of a gallery draws a sample of 256 of a whole class instead.)
const WINDOW: usize = 512;

/// The fewest other images that say what a class looks like. With fewer, the mean of the others is
/// itself uncertain, and good images would be reported.
const MIN_OTHERS: usize = 4;

/// The fewest other images that say how much a class varies.
const MIN_OTHERS_OF_OUTLIER: usize = 5;

/// How many standard deviations below the median of its class an outlier is.
const OUTLIER_DEVIATIONS: f32 = 4.0;

/// How far below the median an outlier is at least: the images of a class that hardly varies, such
/// as frames of a fixed camera, are not reported for small differences.
const MIN_OUTLIER_DISTANCE: f32 = 0.2;

/// How much more similar an image is to another class than to its own to be reported. A similar
/// class may be a little nearer by chance: at half of this, 1.4 to 2.9 % of good images are
/// reported.
const CLOSER_MARGIN: f32 = 0.1;

/// How far below the median of its class an image is at least to be compared with other classes,
/// which takes time with the number of classes. A misplaced image is far below.
const DOUBTFUL_DISTANCE: f32 = 0.05;

/// The raw embeddings of a set: of examples, then of new images.
pub(super) struct Peers<'a> {
    rows: Vec<&'a [f32]>,
    /// The product of each with itself.
    squares: Vec<f32>,
    /// How many of them are examples.
    examples: usize,
}

/// How similar each image of a set is to the mean of the others.
pub(super) struct Similarities {
    /// Of the new images, in order.
    new: Vec<f32>,
    median: f32,
    /// An outlier is less similar; `None` if the set is too small to say so.
    least_usual: Option<f32>,
}

impl<'a> Peers<'a> {
    /// The last examples of a set, and images that it does not have yet. `None` if their embeddings
    /// have several lengths, which an enrollment refuses.
    pub(super) fn new(examples: &'a [Arc<Example>], new: &[&'a Embedded]) -> Option<Self> {
        let examples = &examples[examples.len().saturating_sub(WINDOW)..];
        let of_examples = examples.iter().map(|example| &example.embedding[..]);
        let rows: Vec<&[f32]> =
            of_examples.chain(new.iter().map(|image| &image.embedding[..])).collect();
        let length = rows.first().map_or(0, |row| row.len());
        if rows.iter().any(|row| row.len() != length) {
            return None;
        }
        let squares = rows.iter().map(|row| dot(row, row)).collect();
        Some(Self { rows, squares, examples: examples.len() })
    }

    /// Whether there is nearly the same image before this new one.
    pub(super) fn near_duplicate(&self, new: usize) -> Option<Finding> {
        let at = self.examples + new;
        let mut earlier = at.saturating_sub(WINDOW)..at;
        let is_near = earlier.any(|other| self.cosine(at, other) >= NEAR_DUPLICATE);
        is_near.then(|| {
            let detail = "the set has nearly the same image, so this one adds little; use an image \
                          from another side, in another light or at another place";
            Finding::new(Code::NearDuplicate, detail)
        })
    }

    /// `None` if there are too few images.
    pub(super) fn similarities(&self) -> Option<Similarities> {
        let others = self.rows.len().checked_sub(1)?;
        if others < MIN_OTHERS {
            return None;
        }
        let all = self.leave_one_out();
        let middle = median(all.clone());
        let deviations: Vec<f32> = all.iter().map(|one| (one - middle).abs()).collect();
        let spread = OUTLIER_DEVIATIONS * MAD_SCALE * median(deviations);
        let least_usual = middle - spread.max(MIN_OUTLIER_DISTANCE);
        Some(Similarities {
            new: all[self.examples..].to_vec(),
            median: middle,
            least_usual: (others >= MIN_OTHERS_OF_OUTLIER).then_some(least_usual),
        })
    }

    /// The cosine similarity of each image to the sum, and so the mean, of the others.
    fn leave_one_out(&self) -> Vec<f32> {
        let mut sum = vec![0.0; self.rows[0].len()];
        for row in &self.rows {
            for (total, value) in sum.iter_mut().zip(*row) {
                *total += value;
            }
        }
        let square = dot(&sum, &sum);
        let rows = self.rows.iter().zip(&self.squares);
        // The others need not be summed for each: sum - row has these products.
        let each = rows.map(|(row, own)| {
            let with_sum = dot(row, &sum);
            quotient(with_sum - own, own * (square - 2.0 * with_sum + own))
        });
        each.collect()
    }

    /// From the squares, which are computed once: an image is compared with hundreds.
    fn cosine(&self, a: usize, b: usize) -> f32 {
        quotient(dot(self.rows[a], self.rows[b]), self.squares[a] * self.squares[b])
    }
}

impl Similarities {
    /// Whether a new image may belong in another class.
    pub(super) fn is_doubtful(&self, new: usize) -> bool {
        self.new[new] < self.median - DOUBTFUL_DISTANCE
    }

    /// What is wrong with a new image; `rival` is the class that it is most similar to among all
    /// others.
    pub(super) fn finding(&self, new: usize, rival: Option<&Candidate>) -> Option<Finding> {
        let own = self.new[new];
        if let Some(rival) = rival.filter(|rival| rival.similarity > own + CLOSER_MARGIN) {
            let detail = format!(
                "the image is more like the class \"{}\" (similarity {:.2}) than like its own \
                 ({own:.2}); check that it is in the right class",
                rival.label, rival.similarity
            );
            return Some(Finding::new(Code::CloserTo, detail));
        }
        let is_outlier = self.least_usual.is_some_and(|least| own < least);
        is_outlier.then(|| {
            let detail = format!(
                "the image is unlike the others of its class (similarity {own:.2}, median {:.2}); \
                 check that it shows the class",
                self.median
            );
            Finding::new(Code::Outlier, detail)
        })
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    ArrayView1::from(a).dot(&ArrayView1::from(b))
}

/// A cosine, of a product and the product of the squared lengths. A zero vector has no direction:
/// its cosine is 0.
fn quotient(product: f32, squares: f32) -> f32 {
    if squares > 0.0 { product / squares.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use models::bundle::Precision;

    use super::*;
    use crate::classifier::Classifier;
    use crate::decoder::Timing;
    use crate::engine::{EngineKind, Provider};
    use crate::gallery::{Gallery, Label, NewExample};

    fn embedded(embedding: Vec<f32>) -> Embedded {
        Embedded {
            embedding,
            engine: EngineKind { provider: Provider::Tract, precision: Precision::Fp32 },
            sha256: [0; 32],
            crop: None,
            kept: None,
            warnings: Vec::new(),
            quality: Vec::new(),
            timing: Timing::default(),
        }
    }

    /// A vector at this angle to the first axis, in degrees.
    fn at(angle: f32) -> Vec<f32> {
        let (sin, cos) = angle.to_radians().sin_cos();
        vec![3.0 * cos, 3.0 * sin]
    }

    /// The codes of the last of these images, all enrolled at once.
    fn code_of_last(angles: &[f32], rival: Option<f32>) -> Option<Code> {
        let images: Vec<Embedded> = angles.iter().map(|angle| embedded(at(*angle))).collect();
        let peers = Peers::new(&[], &images.iter().collect::<Vec<_>>()).unwrap();
        let rival = rival.map(|similarity| Candidate { similarity, ..candidate() });
        let found = peers.similarities()?.finding(angles.len() - 1, rival.as_ref());
        found.map(|finding| finding.code)
    }

    fn candidate() -> Candidate {
        let mut gallery = Gallery::in_memory();
        let precision = "fp32".to_owned();
        let example = NewExample {
            sha256: [1; 32],
            crop: None,
            embedding: vec![1.0, 0.0],
            precision,
            image: None,
        };
        gallery.enroll(&Label::parse("key").unwrap(), vec![example], true).unwrap();
        let classifier = Classifier::new(gallery.iter(), None);
        classifier.rank(&[1.0, 0.0], 1).remove(0)
    }

    #[test]
    fn an_image_that_is_far_from_the_others_is_an_outlier() {
        assert_eq!(code_of_last(&[0.0, 5.0, -5.0, 10.0, -10.0, 3.0], None), None);
        assert_eq!(code_of_last(&[0.0, 5.0, -5.0, 10.0, -10.0, 90.0], None), Some(Code::Outlier));
    }

    #[test]
    fn a_class_of_few_images_has_no_outlier() {
        assert_eq!(code_of_last(&[0.0, 5.0, -5.0, 10.0, 90.0], None), None);
        assert_eq!(code_of_last(&[0.0, 90.0], Some(1.0)), None);
    }

    #[test]
    fn a_class_that_varies_has_no_outlier() {
        assert_eq!(code_of_last(&[0.0, 60.0, 120.0, 180.0, 240.0, 300.0], None), None);
    }

    #[test]
    fn an_image_that_is_nearer_to_another_class_is_reported_with_its_name() {
        let angles = [0.0, 5.0, -5.0, 10.0, 60.0];
        assert_eq!(code_of_last(&angles, Some(0.9)), Some(Code::CloserTo));
        assert_eq!(code_of_last(&angles, Some(0.6)), None, "within the margin");
        let images: Vec<Embedded> = angles.iter().map(|angle| embedded(at(*angle))).collect();
        let peers = Peers::new(&[], &images.iter().collect::<Vec<_>>()).unwrap();
        let similarities = peers.similarities().unwrap();
        assert!(similarities.is_doubtful(4) && !similarities.is_doubtful(0));
        let rival = Candidate { similarity: 0.9, ..candidate() };
        let detail = similarities.finding(4, Some(&rival)).unwrap().detail;
        assert!(detail.contains("\"key\" (similarity 0.90)"), "{detail}");
    }

    #[test]
    fn a_near_duplicate_is_found_among_examples_and_new_images() {
        let mut gallery = Gallery::in_memory();
        let precision = "fp32".to_owned();
        let example =
            NewExample { sha256: [1; 32], crop: None, embedding: at(0.0), precision, image: None };
        let mug = gallery.enroll(&Label::parse("mug").unwrap(), vec![example], true).unwrap();
        let images = [embedded(at(4.0)), embedded(at(40.0)), embedded(at(41.0))];
        let new: Vec<&Embedded> = images.iter().collect();
        let peers = Peers::new(&mug.class.examples, &new).unwrap();
        let found = [0, 1, 2].map(|new| peers.near_duplicate(new).is_some());
        assert_eq!(found, [true, false, true]);
    }

    #[test]
    fn embeddings_of_other_lengths_and_without_direction_are_no_panic() {
        let images = [embedded(vec![1.0]), embedded(vec![1.0, 2.0])];
        assert!(Peers::new(&[], &images.iter().collect::<Vec<_>>()).is_none());
        let images: Vec<Embedded> =
            [0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0].map(|value| embedded(vec![value])).into();
        let peers = Peers::new(&[], &images.iter().collect::<Vec<_>>()).unwrap();
        assert!(peers.near_duplicate(3).is_none());
        peers.similarities().unwrap().finding(3, None);
        assert!(Peers::new(&[], &[]).unwrap().similarities().is_none());
    }
}
