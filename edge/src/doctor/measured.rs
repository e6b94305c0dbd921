//! What the margins of a gallery's examples show: its accuracy, and which margins are no chance.

use crate::classifier::{CheckedClass, Classifier, Margin};
use crate::gallery::Class;
use crate::similarity::{MAD_SCALE, median};

use super::report::ClassName;

/// What leaving out examples has shown.
pub(super) struct Measured<'a> {
    pub(super) classifier: &'a Classifier,
    /// In the order of their positions.
    pub(super) classes: Vec<CheckedClass>,
    /// The margin that those of suspects are below; `None` if there are too few margins to say.
    limit: Option<f32>,
    /// The share of the checked examples that are recognized, without the suspects.
    sound_accuracy: Option<f64>,
}

/// How many robust standard deviations below the median the margin of a suspect is, at least.
/// Chosen with [`TYPICAL_SHARE`] on Caltech-101 validation classes.
const SPREADS: f32 = 2.5;

/// A suspect is as far on the side of another class as this share of the median on its own.
const TYPICAL_SHARE: f32 = 0.4;

/// With fewer margins the median is no yardstick.
const MIN_MARGINS: usize = 10;

/// Of two different images that contradict each other, either may be the wrong one.
const MIN_DIFFERENT: usize = 3;

/// The accuracy of the gallery counts as this many more examples of each class: few examples say
/// little, and a class that is called good was often lucky (empirical Bayes).
const GALLERY_EXAMPLES: f64 = 10.0;

impl<'a> Measured<'a> {
    pub(super) fn new(classifier: &'a Classifier) -> Self {
        let classes = classifier.checked();
        let margins = classes.iter().flat_map(|class| &class.margins);
        let limit = limit(margins.map(|margin| margin.value).collect());
        let mut measured = Self { classifier, classes, limit, sound_accuracy: None };
        measured.sound_accuracy = measured.accuracy_without_suspects();
        measured
    }

    /// The class at a position among those that can be recognized, if it was checked.
    pub(super) fn class(&self, at: usize) -> Option<&CheckedClass> {
        let found = self.classes.binary_search_by_key(&at, |class| class.at);
        found.ok().map(|found| &self.classes[found])
    }

    /// Its examples.
    pub(super) fn examples_of(&self, class: &CheckedClass) -> &'a Class {
        self.classifier.class_at(class.at)
    }

    /// The name of the class at a position among those that can be recognized.
    pub(super) fn name(&self, at: usize) -> ClassName {
        name(self.classifier.class_at(at))
    }

    /// Whether an example is likely in the wrong class: far on the side of another one, by the
    /// margins of this gallery.
    pub(super) fn is_suspect(&self, class: &CheckedClass, margin: &Margin) -> bool {
        class.different() >= MIN_DIFFERENT && self.limit.is_some_and(|limit| margin.value < limit)
    }

    /// How many examples were left out.
    pub(super) fn checked(&self) -> usize {
        self.classes.iter().map(|class| class.margins.len()).sum()
    }

    /// The share of the examples that are recognized.
    pub(super) fn accuracy(&self) -> Option<f64> {
        share(self.right(), self.checked())
    }

    /// The same without the suspects, which are images of other classes.
    fn accuracy_without_suspects(&self) -> Option<f64> {
        let mut suspects = 0;
        for class in &self.classes {
            let margins = class.margins.iter();
            suspects += margins.filter(|margin| self.is_suspect(class, margin)).count();
        }
        // None of them is recognized.
        share(self.right(), self.checked() - suspects)
    }

    fn right(&self) -> usize {
        self.classes.iter().map(CheckedClass::right).sum()
    }

    /// The share of new images of a class that are expected to be recognized.
    ///
    /// Leaving out is pessimistic, since the class has one example less, and a class that is found
    /// to be good was often lucky. The accuracy of the gallery evens out the second, which is more.
    pub(super) fn expected_accuracy(&self, class: &CheckedClass) -> Option<f64> {
        let accuracy = self.sound_accuracy.filter(|_| !class.margins.is_empty())?;
        let right = class.right() as f64 + GALLERY_EXAMPLES * accuracy;
        Some(right / (class.margins.len() as f64 + GALLERY_EXAMPLES))
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The name of a class.
pub(super) fn name(class: &Class) -> ClassName {
    ClassName { id: class.id, label: class.label.clone() }
}

/// The margin below which an example is suspicious.
fn limit(margins: Vec<f32>) -> Option<f32> {
    if margins.len() < MIN_MARGINS {
        return None;
    }
    let typical = median(margins.clone());
    let spread = MAD_SCALE * median(margins.iter().map(|one| (one - typical).abs()).collect());
    // An example that is recognized is never suspicious, also where most are not.
    Some((typical - SPREADS * spread).min(-TYPICAL_SHARE * typical).min(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_below_the_margins_that_are_usual() {
        let mut margins = vec![0.5; 8];
        margins.extend([0.3, 0.7]);
        assert_eq!(limit(margins[1..].to_vec()), None);
        assert_eq!(limit(margins.clone()), Some(-0.2));
        // Half of them far apart: what is usual reaches farther down.
        let wide = [-0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4].to_vec();
        assert!(limit(wide).unwrap() < -1.0);
        assert_eq!(limit(vec![-0.5; 10]), Some(-0.5));
        assert_eq!(limit(vec![0.0; 10]), Some(0.0));
    }
}
