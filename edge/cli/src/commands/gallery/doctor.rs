//! `handful gallery doctor`: checks the classes and examples of a gallery.

use std::fmt;

use clap::Args;
use edge::device::{Device, StoreAccess};
use edge::doctor::{
    ClassName, ClassReport, Confusion, DoctorEvidence, DoctorReport, DoctorTotals, InTwoClasses,
    NearDuplicate, Suspect,
};
use edge::gallery::ExampleId;
use models::fault::AnyFault;
use serde::Serialize;

use crate::commands::{changed, open};
use crate::text::{Align, percent, show, table};

const EXAMPLES: &str = "\
Examples:
  handful gallery doctor                           which classes need images, and which are wrong
  handful gallery doctor --json | jq '.suspects[]'
  handful --gallery \"line 2\" gallery doctor

Each example is left out once, with those that are nearly the same, and classified with the others:
right     how many of the examples that were left out are recognized
expected  share of new images of the class that are expected to be recognized

An image in two classes, the same or nearly the same, is likely wrong in one of them: remove it
there with `handful gallery remove`.

The exit code is 0, whatever is found.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {}

#[derive(Debug, Serialize)]
struct Answer {
    /// Null if nothing could be checked.
    accuracy: Option<f64>,
    classes: Vec<ClassRow>,
    suspects: Vec<SuspectAnswer>,
    confusions: Vec<ConfusionAnswer>,
    in_two_classes: Vec<SharedAnswer>,
    near_duplicates: Vec<DuplicateAnswer>,
    /// How many there are of these; the lists have at most 100, that of confusions 50.
    totals: Totals,
    notes: Vec<String>,
    evidence: Evidence,
    revision: u64,
}

#[derive(Debug, Serialize)]
struct ClassRow {
    id: String,
    label: String,
    examples: usize,
    /// How many of them were left out.
    checked: usize,
    /// How many of those were recognized.
    right: usize,
    /// Null if none was left out.
    expected_accuracy: Option<f64>,
    /// `enough`, `add`, `review` or `unchecked`.
    verdict: &'static str,
    /// The kind of the advice, such as `taken_for`.
    kind: &'static str,
    /// The example that the advice is about.
    example: Option<String>,
    /// The label of the class that this example is close to or taken for.
    other_label: Option<String>,
    advice: String,
}

#[derive(Debug, Serialize)]
struct SuspectAnswer {
    example: String,
    #[serde(skip)]
    // Only in text: people type the first digits.
    short_id: String,
    class: String,
    label: String,
    /// The id of the class that it is likely of.
    suggested: String,
    #[serde(skip)]
    // Only in text.
    short_suggested: String,
    #[serde(skip)]
    // The same: it names the gallery in the command.
    gallery: String,
    suggested_label: String,
    /// The most similar example of that class; null if it has none.
    nearest: Option<String>,
    similarity: Option<f32>,
    margin: f32,
}

#[derive(Debug, Serialize)]
struct ConfusionAnswer {
    class: String,
    label: String,
    other: String,
    other_label: String,
    count: usize,
    /// Of `class`.
    example: String,
    /// Of `other`; null if it has none.
    nearest: Option<String>,
    similarity: Option<f32>,
    #[serde(skip)]
    // Only in text: people type the first digits.
    short_ids: Vec<String>,
}

/// An image that two classes have.
#[derive(Debug, Serialize)]
struct SharedAnswer {
    class: String,
    label: String,
    other: String,
    other_label: String,
    /// Of `class`.
    example: String,
    /// Of `other`.
    other_example: String,
    similarity: f32,
    #[serde(skip)]
    // Only in text: people type the first digits.
    short_ids: [String; 2],
}

#[derive(Debug, Serialize)]
struct DuplicateAnswer {
    class: String,
    label: String,
    example: String,
    of: String,
    similarity: f32,
    #[serde(skip)]
    // Only in text: people type the first digits.
    short_ids: [String; 2],
}

#[derive(Debug, Serialize)]
struct Totals {
    suspects: usize,
    confusions: usize,
    in_two_classes: usize,
    near_duplicates: usize,
}

#[derive(Debug, Serialize)]
struct Evidence {
    classes: usize,
    checked_classes: usize,
    examples: usize,
    checked_examples: usize,
}

pub(super) fn run(json: bool, device: &Device) -> Result<(), AnyFault> {
    // A check reads a snapshot, so that it does not hold the lock.
    let mut recognizer = open(device, StoreAccess::Snapshot)?;
    let revision = recognizer.revision();
    let gallery = recognizer.selected();
    show(&Answer::new(recognizer.doctor()?.clone(), revision, &gallery), json)
}

impl Answer {
    fn new(report: DoctorReport, revision: u64, gallery: &str) -> Self {
        let suspects = report.suspects.into_iter();
        let shared = report.in_two_classes.into_iter();
        Self {
            accuracy: report.accuracy,
            classes: report.classes.into_iter().map(ClassRow::of).collect(),
            suspects: suspects.map(|suspect| SuspectAnswer::of(suspect, gallery)).collect(),
            confusions: report.confusions.into_iter().map(ConfusionAnswer::of).collect(),
            in_two_classes: shared.map(SharedAnswer::of).collect(),
            near_duplicates: report.near_duplicates.into_iter().map(DuplicateAnswer::of).collect(),
            totals: Totals::of(report.totals),
            notes: report.notes,
            evidence: Evidence::of(report.evidence),
            revision,
        }
    }
}

impl ClassRow {
    fn of(report: ClassReport) -> Self {
        Self {
            id: report.class.id.to_string(),
            label: report.class.label.to_string(),
            examples: report.examples,
            checked: report.checked,
            right: report.right,
            expected_accuracy: report.expected_accuracy,
            verdict: report.verdict.as_str(),
            kind: report.kind.as_str(),
            example: report.example.map(|id| id.to_string()),
            other_label: report.other.map(|other| other.label.to_string()),
            advice: report.advice,
        }
    }

    /// The cells of [`COLUMNS`].
    fn cells(&self) -> Vec<String> {
        let right = match self.checked {
            0 => "-".to_owned(),
            checked => format!("{} of {checked}", self.right),
        };
        vec![
            self.label.clone(),
            self.examples.to_string(),
            right,
            self.expected_accuracy.map_or_else(|| "-".to_owned(), percent),
            self.advice.clone(),
        ]
    }
}

impl SuspectAnswer {
    fn of(suspect: Suspect, gallery: &str) -> Self {
        let Suspect { example, class, suggested, nearest, similarity, margin } = suspect;
        Self {
            example: example.to_string(),
            short_id: example.short(),
            class: class.id.to_string(),
            label: class.label.to_string(),
            suggested: suggested.id.to_string(),
            short_suggested: suggested.id.short(),
            gallery: changed::option(gallery),
            suggested_label: suggested.label.to_string(),
            nearest: nearest.map(|id| id.to_string()),
            similarity,
            margin,
        }
    }
}

impl ConfusionAnswer {
    fn of(confusion: Confusion) -> Self {
        let Confusion { class, other, count, example, nearest, similarity } = confusion;
        let ids = [Some(example), nearest].into_iter().flatten();
        Self {
            short_ids: ids.map(ExampleId::short).collect(),
            class: class.id.to_string(),
            label: class.label.to_string(),
            other: other.id.to_string(),
            other_label: other.label.to_string(),
            count,
            example: example.to_string(),
            nearest: nearest.map(|id| id.to_string()),
            similarity,
        }
    }
}

impl SharedAnswer {
    fn of(shared: InTwoClasses) -> Self {
        let InTwoClasses { class, example, other, other_example, similarity } = shared;
        Self {
            class: class.id.to_string(),
            label: class.label.to_string(),
            other: other.id.to_string(),
            other_label: other.label.to_string(),
            example: example.to_string(),
            other_example: other_example.to_string(),
            similarity,
            short_ids: [example.short(), other_example.short()],
        }
    }
}

impl DuplicateAnswer {
    fn of(duplicate: NearDuplicate) -> Self {
        let NearDuplicate { class: ClassName { id, label }, example, of, similarity } = duplicate;
        Self {
            class: id.to_string(),
            label: label.to_string(),
            example: example.to_string(),
            of: of.to_string(),
            similarity,
            short_ids: [example.short(), of.short()],
        }
    }
}

impl Totals {
    fn of(totals: DoctorTotals) -> Self {
        let DoctorTotals { suspects, confusions, in_two_classes, near_duplicates } = totals;
        Self { suspects, confusions, in_two_classes, near_duplicates }
    }
}

impl Evidence {
    fn of(evidence: DoctorEvidence) -> Self {
        let DoctorEvidence { classes, checked_classes, examples, checked_examples } = evidence;
        Self { classes, checked_classes, examples, checked_examples }
    }
}

const COLUMNS: [(&str, Align); 5] = [
    ("class", Align::Left),
    ("images", Align::Right),
    ("right", Align::Right),
    ("expected", Align::Right),
    ("advice", Align::Left),
];

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.classes.is_empty() {
            return writeln!(f, "no class is enrolled; enroll some with `handful enroll DIR`");
        }
        let rows: Vec<_> = self.classes.iter().map(ClassRow::cells).collect();
        writeln!(f, "{}", table(&COLUMNS, &rows))?;
        if let Some(accuracy) = self.accuracy {
            let checked = self.evidence.checked_examples;
            let share = percent(accuracy);
            writeln!(f, "{share} of {checked} images are recognized when each is left out")?;
        }
        let Totals { suspects, confusions, in_two_classes, near_duplicates } = self.totals;
        section(f, "likely in the wrong class", &self.suspects, suspects)?;
        section(f, "taken for each other", &self.confusions, confusions)?;
        section(f, "in two classes", &self.in_two_classes, in_two_classes)?;
        section(f, "nearly the same", &self.near_duplicates, near_duplicates)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

/// A title and a line for each entry; nothing without entries.
fn section(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    entries: &[impl fmt::Display],
    total: usize,
) -> fmt::Result {
    if total == 0 {
        return Ok(());
    }
    writeln!(f, "\n{title}:")?;
    for entry in entries {
        writeln!(f, "  {entry}")?;
    }
    match total - entries.len() {
        0 => Ok(()),
        others => writeln!(f, "  and {others} more"),
    }
}

impl fmt::Display for SuspectAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { short_id, label, suggested_label, short_suggested, gallery, .. } = self;
        write!(f, "{short_id} in {label} looks like {suggested_label}; ")?;
        write!(f, "handful gallery move {short_id} --to {short_suggested}{gallery}")
    }
}

impl fmt::Display for ConfusionAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, other_label, count, .. } = self;
        write!(f, "{label} and {other_label}: {count}, see {}", self.short_ids.join(" and "))
    }
}

impl fmt::Display for SharedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, other_label, short_ids: [example, other], similarity, .. } = self;
        write!(f, "{example} in {label} and {other} in {other_label} ({similarity:.3})")
    }
}

impl fmt::Display for DuplicateAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [example, of] = &self.short_ids;
        write!(f, "{example} and {of} in {} ({:.3})", self.label, self.similarity)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edge::gallery::Label;

    use super::*;

    fn class(id: &str, label: &str) -> ClassName {
        ClassName { id: id.parse().unwrap(), label: Label::parse(label).unwrap() }
    }

    fn suspect() -> Suspect {
        Suspect {
            example: "e_0193b7a2c4d870008a3f21b4cd56ef78".parse().unwrap(),
            class: class("c_0193b7a2c4d870008f3a21b4cd56ef78", "cup"),
            suggested: class("c_0193b7a2c4d8700089828d255f9707b0", "mug"),
            nearest: None,
            similarity: None,
            margin: -0.5,
        }
    }

    #[test]
    fn the_command_for_a_suspect_names_its_gallery() {
        let line = "e_8a3f21 in cup looks like mug; handful gallery move e_8a3f21 --to c_89828d";
        assert_eq!(SuspectAnswer::of(suspect(), "default").to_string(), line);
        let other = SuspectAnswer::of(suspect(), "line 2").to_string();
        assert_eq!(other, format!("{line} --gallery \"line 2\""));
    }
}
