//! What `handful gallery reembed` prints.

use std::fmt;

use edge::Recognizer;
use edge::recognizer::{CanceledReembed, ReembedComparison, ReembedStatus, Reembedding};
use serde::Serialize;

use crate::text::{Align, counted, table};

/// The new embeddings, and what they change.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    from_space: String,
    to_space: String,
    /// Examples of the classes and of the background set.
    examples: usize,
    /// Those of them that have a new embedding.
    embedded: usize,
    without_image: usize,
    unreadable: usize,
    originals: usize,
    thumbnails: usize,
    comparison: Comparison,
}

#[derive(Debug, Serialize)]
struct Comparison {
    /// Examples that were left out, one by one.
    compared: usize,
    /// Those of them that have another nearest class.
    nearest_changes: usize,
    single_example_classes: usize,
    /// Null if nothing was compared.
    accuracy_before: Option<f64>,
    accuracy_after: Option<f64>,
    /// Not all examples were compared.
    sampled: bool,
}

/// The end of a command that embedded all images.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// `ready` or `swapped`.
    state: &'static str,
    #[serde(flatten)]
    found: Found,
    /// Examples that were removed, since they have no new embedding.
    left_out: usize,
    revision: u64,
    #[serde(skip)]
    // Only in text: the question showed the comparison.
    is_shown: bool,
    #[serde(skip)]
    // The same: the command that goes on; empty after a swap.
    next: String,
}

/// The answer about a gallery of the model in use.
#[derive(Debug, Serialize)]
pub(super) struct NothingToDo {
    state: &'static str,
    gallery: String,
    bundle: String,
    revision: u64,
}

/// The answer to `--cancel`.
#[derive(Debug, Serialize)]
pub(super) struct Canceled {
    state: &'static str,
    forgotten: usize,
    /// Of these examples the new embeddings are kept, since the gallery once used them.
    kept: usize,
    revision: u64,
}

impl Found {
    pub(super) fn new(status: ReembedStatus, comparison: ReembedComparison) -> Self {
        let is_measured = comparison.compared > 0;
        Self {
            from_space: status.from_space,
            to_space: status.to_space,
            examples: status.examples,
            embedded: status.embedded,
            without_image: status.without_image,
            unreadable: status.unreadable,
            originals: status.originals,
            thumbnails: status.thumbnails,
            comparison: Comparison {
                compared: comparison.compared,
                nearest_changes: comparison.nearest_changes,
                single_example_classes: comparison.single_example_classes,
                accuracy_before: is_measured.then_some(comparison.accuracy_before),
                accuracy_after: is_measured.then_some(comparison.accuracy_after),
                sampled: comparison.sampled,
            },
        }
    }
}

impl Answer {
    pub(super) fn ready(found: Found, is_shown: bool, next: String, revision: u64) -> Self {
        Self { state: "ready", found, left_out: 0, revision, is_shown, next }
    }

    pub(super) fn swapped(found: Found, is_shown: bool, made: &Reembedding) -> Self {
        let Reembedding { revision, left_out, .. } = *made;
        Self { state: "swapped", found, left_out, revision, is_shown, next: String::new() }
    }
}

impl NothingToDo {
    pub(super) fn of(recognizer: &Recognizer) -> Self {
        Self {
            state: "nothing_to_do",
            gallery: recognizer.selected(),
            bundle: recognizer.manifest().name.clone(),
            revision: recognizer.revision(),
        }
    }
}

impl Canceled {
    pub(super) fn new(canceled: CanceledReembed, revision: u64) -> Self {
        let CanceledReembed { forgotten, kept } = canceled;
        Self { state: "canceled", forgotten, kept, revision }
    }
}

/// A number of images.
pub(super) fn counted_images(images: usize) -> String {
    if images == 1 { "1 image".to_owned() } else { format!("{images} images") }
}

const COLUMNS: [(&str, Align); 3] =
    [("comparison", Align::Left), ("before", Align::Right), ("after", Align::Right)];

impl Comparison {
    fn rows(&self) -> Vec<Vec<String>> {
        let compared = self.compared.to_string();
        let changed = self.nearest_changes as f64 / self.compared as f64;
        let cells = [
            ["recognized".to_owned(), percent(self.accuracy_before), percent(self.accuracy_after)],
            ["another class is nearest".to_owned(), String::new(), percent(Some(changed))],
            ["images compared".to_owned(), compared.clone(), compared],
        ];
        cells.map(Vec::from).to_vec()
    }
}

/// A measured share, which may be none or all.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.compared == 0 {
            return writeln!(f, "nothing can be compared: no class has two images");
        }
        f.write_str(&table(&COLUMNS, &self.rows()))?;
        if self.sampled {
            writeln!(f, "the compared images are a sample of all")?;
        }
        match self.single_example_classes {
            0 => Ok(()),
            1 => writeln!(f, "1 class has one image and is not compared"),
            classes => writeln!(f, "{classes} classes have one image and are not compared"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.comparison)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_shown {
            write!(f, "{}", self.found)?;
        }
        if !self.next.is_empty() {
            writeln!(f, "the gallery is as it was; the new embeddings are kept beside it")?;
            return writeln!(f, "use them with: {}", self.next);
        }
        let Self { found, left_out, .. } = self;
        writeln!(f, "the gallery uses the new embeddings: {}", counted(found.embedded))?;
        match left_out {
            0 => Ok(()),
            left_out => writeln!(f, "left out: {}", counted(*left_out)),
        }
    }
}

impl fmt::Display for NothingToDo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gallery, bundle, .. } = self;
        writeln!(f, "nothing to do: the gallery `{gallery}` is of the model of the bundle {bundle}")
    }
}

impl fmt::Display for Canceled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kept {
            0 => writeln!(f, "forgot the new embeddings of {}", counted(self.forgotten))?,
            kept => writeln!(
                f,
                "kept the new embeddings of {}: the gallery once used them, so an undo or a redo \
                 needs them",
                counted(kept)
            )?,
        }
        writeln!(f, "the gallery is as it was")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(compared: usize) -> Comparison {
        Comparison {
            compared,
            nearest_changes: 1,
            single_example_classes: 2,
            accuracy_before: Some(0.875),
            accuracy_after: Some(1.0),
            sampled: false,
        }
    }

    #[test]
    fn a_comparison_is_a_table() {
        let expected = "\
comparison                before    after
recognized                87.5 %  100.0 %
another class is nearest           12.5 %
images compared                8        8
2 classes have one image and are not compared
";
        assert_eq!(comparison(8).to_string(), expected);
        assert!(comparison(0).to_string().starts_with("nothing can be compared"));
    }
}
