//! One sentence for each class: enough images, or which one to add and why.

use crate::classifier::{CheckedClass, Margin};
use crate::gallery::{Class, ExampleId};

use super::measured::Measured;
use super::report::Verdict;

/// The accuracy from which on a class has enough images.
const ENOUGH_ACCURACY: f64 = 0.9;

/// The fewest different images of a class that has enough: with fewer, the expected accuracy is
/// mostly that of the other classes.
const ENOUGH_IMAGES: usize = 5;

/// What to do about a class.
pub(super) struct Advice {
    pub(super) verdict: Verdict,
    /// The example that it is about.
    pub(super) example: Option<ExampleId>,
    /// As a sentence.
    pub(super) text: String,
}

impl Advice {
    fn new(verdict: Verdict, text: impl Into<String>) -> Self {
        Self { verdict, example: None, text: text.into() }
    }

    /// For a class, at this position if it can be recognized.
    pub(super) fn of(class: &Class, at: Option<usize>, measured: &Measured<'_>) -> Self {
        match (class.examples.len(), at) {
            (0, None) => Self::new(Verdict::Add, "add images: it has none"),
            (0, Some(_)) => Self::new(Verdict::Add, "add images: it is known from its name only"),
            (1, _) => Self::new(
                Verdict::Add,
                "add a second image: one image shows one view, and nothing can be checked with it",
            ),
            (_, at) => match at.and_then(|at| measured.class(at)) {
                Some(checked) => Self::of_checked(class, checked, measured),
                None => Self::new(
                    Verdict::Unchecked,
                    "not checked: the gallery is too large to check every class",
                ),
            },
        }
    }

    fn of_checked(class: &Class, checked: &CheckedClass, measured: &Measured<'_>) -> Self {
        let different = checked.different();
        if different == 1 {
            let images = compared(class, checked);
            return Self::new(
                Verdict::Add,
                format!("add an image from another side: {images} are nearly the same"),
            );
        }
        let expected = measured.expected_accuracy(checked);
        let Some((expected, weakest)) = expected.zip(checked.weakest()) else {
            return Self::new(
                Verdict::Unchecked,
                "not checked: there is no other class to compare it with",
            );
        };
        let example = class.examples[weakest.example].id;
        if measured.is_suspect(checked, weakest) {
            let other = measured.name(weakest.rival).label;
            let text = format!("look at {} first: it looks like `{other}`", example.short());
            return Self { example: Some(example), ..Self::new(Verdict::Review, text) };
        }
        let reason = match different {
            few if few < ENOUGH_IMAGES => {
                format!("it has {few} different images, and {ENOUGH_IMAGES} are the fewest")
            }
            _ if expected >= ENOUGH_ACCURACY => {
                return Self::new(Verdict::Enough, format!("enough: {}", in_words(expected)));
            }
            _ => in_words(expected),
        };
        let why = weakness(checked, weakest, measured);
        let text = format!("add an image like {}, {why}: {reason}", example.short());
        Self { example: Some(example), ..Self::new(Verdict::Add, text) }
    }
}

/// The images of a class that were compared with each other, in words.
fn compared(class: &Class, checked: &CheckedClass) -> String {
    match class.examples.len() {
        all if all > checked.sampled => format!("{} of its {all} images", checked.sampled),
        all => format!("its {all} images"),
    }
}

/// What is weak about the weakest example of a class.
fn weakness(class: &CheckedClass, weakest: &Margin, measured: &Measured<'_>) -> String {
    let other = measured.name(weakest.rival).label;
    if !weakest.is_right() {
        return format!("which is taken for `{other}`");
    }
    // Of two images, each is as far from the other.
    let is_isolated = class.margins.len() > 2
        && class.margins.iter().all(|margin| weakest.nearest <= margin.nearest);
    match is_isolated {
        true => "which is the least like the others of the class".to_owned(),
        false => format!("which is the closest to `{other}`"),
    }
}

/// An expected accuracy. Nothing that is measured with a few images is certain.
fn in_words(expected: f64) -> String {
    let share = match 100.0 * expected {
        percent if percent >= 99.5 => "more than 99 %".to_owned(),
        percent => format!("about {percent:.0} %"),
    };
    format!("{share} of new images are expected to be recognized")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_accuracy_is_certain() {
        let rest = " of new images are expected to be recognized";
        assert_eq!(in_words(0.957), format!("about 96 %{rest}"));
        assert_eq!(in_words(1.0), format!("more than 99 %{rest}"));
    }
}
