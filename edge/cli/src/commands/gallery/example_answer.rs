//! An example in an answer, and the table of examples.

use edge::Recognizer;
use edge::gallery::Example;
use edge::recognizer::ExampleInfo;
use models::{hex, utc};
use serde::Serialize;

use crate::text::{Align, table};

/// How many digits of a hash people need to find a file.
const HASH_DIGITS: usize = 12;

#[derive(Debug, Serialize)]
pub(super) struct ExampleAnswer {
    pub(super) id: String,
    #[serde(skip)]
    // Only in text: people type the first digits.
    short_id: String,
    /// The class; null: the background set.
    label: Option<String>,
    sha256: String,
    /// The part of the image that it shows, in fractions; null: all of it.
    crop: Option<String>,
    #[serde(skip)]
    // Only in text: minutes are enough for people.
    added: String,
    added_at: String,
    precision: String,
}

impl From<ExampleInfo> for ExampleAnswer {
    fn from(example: ExampleInfo) -> Self {
        Self {
            id: example.id.to_string(),
            short_id: example.id.short(),
            label: example.label.map(|label| label.to_string()),
            sha256: hex::encode(&example.sha256),
            crop: example.crop.map(|crop| crop.to_string()),
            added: utc::minute(example.added_at_ms),
            added_at: utc::rfc3339(example.added_at_ms),
            precision: example.precision,
        }
    }
}

impl ExampleAnswer {
    /// Those of the background set.
    pub(super) fn background(recognizer: &Recognizer) -> Vec<Self> {
        recognizer.background().iter().map(|example| Self::of_background(example)).collect()
    }

    /// An example of the background set.
    pub(super) fn of_background(example: &Example) -> Self {
        Self::from(ExampleInfo {
            id: example.id,
            class: None,
            label: None,
            sha256: example.sha256,
            crop: example.crop,
            added_at_ms: example.id.made_at_ms(),
            precision: example.precision.clone(),
        })
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        vec![
            self.short_id.clone(),
            self.added.clone(),
            self.sha256[..HASH_DIGITS].to_owned(),
            self.precision.clone(),
        ]
    }

    fn crop_cell(&self) -> String {
        self.crop.clone().unwrap_or_else(|| "-".to_owned())
    }

    fn class_cell(&self) -> String {
        self.label.clone().unwrap_or_else(|| "(none of these)".to_owned())
    }
}

const COLUMNS: [(&str, Align); 4] = [
    ("id", Align::Left),
    ("added (UTC)", Align::Left),
    ("sha256", Align::Left),
    ("precision", Align::Left),
];

/// The columns of a table of examples, and its rows.
struct Cells {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Cells {
    /// With the crops, if there are any.
    fn of(examples: &[ExampleAnswer]) -> Self {
        let rows = examples.iter().map(ExampleAnswer::row).collect();
        let mut cells = Self { columns: COLUMNS.to_vec(), rows };
        if examples.iter().any(|example| example.crop.is_some()) {
            cells.add("crop", examples.iter().map(ExampleAnswer::crop_cell));
        }
        cells
    }

    fn add(&mut self, name: &'static str, cells: impl Iterator<Item = String>) {
        self.columns.push((name, Align::Left));
        for (row, cell) in self.rows.iter_mut().zip(cells) {
            row.push(cell);
        }
    }

    fn table(&self) -> String {
        table(&self.columns, &self.rows)
    }
}

/// A table of examples that have one class.
pub(super) fn table_of(examples: &[ExampleAnswer]) -> String {
    Cells::of(examples).table()
}

/// A table of examples with their classes.
pub(super) fn table_with_classes(examples: &[ExampleAnswer]) -> String {
    let mut cells = Cells::of(examples);
    cells.add("class", examples.iter().map(ExampleAnswer::class_cell));
    cells.table()
}
