//! `handful senses`: lists the WordNet senses of a noun.

use std::fmt;

use clap::Args;
use edge::Recognizer;
use edge::device::Device;
use edge::engine::EngineOptions;
use edge::gallery::Gallery;
use edge::lexicon::Sense;
use edge::recognizer::{Availability, Senses};
use models::fault::{AnyFault, Message};
use serde::Serialize;

use crate::text::show;

const EXAMPLES: &str = "\
Examples:
  handful senses mouse
  handful gallery add mouse --synset n03793489

A class uses the default sense of its label unless `handful gallery add` sets another one or
--images-only.";

/// List the meanings (WordNet senses) of a noun, with their ids
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// A noun, such as zebra or "coffee mug"
    noun: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    noun: String,
    /// The synset that a class with this name gets unless it is overridden.
    default_sense: Option<String>,
    senses: Vec<SenseAnswer>,
}

#[derive(Debug, Serialize)]
struct SenseAnswer {
    synset: String,
    lemmas: Vec<String>,
    gloss: String,
    kind_of: Vec<String>,
    attributes: Vec<String>,
    has_vector: bool,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let bundle = device.bundle(None)?;
    // Neither engine nor store: both take time, and the store may be in use.
    let gallery = Gallery::in_memory();
    let recognizer = Recognizer::new(bundle, device.engine(), EngineOptions::default(), gallery);
    check_names(&recognizer)?;
    let Senses { noun, default_sense, senses } = recognizer.senses(&options.noun)?;
    if senses.is_empty() {
        return Err(Message::input(format!("the lexicon has no English noun `{noun}`")).into());
    }
    let default_sense = default_sense.map(|synset| synset.to_string());
    let senses = senses.into_iter().map(SenseAnswer::of).collect();
    show(&Answer { noun, default_sense, senses }, options.json)
}

/// Other commands warn and go on; this one has nothing to show without a lexicon.
fn check_names(recognizer: &Recognizer) -> Result<(), Message> {
    match recognizer.name_availability() {
        Availability::Failed(reason) => Err(Message::input(format!("names: off ({reason})"))),
        Availability::Absent => {
            let name = &recognizer.manifest().name;
            Err(Message::input(format!(
                "names: off (the bundle {name} has no name knowledge); export a bundle with \
                 --lexicon"
            )))
        }
        _ => Ok(()),
    }
}

impl SenseAnswer {
    fn of(sense: Sense) -> Self {
        let Sense { synset, lemmas, gloss, kind_of, attributes, has_vector } = sense;
        let attributes = attributes.into_iter().map(|part| part.name).collect();
        Self { synset: synset.to_string(), lemmas, gloss, kind_of, attributes, has_vector }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sense in &self.senses {
            let is_default = self.default_sense.as_ref() == Some(&sense.synset);
            let taken = if is_default { "  <- default" } else { "" };
            writeln!(f, "{}  {}{taken}", sense.synset, sense.lemmas.join(", "))?;
            writeln!(f, "  {}", sense.gloss)?;
            if !sense.kind_of.is_empty() {
                writeln!(f, "  a kind of: {}", sense.kind_of.join(", "))?;
            }
            if !sense.attributes.is_empty() {
                writeln!(f, "  has: {}", sense.attributes.join(", "))?;
            }
        }
        Ok(())
    }
}
