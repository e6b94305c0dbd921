//! A class in an answer, and the table of classes.

use std::fmt;

use edge::lexicon::MeaningInfo;
use edge::recognizer::ClassInfo;
use serde::Serialize;

use crate::text::{Align, counted, table};

#[derive(Debug, Serialize)]
pub(super) struct ClassAnswer {
    id: String,
    #[serde(skip)]
    // Only in text: people type the first digits.
    short_id: String,
    label: String,
    examples: usize,
    meaning: Option<MeaningAnswer>,
    /// Its attributes: overridden, or those of its sense.
    attributes: Vec<String>,
    /// Whether the attributes are overridden.
    attributes_overridden: bool,
}

/// The sense of a class.
#[derive(Debug, Serialize)]
struct MeaningAnswer {
    synset: String,
    rule: &'static str,
    words: String,
    gloss: String,
}

impl ClassAnswer {
    pub(super) fn of(class: ClassInfo) -> Self {
        Self {
            id: class.id.to_string(),
            short_id: class.id.short(),
            label: class.label.to_string(),
            examples: class.examples,
            meaning: class.meaning.map(MeaningAnswer::of),
            attributes: class.attributes.into_iter().map(|attribute| attribute.name).collect(),
            attributes_overridden: class.attributes_overridden,
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let sense = self.meaning.as_ref().map(MeaningAnswer::to_string);
        vec![
            self.short_id.clone(),
            self.label.clone(),
            self.examples.to_string(),
            sense.unwrap_or_else(|| "-".to_owned()),
        ]
    }

    /// Its attributes in a line, if they are overridden.
    fn overridden_attributes(&self) -> Option<String> {
        let attributes = match self.attributes.is_empty() {
            true => "none".to_owned(),
            false => self.attributes.join(", "),
        };
        let line = format!("attributes of {} (overridden): {attributes}\n", self.label);
        self.attributes_overridden.then_some(line)
    }
}

/// The label and the number of examples.
impl fmt::Display for ClassAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.label, self.short_id, counted(self.examples))
    }
}

impl MeaningAnswer {
    fn of(meaning: MeaningInfo) -> Self {
        Self {
            synset: meaning.synset.to_string(),
            rule: meaning.rule.as_str(),
            words: meaning.lemmas.join(", "),
            gloss: meaning.gloss,
        }
    }
}

impl fmt::Display for MeaningAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.synset, short(&self.gloss))
    }
}

/// A gloss without its examples, cut to fit a line.
fn short(gloss: &str) -> String {
    const WIDTH: usize = 50;
    // WordNet separates definition and examples by semicolons.
    let definition = gloss.split(';').next().unwrap_or_default();
    match definition.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &definition[..end]),
        None => definition.to_owned(),
    }
}

const COLUMNS: [(&str, Align); 4] = [
    ("id", Align::Left),
    ("class", Align::Left),
    ("examples", Align::Right),
    ("sense", Align::Left),
];

/// A table of classes, and the attributes that are overridden.
pub(super) fn table_of(classes: &[ClassAnswer]) -> String {
    let rows: Vec<_> = classes.iter().map(ClassAnswer::row).collect();
    let attributes = classes.iter().filter_map(ClassAnswer::overridden_attributes);
    table(&COLUMNS, &rows) + &attributes.collect::<String>()
}
