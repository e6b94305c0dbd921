//! `handful gallery`: look at what is enrolled, rename it, delete it.

use std::fmt;

use clap::{Args, Subcommand};
use edge::gallery::{Class, Label};
use serde::Serialize;

use crate::failure::Failure;
use crate::settings::Context;
use crate::text::{Align, show, table};

const EXAMPLES: &str = "\
Examples:
  handful gallery list
  handful gallery rename mug \"my mug\"
  handful gallery delete @3";

/// Shows, renames and deletes what is enrolled
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,

    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The classes and how many pictures each has
    List,
    /// Gives a class another name
    Rename {
        /// Its name or id
        class: String,
        /// Its new name
        name: String,
    },
    /// Deletes a class with its pictures' embeddings
    Delete {
        /// Its name or id
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
}

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let bundle = context.bundle(None)?;
    let mut gallery = context.existing_gallery(&bundle.manifest.space_id)?;
    let (done, classes) = match &options.action {
        Action::List => (None, gallery.classes()?),
        Action::Rename { class, name } => {
            let label = Label::parse(name).map_err(|e| Failure::from(e).about("the new name"))?;
            (Some("renamed"), vec![gallery.rename(class, &label)?])
        }
        Action::Delete { class } => (Some("deleted"), vec![gallery.delete(class)?]),
    };
    let classes = classes.iter().map(ClassAnswer::of).collect();
    show(&Answer { done, classes, revision: gallery.revision() }, options.json);
    Ok(())
}

impl ClassAnswer {
    fn of(class: &Class) -> Self {
        let (id, label) = (class.id.to_string(), class.label.to_string());
        Self { id, label, examples: class.examples.len() }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.classes.is_empty() {
            return f.write_str("no class is enrolled; begin with `handful enroll DIR`");
        }
        let row = |c: &ClassAnswer| vec![c.id.clone(), c.label.clone(), c.examples.to_string()];
        let rows: Vec<_> = self.classes.iter().map(row).collect();
        if let Some(done) = self.done {
            writeln!(f, "{done}:")?;
        }
        let columns = [("id", Align::Left), ("class", Align::Left), ("pictures", Align::Right)];
        f.write_str(&table(&columns, &rows))
    }
}
