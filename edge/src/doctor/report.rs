//! What a check of a gallery reports.

use crate::gallery::{ClassId, ExampleId, Label};

/// What was found in a gallery, among what was checked ([`DoctorEvidence`]). The lists have their
/// most serious entries, and [`DoctorTotals`] how many were found.
#[derive(Debug, Clone, PartialEq)]
pub struct DoctorReport {
    /// Every class, in the order of labels.
    pub classes: Vec<ClassReport>,
    /// The share of the checked examples that are recognized when they are left out, 0 to 1; `None`
    /// if none could be checked.
    pub accuracy: Option<f64>,
    /// What was checked.
    pub evidence: DoctorEvidence,
    /// Examples that are likely in the wrong class, the least doubtful first; at most 100.
    pub suspects: Vec<Suspect>,
    /// Pairs of classes that are taken for each other, the most frequent first; at most 50.
    pub confusions: Vec<Confusion>,
    /// Images that two classes have, the same or nearly the same ones, the most similar ones first;
    /// at most 100.
    pub in_two_classes: Vec<InTwoClasses>,
    /// Examples that show nearly what another one of their class shows, in the order of labels; at
    /// most 100.
    pub near_duplicates: Vec<NearDuplicate>,
    /// The lengths of these lists, if they were not cut.
    pub totals: DoctorTotals,
    /// What there is to say about the gallery as a whole, as sentences.
    pub notes: Vec<String>,
}

/// What a check of a gallery rests on: of a class at most 256 examples, of those that are nearly
/// the same one, and of a large gallery a part of the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoctorEvidence {
    /// All classes.
    pub classes: usize,
    /// Classes of which examples were left out.
    pub checked_classes: usize,
    /// Examples of all classes.
    pub examples: usize,
    /// Examples that were left out, one by one.
    pub checked_examples: usize,
}

/// How many entries of each kind were found among the examples that were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoctorTotals {
    /// Examples that are likely in the wrong class.
    pub suspects: usize,
    /// Pairs of classes that are taken for each other.
    pub confusions: usize,
    /// Images that two classes have.
    pub in_two_classes: usize,
    /// Examples that show nearly what another one of their class shows.
    pub near_duplicates: usize,
}

/// A class, named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassName {
    /// Stable.
    pub id: ClassId,
    /// The class name.
    pub label: Label,
}

/// What was found about a class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassReport {
    /// The class.
    pub class: ClassName,
    /// How many images it has.
    pub examples: usize,
    /// How many of them were left out, one by one; of those that are nearly the same one.
    pub checked: usize,
    /// How many of those were recognized.
    pub right: usize,
    /// The share of new images of the class that are expected to be recognized, 0 to 1; `None` if
    /// no example was checked.
    pub expected_accuracy: Option<f64>,
    /// What to do.
    pub verdict: Verdict,
    /// What to do and why.
    pub kind: AdviceKind,
    /// The example that the advice is about: the one to look at, or the one that new images should
    /// resemble.
    pub example: Option<ExampleId>,
    /// The class that this example is the closest to, or taken for.
    pub other: Option<ClassName>,
    /// What to do and why, in one sentence.
    pub advice: String,
}

/// What to do about a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has enough images.
    Enough,
    /// It needs more images.
    Add,
    /// An example is likely in the wrong class: decide about it first.
    Review,
    /// It could not be checked.
    Unchecked,
}

impl Verdict {
    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::Add => "add",
            Self::Review => "review",
            Self::Unchecked => "unchecked",
        }
    }
}

/// What to do about a class and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdviceKind {
    /// Add images: it has none, and is not known from its name.
    NoImages,
    /// Add images: it is known from its name only.
    NameOnly,
    /// Add a second image: nothing can be checked with one.
    OneImage,
    /// Add an image from another side: all are nearly the same.
    NearlySame,
    /// Add images like the example, which is taken for the other class.
    TakenFor,
    /// Add images like the example, which is the closest to the other class.
    CloseTo,
    /// Add images like the example, which is the least like the others of its class.
    LeastAlike,
    /// Decide first about the example, which is likely of the other class.
    Suspect,
    /// Nothing: it has enough images.
    Enough,
    /// Not checked: there is no other class to compare it with.
    NoOtherClass,
    /// Not checked: the gallery is too large to check every class.
    TooLarge,
}

impl AdviceKind {
    /// What to do.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Suspect => Verdict::Review,
            Self::Enough => Verdict::Enough,
            Self::NoOtherClass | Self::TooLarge => Verdict::Unchecked,
            _ => Verdict::Add,
        }
    }

    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoImages => "no_images",
            Self::NameOnly => "name_only",
            Self::OneImage => "one_image",
            Self::NearlySame => "nearly_same",
            Self::TakenFor => "taken_for",
            Self::CloseTo => "close_to",
            Self::LeastAlike => "least_alike",
            Self::Suspect => "suspect",
            Self::Enough => "enough",
            Self::NoOtherClass => "no_other_class",
            Self::TooLarge => "too_large",
        }
    }
}

/// An example that is likely in the wrong class.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// The example.
    pub example: ExampleId,
    /// The class that it is in.
    pub class: ClassName,
    /// The class that it is likely of.
    pub suggested: ClassName,
    /// The example of that class that is the most similar to it; `None` if that class is known from
    /// its name only.
    pub nearest: Option<ExampleId>,
    /// Their cosine.
    pub similarity: Option<f32>,
    /// How much lower its own class ranks than the suggested one: a difference of cosines, below 0.
    pub margin: f32,
}

/// Two classes that are taken for each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// One of them.
    pub class: ClassName,
    /// The other one.
    pub other: ClassName,
    /// How many checked examples of either are taken for the other when they are left out.
    pub count: usize,
    /// The example of `class` that shows it best.
    pub example: ExampleId,
    /// The example of `other` that is the most similar to it; `None` if that class is known from
    /// its name only.
    pub nearest: Option<ExampleId>,
    /// Their cosine.
    pub similarity: Option<f32>,
}

/// Two examples of two classes that show the same or nearly the same. At most one of the classes is
/// right for both.
///
/// The same image is found wherever it is. Nearly the same one is found if one of both examples was
/// checked, and if the other class is the best one for it after its own.
#[derive(Debug, Clone, PartialEq)]
pub struct InTwoClasses {
    /// The class that is first in the order of labels.
    pub class: ClassName,
    /// Its example.
    pub example: ExampleId,
    /// The other class.
    pub other: ClassName,
    /// The example of the other class.
    pub other_example: ExampleId,
    /// Their cosine, 0.99 to 1; of the same image less if two precisions embedded it.
    pub similarity: f32,
}

/// Two examples of a class that show nearly the same.
#[derive(Debug, Clone, PartialEq)]
pub struct NearDuplicate {
    /// The class.
    pub class: ClassName,
    /// The later one.
    pub example: ExampleId,
    /// The earlier one, which is no near-duplicate itself.
    pub of: ExampleId,
    /// Their cosine, 0.99 to 1.
    pub similarity: f32,
}
