//! `handful gallery`: lists, adds, renames and deletes classes.

use std::collections::BTreeSet;
use std::fmt;

use clap::{Args, Subcommand};
use edge::gallery::{Class, ClassOverrides, Gallery, GalleryError, Label, SenseOverride};
use edge::lexicon::NameKnowledge;
use models::fault::{AnyFault, Message, about};
use models::knowledge::wordnet::SynsetId;
use serde::Serialize;

use crate::settings::Context;
use crate::text::{Align, show, table};

const EXAMPLES: &str = "\
Examples:
  handful gallery list
  handful gallery add zebra                           a class from its name only
  handful gallery add mouse --synset n03793489        choose the sense (see: handful senses mouse)
  handful gallery add \"gadget 7\" --images-only       ignore its name
  handful gallery add teapot --attributes spout,lid   attributes for explanations
  handful gallery rename mug \"my mug\"
  handful gallery delete @3";

/// List, add, rename and delete classes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the classes and their number of examples
    List,
    /// Add a class without images, or change the sense or attributes of a class
    Add {
        /// Label of the class
        class: String,
        /// WordNet sense, such as n03793489 [default: the default sense of the label]
        #[arg(long, value_name = "SYNSET", conflicts_with = "images_only")]
        synset: Option<SynsetId>,
        /// Ignore the label: use only the images
        #[arg(long)]
        images_only: bool,
        /// Attributes for explanations: nouns or synsets, separated by commas [default: those of the sense]
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        attributes: Option<Vec<String>>,
        /// Remove all overrides: use the default sense and attributes of the label
        #[arg(long, conflicts_with_all = ["synset", "images_only", "attributes"])]
        as_read: bool,
    },
    /// Rename a class
    Rename {
        /// Label or id of the class
        class: String,
        /// New label
        name: String,
    },
    /// Delete a class and its examples
    Delete {
        /// Label or id of the class
        class: String,
    },
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(skip)]
    done: Option<&'static str>,
    classes: Vec<ClassAnswer>,
    revision: u64,
}

#[derive(Debug, Serialize)]
struct ClassAnswer {
    id: String,
    label: String,
    examples: usize,
    meaning: Option<MeaningAnswer>,
    /// Its attributes: overridden, or those of its sense.
    attributes: Vec<String>,
    /// Whether the attributes are overridden.
    attributes_said: bool,
}

/// The sense of a class.
#[derive(Debug, Serialize)]
struct MeaningAnswer {
    synset: String,
    rule: &'static str,
    words: String,
    gloss: String,
}

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), AnyFault> {
    let bundle = context.bundle(None)?;
    let knowledge = Context::knowledge(&bundle);
    let space_id = &bundle.manifest.space_id;
    let mut gallery: Gallery = match &options.action {
        Action::Add { .. } => context.gallery(space_id)?,
        _ => context.existing_gallery(space_id)?,
    };
    let (done, classes) = match &options.action {
        Action::Add { class, synset, images_only, attributes, as_read } => {
            let label = Label::parse(class).map_err(|e| about("the name", e))?;
            let says_something =
                synset.is_some() || *images_only || attributes.is_some() || *as_read;
            if !says_something && gallery.class(label.as_str()).is_ok() {
                return Err(Message::input(format!(
                    "the class `{label}` exists; change it with --synset, --images-only, --attributes or --as-read"
                )).into());
            }
            let knowledge = knowledge.as_ref();
            // Overrides that are not given stay, unless all are removed.
            let before = gallery.class(label.as_str()).map(|class| class.overrides.clone()).ok();
            let before = before.filter(|_| !as_read).unwrap_or_default();
            let meaning = said(*synset, *images_only, knowledge)?.or(before.sense);
            let attributes = has(attributes.as_deref(), knowledge, label.as_str(), meaning)?;
            let attributes = attributes.or(before.attributes);
            let (class, is_new) =
                gallery.define(&label, ClassOverrides { sense: meaning, attributes })?;
            if knowledge.is_some_and(|k| k.meaning(&class).is_none()) && !images_only {
                eprintln!("note: no WordNet sense found for `{label}`; only its images are used");
            }
            (Some(if is_new { "added" } else { "changed" }), vec![class])
        }
        Action::List => (None, gallery.classes()),
        Action::Rename { class, name } => {
            let label = Label::parse(name).map_err(|e| about("the new name", e))?;
            (Some("renamed"), vec![gallery.rename(class, &label).map_err(with_hint)?])
        }
        Action::Delete { class } => {
            (Some("deleted"), vec![gallery.delete(class).map_err(with_hint)?])
        }
    };
    let classes = classes.iter().map(|class| ClassAnswer::of(class, knowledge.as_ref())).collect();
    show(&Answer { done, classes, revision: gallery.revision() }, options.json);
    Ok(())
}

/// An unknown class is answered with the command that lists the known ones.
fn with_hint(error: GalleryError) -> AnyFault {
    match error {
        GalleryError::UnknownClass(_) => {
            Message::input(format!("{error}; `handful gallery list` shows the classes")).into()
        }
        error => error.into(),
    }
}

fn said(
    synset: Option<SynsetId>,
    images_only: bool,
    knowledge: Option<&NameKnowledge>,
) -> Result<Option<SenseOverride>, AnyFault> {
    let Some(synset) = synset else { return Ok(images_only.then_some(SenseOverride::ImagesOnly)) };
    let without = "--synset needs name knowledge, and this bundle has none";
    let knowledge = knowledge.ok_or_else(|| Message::input(without))?;
    match knowledge.sense(synset) {
        Some(_) => Ok(Some(SenseOverride::Synset(synset))),
        None => Err(Message::input(format!(
            "--synset {synset}: not in the lexicon; list the senses of a noun with `handful senses NOUN`"
        ))
        .into()),
    }
}

/// The synsets of `--attributes`.
fn has(
    attributes: Option<&[String]>,
    knowledge: Option<&NameKnowledge>,
    label: &str,
    said: Option<SenseOverride>,
) -> Result<Option<BTreeSet<SynsetId>>, AnyFault> {
    let Some(words) = attributes else { return Ok(None) };
    let without = "--attributes needs name knowledge, and this bundle has none";
    let knowledge = knowledge.ok_or_else(|| Message::input(without))?;
    let words = words.iter().map(|word| word.trim()).filter(|word| !word.is_empty());
    let said = knowledge.resolve_attributes(words, knowledge.meaning_as(label, said));
    said.map(Some).map_err(|e| about("--attributes", e))
}

impl ClassAnswer {
    fn of(class: &Class, knowledge: Option<&NameKnowledge>) -> Self {
        let (id, label) = (class.id.to_string(), class.label.to_string());
        let meaning = knowledge.and_then(|knowledge| {
            let meaning = knowledge.meaning(class)?;
            let (lemmas, gloss) = knowledge.definition(meaning.synset)?;
            Some(MeaningAnswer {
                synset: meaning.synset.to_string(),
                rule: meaning.rule.as_str(),
                words: lemmas.join(", "),
                gloss,
            })
        });
        let examples = class.examples.len();
        let parts =
            knowledge.map(|knowledge| knowledge.listed_attributes(class)).unwrap_or_default();
        let attributes = parts.into_iter().map(|part| part.name).collect();
        let attributes_said = class.overrides.attributes.is_some();
        Self { id, label, examples, meaning, attributes, attributes_said }
    }

    /// The sense in a few words.
    fn read_as(&self) -> String {
        match &self.meaning {
            Some(meaning) => format!("{} {}", meaning.synset, short(&meaning.gloss)),
            None => "-".to_owned(),
        }
    }
}

/// A gloss without its examples, cut to fit a line.
fn short(gloss: &str) -> String {
    const WIDTH: usize = 50;
    let definition = gloss.split(';').next().unwrap_or_default();
    match definition.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &definition[..end]),
        None => definition.to_owned(),
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.classes.is_empty() {
            return f.write_str("no class is enrolled; enroll some with `handful enroll DIR`");
        }
        let row = |c: &ClassAnswer| {
            vec![c.id.clone(), c.label.clone(), c.examples.to_string(), c.read_as()]
        };
        let rows: Vec<_> = self.classes.iter().map(row).collect();
        if let Some(done) = self.done {
            writeln!(f, "{done}:")?;
        }
        let columns = [
            ("id", Align::Left),
            ("class", Align::Left),
            ("examples", Align::Right),
            ("sense", Align::Left),
        ];
        f.write_str(&table(&columns, &rows))?;
        for class in self.classes.iter().filter(|class| class.attributes_said) {
            let has =
                if class.attributes.is_empty() { "none" } else { &class.attributes.join(", ") };
            writeln!(f, "attributes of {} (overridden): {has}", class.label)?;
        }
        Ok(())
    }
}
