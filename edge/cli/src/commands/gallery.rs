//! `handful gallery`: lists, adds, renames, merges and deletes classes; its examples, history,
//! settings and background set.

mod archive;
mod background;
mod class_answer;
mod doctor;
mod example_answer;
mod examples;
mod hint;
mod history;
mod purge;
mod reembed;
mod salvage;
mod saved;
mod settings;
mod store;

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::gallery::{Gallery, Label, SenseOverride};
use edge::recognizer::{ClassDefinition, ClassInfo, GallerySummary, Precondition};
use models::fault::{AnyFault, Message, about};
use models::knowledge::wordnet::SynsetId;
use serde::Serialize;
use terminal::note;

use super::changed::Changed;
use super::{decision_off, open};
use crate::text::{counted, show};

use class_answer::{ClassAnswer, table_of};
use hint::with_hint;
use settings::AllSettings;
use store::open_existing;

pub(crate) use settings::{SettingsAnswer, parse_rate};

const EXAMPLES: &str = "\
Examples:
  handful gallery list
  handful gallery add zebra                           a class from its name only
  handful gallery add mouse --synset n03793489        choose the sense (see: handful senses mouse)
  handful gallery add \"gadget 7\" --images-only        ignore the meaning of its label
  handful gallery add teapot --attributes spout,lid   parts that explanations name
  handful gallery rename mug \"my mug\"
  handful gallery delete c_8f3a21                     by id, as `handful gallery list` shows it
  handful gallery merge cup mug                       all examples of cup become examples of mug
  handful gallery show mug                            the examples of a class
  handful gallery move e_8a3f21 --to cup              an example that is in the wrong class
  handful gallery history                             what was changed, when, and by whom
  handful gallery undo                                the last change, also after a restart
  handful gallery doctor                              which classes have enough images
  handful gallery export things.handful               the gallery in one file; `import` reads it
  handful gallery reembed                             a gallery of another model, with this one
  handful gallery salvage store --into saved          what is whole of a damaged store
  handful gallery settings --rate 0.02                accept 2 in 100 unknown images
  handful gallery background list                     the examples of \"none of these\"

`gallery add` on an existing class changes only what is given; --reset forgets all that was set.";

const MERGE_EXAMPLES: &str = "\
Examples:
  handful gallery merge cup mug  all examples of cup become examples of mug

An image that both classes have is one example then. `handful gallery undo` makes two classes of it
again.";

/// List and change classes and their examples; history and undo; settings
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
    /// List the classes and their number of examples, with the settings
    List,
    /// Add a class without images, or change the sense or attributes of an existing class
    Add(AddOptions),
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
    /// Move all examples of a class into another class, which takes its place
    #[command(after_help = MERGE_EXAMPLES)]
    Merge {
        /// Label or id of the class that ends
        from: String,
        /// Label or id of the class that stays
        into: String,
    },
    #[command(flatten)]
    Examples(examples::Action),
    #[command(flatten)]
    History(history::Action),
    #[command(flatten)]
    Archive(archive::Action),
    #[command(flatten)]
    Purge(purge::Action),
    /// Read what is whole of a damaged store into a new one
    #[command(after_help = salvage::EXAMPLES)]
    Salvage(salvage::Options),
    /// Check which classes have enough images, and which examples are likely in the wrong class
    Doctor(doctor::Options),
    /// Embed a gallery of another model anew, from the images that it keeps
    Reembed(reembed::Options),
    /// Show or change how many unknown images are accepted, and what is kept of images
    Settings(settings::Options),
    /// List or remove the examples of "none of these"; `handful enroll --background` adds some
    #[command(subcommand)]
    Background(background::Action),
}

#[derive(Debug, Args)]
struct AddOptions {
    /// Label of the class
    class: String,
    /// Id of the sense, as `handful senses` lists it, such as n03793489
    #[arg(long, value_name = "SYNSET", conflicts_with = "images_only")]
    synset: Option<SynsetId>,
    /// Ignore the meaning of the label: the class is recognized only once it has images
    #[arg(long)]
    images_only: bool,
    /// Attributes (parts) that explanations name: nouns or ids of senses, separated by commas; they
    /// do not change the classification
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    attributes: Option<Vec<String>>,
    /// Forget what was set: use the default sense and attributes of the label
    #[arg(long, conflicts_with_all = ["synset", "images_only", "attributes"])]
    reset: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(skip)]
    // Only in text: a program knows what it asked for.
    done: Option<&'static str>,
    classes: Vec<ClassAnswer>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    // Only in a list.
    state: Option<State>,
    revision: u64,
    #[serde(skip)]
    // Only in text: the folder of a list that has no store yet.
    missing_store: Option<PathBuf>,
}

/// What a gallery has besides its classes.
#[derive(Debug, Serialize)]
struct State {
    #[serde(skip)]
    // Only in text: a program reads the settings.
    accepted: String,
    settings: AllSettings,
    /// Number of background examples.
    background: usize,
}

/// `gallery` is the name that the user gave, if any.
pub(crate) fn run(
    options: &Options,
    gallery: Option<&str>,
    device: &Device,
) -> Result<(), AnyFault> {
    let json = options.json;
    match &options.action {
        Action::List => list(json, device),
        Action::Add(options) => {
            // A new store only where something is added: a rename in a mistyped folder must fail.
            changed(json, device, StoreAccess::Create, |recognizer| add(recognizer, options))
        }
        Action::Rename { class, name } => {
            // The label is checked here, so that the error names the argument.
            let label = Label::parse(name).map_err(|error| about("the new name", error))?;
            changed(json, device, StoreAccess::Existing, |recognizer| {
                let renamed = recognizer.rename(class, label.as_str(), Precondition::Anything);
                Ok(Done { verb: "renamed", class: renamed.map_err(with_hint)? })
            })
        }
        Action::Delete { class } => changed(json, device, StoreAccess::Existing, |recognizer| {
            let deleted = recognizer.delete(class, Precondition::Anything);
            Ok(Done { verb: "deleted", class: deleted.map_err(with_hint)? })
        }),
        Action::Merge { from, into } => merge(from, into, json, device),
        Action::Examples(action) => examples::run(action, json, device),
        Action::History(action) => history::run(action, json, device),
        Action::Archive(action) => archive::run(action, gallery, json, device),
        Action::Purge(action) => purge::run(action, json, device),
        Action::Salvage(options) => salvage::run(options, json, device),
        Action::Doctor(doctor::Options {}) => doctor::run(json, device),
        Action::Reembed(options) => reembed::run(options, json, device),
        Action::Settings(options) => settings::run(options, json, device),
        Action::Background(action) => background::run(action, json, device),
    }
}

fn list(json: bool, device: &Device) -> Result<(), AnyFault> {
    let store = device.store_dir()?;
    let missing_store = if Gallery::store_exists(&store) { None } else { Some(store) };
    // A list reads a snapshot, so that it does not hold the lock.
    let recognizer = open(device, StoreAccess::Snapshot)?;
    let GallerySummary { settings, background, revision, .. } = recognizer.summary();
    let classes = recognizer.classes().map(ClassAnswer::of).collect();
    let settings = AllSettings::of(settings);
    let accepted = match decision_off(&recognizer) {
        Some(reason) => format!("every image: {reason}"),
        None => settings.accepted.in_words(),
    };
    let state = Some(State { accepted, settings, background });
    show(&Answer { done: None, classes, state, revision, missing_store }, json)
}

/// Changes a class and shows it.
fn changed(
    json: bool,
    device: &Device,
    access: StoreAccess,
    change: impl FnOnce(&mut Recognizer) -> Result<Done, AnyFault>,
) -> Result<(), AnyFault> {
    let mut recognizer = open(device, access)?;
    let done = change(&mut recognizer)?;
    show_changed(done, &recognizer, json)
}

fn show_changed(done: Done, recognizer: &Recognizer, json: bool) -> Result<(), AnyFault> {
    let Done { verb, class } = done;
    let classes = vec![ClassAnswer::of(class)];
    let revision = recognizer.revision();
    let done = Some(verb);
    let answer = Answer { done, classes, state: None, revision, missing_store: None };
    show(&Changed::by(recognizer, answer), json)
}

fn merge(from: &str, into: &str, json: bool, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = open_existing(device)?;
    let merged = recognizer.merge_classes(from, into, Precondition::Anything);
    let done = Done { verb: "merged", class: merged.map_err(with_hint)? };
    show_changed(done, &recognizer, json)
}

/// What was done, and the class that it was done to.
struct Done {
    verb: &'static str,
    class: ClassInfo,
}

fn add(recognizer: &mut Recognizer, options: &AddOptions) -> Result<Done, AnyFault> {
    let AddOptions { class, synset, images_only, attributes, reset } = options;
    let label = Label::parse(class).map_err(|error| about("the name", error))?;
    let changes = synset.is_some() || *images_only || attributes.is_some() || *reset;
    // It would change nothing and report success.
    if !changes && recognizer.class(label.as_str()).is_ok() {
        return Err(Message::input(format!(
            "the class `{label}` exists; change it with --synset, --images-only, --attributes or --reset"
        ))
        .into());
    }
    let sense = synset.map(SenseOverride::Synset);
    let definition = ClassDefinition {
        sense: sense.or(images_only.then_some(SenseOverride::ImagesOnly)),
        attributes: attributes.as_deref().map(trimmed),
        // Overrides that are not given stay, unless all are removed.
        keep_others: !reset,
    };
    let (class, is_new) = recognizer
        .define(label.as_str(), &definition, Precondition::Anything)
        .map_err(with_hint)?;
    if class.meaning.is_none() && !class.images_only && recognizer.name_knowledge().is_some() {
        note!("note: no WordNet sense found for `{label}`; only its images are used");
    }
    Ok(Done { verb: if is_new { "added" } else { "changed" }, class })
}

/// The words of `--attributes`; an empty word is a comma too many.
fn trimmed(words: &[String]) -> Vec<String> {
    let words = words.iter().map(|word| word.trim()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(done) = self.done {
            writeln!(f, "{done}:")?;
        }
        if let Some(store) = &self.missing_store {
            let store = store.display();
            let advice = "enroll some classes with `handful enroll DIR`";
            writeln!(f, "there is no store in {store} yet; {advice}")?;
        } else if self.classes.is_empty() {
            writeln!(f, "no class is enrolled; enroll some with `handful enroll DIR`")?;
        } else {
            f.write_str(&table_of(&self.classes))?;
        }
        self.state.as_ref().map_or(Ok(()), |state| write!(f, "{state}"))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "accepted: {}", self.accepted)?;
        writeln!(f, "{}", self.settings.kept())?;
        writeln!(f, "background set (\"none of these\"): {}", counted(self.background))
    }
}
