//! One sentence for each class: enough images, or which one to add and why.

use crate::classifier::{CheckedClass, Margin};
use crate::gallery::{Class, ExampleId};

use super::measured::Measured;
use super::report::{AdviceKind, ClassName};

/// The accuracy from which on a class has enough images.
const ENOUGH_ACCURACY: f64 = 0.9;

/// The fewest different images of a class that has enough: with fewer, the expected accuracy is
/// mostly that of the other classes.
const ENOUGH_IMAGES: usize = 5;

/// What to do about a class.
pub(super) struct Advice {
    pub(super) kind: AdviceKind,
    /// The example that it is about.
    pub(super) example: Option<ExampleId>,
    /// The class that this example is close to or taken for.
    pub(super) other: Option<ClassName>,
    /// As a sentence.
    pub(super) text: String,
}

impl Advice {
    fn new(kind: AdviceKind, text: impl Into<String>) -> Self {
        Self { kind, example: None, other: None, text: text.into() }
    }

    /// For a class, at this position if it can be recognized.
    pub(super) fn of(class: &Class, at: Option<usize>, measured: &Measured<'_>) -> Self {
        match (class.examples.len(), at) {
            (0, None) => Self::new(AdviceKind::NoImages, "add images: it has none"),
            (0, Some(_)) => {
                Self::new(AdviceKind::NameOnly, "add images: it is known from its name only")
            }
            (1, _) => Self::new(
                AdviceKind::OneImage,
                "add a second image: one image shows one view, and nothing can be checked with it",
            ),
            (_, at) => match at.and_then(|at| measured.class(at)) {
                Some(checked) => Self::of_checked(class, checked, measured),
                None => Self::new(
                    AdviceKind::TooLarge,
                    "not checked: the gallery is too large to check every class",
                ),
            },
        }
    }

    fn of_checked(class: &Class, checked: &CheckedClass, measured: &Measured<'_>) -> Self {
        if checked.different() == 1 {
            let images = compared(class, checked);
            return Self::new(
                AdviceKind::NearlySame,
                format!("add an image from another side: {images} are nearly the same"),
            );
        }
        let expected = measured.expected_accuracy(checked);
        let Some((expected, weakest)) = expected.zip(checked.weakest()) else {
            return Self::new(
                AdviceKind::NoOtherClass,
                "not checked: there is no other class to compare it with",
            );
        };
        let is_suspect = measured.is_suspect(checked, weakest);
        let is_enough = checked.different() >= ENOUGH_IMAGES && expected >= ENOUGH_ACCURACY;
        if is_enough && !is_suspect {
            return Self::new(AdviceKind::Enough, format!("enough: {}", in_words(expected)));
        }
        let example = class.examples[weakest.example].id;
        let other = measured.name(weakest.rival);
        let kind = if is_suspect { AdviceKind::Suspect } else { weakness(checked, weakest) };
        let text = match kind {
            AdviceKind::Suspect => {
                format!("look at {} first: it looks like `{}`", example.short(), other.label)
            }
            _ => {
                let why = why(kind, &other);
                let reason = reason(checked.different(), expected);
                format!("add an image like {}, {why}: {reason}", example.short())
            }
        };
        Self { example: Some(example), other: Some(other), ..Self::new(kind, text) }
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
fn weakness(class: &CheckedClass, weakest: &Margin) -> AdviceKind {
    if !weakest.is_right() {
        return AdviceKind::TakenFor;
    }
    // Of two images, each is as far from the other.
    let is_isolated = class.margins.len() > 2
        && class.margins.iter().all(|margin| weakest.nearest <= margin.nearest);
    if is_isolated { AdviceKind::LeastAlike } else { AdviceKind::CloseTo }
}

/// The same in words.
fn why(kind: AdviceKind, other: &ClassName) -> String {
    match kind {
        AdviceKind::TakenFor => format!("which is taken for `{}`", other.label),
        AdviceKind::LeastAlike => "which is the least like the others of the class".to_owned(),
        _ => format!("which is the closest to `{}`", other.label),
    }
}

/// Why the images of a class are not enough.
fn reason(different: usize, expected: f64) -> String {
    match different {
        few if few < ENOUGH_IMAGES => {
            format!("it has {few} different images, and {ENOUGH_IMAGES} are the fewest")
        }
        _ => in_words(expected),
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
