//! The check of a gallery.

use edge::doctor;
use serde::Serialize;
use utoipa::ToSchema;

/// What a check of a gallery has found, among what was checked (`evidence`). Each example is left
/// out once, with those that are nearly the same, and classified with the others. Examples that are
/// nearly the same count as one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Doctor {
    /// The share of the checked examples that are recognized when they are left out; null if none
    /// could be checked.
    #[schema(minimum = 0, maximum = 1, example = 0.94)]
    pub accuracy: Option<f64>,
    /// The classes, sorted by label.
    #[schema(max_items = 1000)]
    pub classes: Vec<DoctorClass>,
    /// The value of `after` for the classes that follow; null after the last one. The other fields
    /// are about the whole gallery.
    #[schema(max_length = 128, example = "mug")]
    pub next: Option<String>,
    /// Examples that are likely in the wrong class, the least doubtful first.
    #[schema(max_items = 100)]
    pub suspects: Vec<Suspect>,
    /// Pairs of classes that are taken for each other, the most frequent first.
    #[schema(max_items = 50)]
    pub confusions: Vec<Confusion>,
    /// Images that two classes have, the same or nearly the same ones, the most similar ones first.
    #[schema(max_items = 100)]
    pub in_two_classes: Vec<InTwoClasses>,
    /// Examples that show nearly what an earlier one of their class shows.
    #[schema(max_items = 100)]
    pub near_duplicates: Vec<NearDuplicate>,
    /// How many of each of these were found.
    pub totals: DoctorTotals,
    /// What there is to say about the gallery as a whole, as sentences.
    #[schema(max_items = 100)]
    pub notes: Vec<String>,
    /// What was checked.
    pub evidence: DoctorEvidence,
    /// The gallery's revision.
    pub revision: u64,
}

/// What was found about a class.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DoctorClass {
    /// The id of the class.
    #[schema(example = "c_0193b7a2c4d870008f3a21b4cd56ef78", pattern = "^c_[0-9a-f]{32}$")]
    pub id: String,
    /// Its label.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub label: String,
    /// How many images it has.
    pub examples: usize,
    /// How many of them were left out, one by one; of those that are nearly the same one.
    pub checked: usize,
    /// How many of those were recognized.
    pub right: usize,
    /// The share of new images of the class that are expected to be recognized; null if none was
    /// left out.
    #[schema(minimum = 0, maximum = 1, example = 0.96)]
    pub expected_accuracy: Option<f64>,
    /// What to do.
    pub verdict: DoctorVerdict,
    /// What to do and why.
    pub kind: DoctorAdvice,
    /// The id of the example that the advice is about: the one to look at, or the one that new
    /// images should resemble.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub example: Option<String>,
    /// The label of the class that this example is the closest to, or taken for; null without an
    /// example.
    #[schema(example = "cup", min_length = 1, max_length = 128)]
    pub other_label: Option<String>,
    /// What to do and why, in one sentence. Examples have short ids there.
    #[schema(
        max_length = 1000,
        example = "enough: about 96 % of new images are expected to be recognized"
    )]
    pub advice: String,
}

/// What to do about a class: `enough` (nothing), `add` (more images), `review` (first decide about
/// an example that is likely in the wrong class) or `unchecked` (not known).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoctorVerdict {
    /// It has enough images.
    Enough,
    /// It needs more images.
    Add,
    /// An example is likely in the wrong class: decide about it first.
    Review,
    /// It could not be checked.
    Unchecked,
}

/// What to do about a class and why: the code of its `advice`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoctorAdvice {
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

/// An example that is likely in the wrong class.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Suspect {
    /// The id of the example.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub example: String,
    /// The id of the class that it is in.
    #[schema(example = "c_0193b7a2c4d870008f3a21b4cd56ef78", pattern = "^c_[0-9a-f]{32}$")]
    pub class: String,
    /// The label of that class.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub label: String,
    /// The id of the class that it is likely of.
    #[schema(example = "c_0193b7a2c4d87000889828d255f9707b", pattern = "^c_[0-9a-f]{32}$")]
    pub suggested: String,
    /// The label of that class.
    #[schema(example = "cup", min_length = 1, max_length = 128)]
    pub suggested_label: String,
    /// The id of the example of that class that is the most similar to it; null if it has none.
    #[schema(example = "e_0193b7a2c4d87000abb9af21b4202407", pattern = "^e_[0-9a-f]{32}$")]
    pub nearest: Option<String>,
    /// Their cosine similarity, -1 to 1.
    #[schema(minimum = -1.001, maximum = 1.001, example = 0.71)]
    pub similarity: Option<f32>,
    /// How much lower its own class ranks than the suggested one: a difference of cosines, below 0.
    #[schema(minimum = -4, maximum = 0, example = -0.21)]
    pub margin: f32,
}

/// Two classes that are taken for each other.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Confusion {
    /// The id of one of them.
    #[schema(example = "c_0193b7a2c4d870008f3a21b4cd56ef78", pattern = "^c_[0-9a-f]{32}$")]
    pub class: String,
    /// Its label.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub label: String,
    /// The id of the other one.
    #[schema(example = "c_0193b7a2c4d87000889828d255f9707b", pattern = "^c_[0-9a-f]{32}$")]
    pub other: String,
    /// Its label.
    #[schema(example = "cup", min_length = 1, max_length = 128)]
    pub other_label: String,
    /// How many checked examples of either are taken for the other when they are left out.
    pub count: usize,
    /// The id of the example of `class` that shows it best.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub example: String,
    /// The id of the example of `other` that is the most similar to it; null if it has none.
    #[schema(example = "e_0193b7a2c4d87000abb9af21b4202407", pattern = "^e_[0-9a-f]{32}$")]
    pub nearest: Option<String>,
    /// Their cosine similarity, -1 to 1.
    #[schema(minimum = -1.001, maximum = 1.001, example = 0.71)]
    pub similarity: Option<f32>,
}

/// Two examples of two classes that show the same or nearly the same. At most one of the classes is
/// right for both.
///
/// The same image is found wherever it is. Nearly the same one is found if one of both examples was
/// checked, and if the other class is the best one for it after its own.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InTwoClasses {
    /// The id of the class that is first in the order of labels.
    #[schema(example = "c_0193b7a2c4d87000889828d255f9707b", pattern = "^c_[0-9a-f]{32}$")]
    pub class: String,
    /// Its label.
    #[schema(example = "cup", min_length = 1, max_length = 128)]
    pub label: String,
    /// The id of the other class.
    #[schema(example = "c_0193b7a2c4d870008f3a21b4cd56ef78", pattern = "^c_[0-9a-f]{32}$")]
    pub other: String,
    /// Its label.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub other_label: String,
    /// The id of the example of `class`.
    #[schema(example = "e_0193b7a2c4d87000abb9af21b4202407", pattern = "^e_[0-9a-f]{32}$")]
    pub example: String,
    /// The id of the example of `other`.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub other_example: String,
    /// Their cosine similarity, 0.99 to 1; of the same image less if two precisions embedded it.
    #[schema(minimum = -1.001, maximum = 1.001, example = 0.996)]
    pub similarity: f32,
}

/// Two examples of a class that show nearly the same.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NearDuplicate {
    /// The id of the class.
    #[schema(example = "c_0193b7a2c4d870008f3a21b4cd56ef78", pattern = "^c_[0-9a-f]{32}$")]
    pub class: String,
    /// Its label.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub label: String,
    /// The id of the later one.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub example: String,
    /// The id of the earlier one, which is no near-duplicate itself.
    #[schema(example = "e_0193b7a2c4d87000abb9af21b4202407", pattern = "^e_[0-9a-f]{32}$")]
    pub of: String,
    /// Their cosine similarity, 0.99 to 1.
    #[schema(minimum = 0.98, maximum = 1.001, example = 0.996)]
    pub similarity: f32,
}

/// How many were found among the examples that were checked, also those that are not listed.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct DoctorTotals {
    /// Examples that are likely in the wrong class.
    pub suspects: usize,
    /// Pairs of classes that are taken for each other.
    pub confusions: usize,
    /// Images that two classes have.
    pub in_two_classes: usize,
    /// Examples that show nearly what an earlier one of their class shows.
    pub near_duplicates: usize,
}

/// What was checked: of a class at most 256 examples, of those that are nearly the same one, and of
/// a large gallery a part of the classes.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
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

impl Doctor {
    /// At most `limit` of the classes, those after the label `after`, with what was found in the
    /// whole gallery.
    #[must_use]
    pub fn new(
        report: &doctor::DoctorReport,
        limit: usize,
        after: Option<&str>,
        revision: u64,
    ) -> Self {
        let all = &report.classes;
        let start = after.map_or(0, |after| {
            let after = models::label::folded(after);
            all.partition_point(|one| one.class.label.folded() <= after)
        });
        let end = all.len().min(start + limit);
        let classes: Vec<_> = all[start..end].iter().map(DoctorClass::from).collect();
        let last = classes.last().map(|class| class.label.clone());
        Self {
            accuracy: report.accuracy,
            next: last.filter(|_| end < all.len()),
            classes,
            suspects: report.suspects.iter().map(Suspect::from).collect(),
            confusions: report.confusions.iter().map(Confusion::from).collect(),
            in_two_classes: report.in_two_classes.iter().map(InTwoClasses::from).collect(),
            near_duplicates: report.near_duplicates.iter().map(NearDuplicate::from).collect(),
            totals: report.totals.into(),
            notes: report.notes.clone(),
            evidence: report.evidence.into(),
            revision,
        }
    }
}

impl From<&doctor::ClassReport> for DoctorClass {
    fn from(report: &doctor::ClassReport) -> Self {
        Self {
            id: report.class.id.to_string(),
            label: report.class.label.to_string(),
            examples: report.examples,
            checked: report.checked,
            right: report.right,
            expected_accuracy: report.expected_accuracy,
            verdict: report.verdict.into(),
            kind: report.kind.into(),
            example: report.example.map(|id| id.to_string()),
            other_label: report.other.as_ref().map(|other| other.label.to_string()),
            advice: report.advice.clone(),
        }
    }
}

impl From<doctor::Verdict> for DoctorVerdict {
    fn from(verdict: doctor::Verdict) -> Self {
        match verdict {
            doctor::Verdict::Enough => Self::Enough,
            doctor::Verdict::Add => Self::Add,
            doctor::Verdict::Review => Self::Review,
            doctor::Verdict::Unchecked => Self::Unchecked,
        }
    }
}

impl From<doctor::AdviceKind> for DoctorAdvice {
    fn from(kind: doctor::AdviceKind) -> Self {
        match kind {
            doctor::AdviceKind::NoImages => Self::NoImages,
            doctor::AdviceKind::NameOnly => Self::NameOnly,
            doctor::AdviceKind::OneImage => Self::OneImage,
            doctor::AdviceKind::NearlySame => Self::NearlySame,
            doctor::AdviceKind::TakenFor => Self::TakenFor,
            doctor::AdviceKind::CloseTo => Self::CloseTo,
            doctor::AdviceKind::LeastAlike => Self::LeastAlike,
            doctor::AdviceKind::Suspect => Self::Suspect,
            doctor::AdviceKind::Enough => Self::Enough,
            doctor::AdviceKind::NoOtherClass => Self::NoOtherClass,
            doctor::AdviceKind::TooLarge => Self::TooLarge,
        }
    }
}

impl From<&doctor::Suspect> for Suspect {
    fn from(suspect: &doctor::Suspect) -> Self {
        Self {
            example: suspect.example.to_string(),
            class: suspect.class.id.to_string(),
            label: suspect.class.label.to_string(),
            suggested: suspect.suggested.id.to_string(),
            suggested_label: suspect.suggested.label.to_string(),
            nearest: suspect.nearest.map(|id| id.to_string()),
            similarity: suspect.similarity,
            margin: suspect.margin,
        }
    }
}

impl From<&doctor::Confusion> for Confusion {
    fn from(confusion: &doctor::Confusion) -> Self {
        Self {
            class: confusion.class.id.to_string(),
            label: confusion.class.label.to_string(),
            other: confusion.other.id.to_string(),
            other_label: confusion.other.label.to_string(),
            count: confusion.count,
            example: confusion.example.to_string(),
            nearest: confusion.nearest.map(|id| id.to_string()),
            similarity: confusion.similarity,
        }
    }
}

impl From<&doctor::InTwoClasses> for InTwoClasses {
    fn from(shared: &doctor::InTwoClasses) -> Self {
        Self {
            class: shared.class.id.to_string(),
            label: shared.class.label.to_string(),
            other: shared.other.id.to_string(),
            other_label: shared.other.label.to_string(),
            example: shared.example.to_string(),
            other_example: shared.other_example.to_string(),
            similarity: shared.similarity,
        }
    }
}

impl From<&doctor::NearDuplicate> for NearDuplicate {
    fn from(duplicate: &doctor::NearDuplicate) -> Self {
        Self {
            class: duplicate.class.id.to_string(),
            label: duplicate.class.label.to_string(),
            example: duplicate.example.to_string(),
            of: duplicate.of.to_string(),
            similarity: duplicate.similarity,
        }
    }
}

impl From<doctor::DoctorTotals> for DoctorTotals {
    fn from(totals: doctor::DoctorTotals) -> Self {
        Self {
            suspects: totals.suspects,
            confusions: totals.confusions,
            in_two_classes: totals.in_two_classes,
            near_duplicates: totals.near_duplicates,
        }
    }
}

impl From<doctor::DoctorEvidence> for DoctorEvidence {
    fn from(evidence: doctor::DoctorEvidence) -> Self {
        Self {
            classes: evidence.classes,
            checked_classes: evidence.checked_classes,
            examples: evidence.examples,
            checked_examples: evidence.checked_examples,
        }
    }
}
