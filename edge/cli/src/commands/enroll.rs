//! `handful enroll`: enrolls classes from image files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::embedder::Embedded;
use edge::gallery::Label;
use edge::recognizer::{Enrolled, RecognizerError};
use models::disk;
use models::fault::{AnyFault, Blame, Message, about};
use serde::Serialize;

use super::{FileError, ModelInfo, embed_file, open, report_errors};
use crate::text::{Align, progress, show, table};

const EXAMPLES: &str = "\
Examples:
  handful enroll things/                        one class per folder (things/mug, things/key)
  handful enroll --class mug a.jpg b.jpg c.jpg  one class from files
  handful enroll --skip-bad things/             skip files that cannot be used

If one image cannot be used, nothing is enrolled, except with --skip-bad. An image that the class
already has (the same bytes) is skipped, so a command can be repeated.";

/// Enroll classes: one per folder of images, or one class from files
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Folders that hold one folder of images per class; with --class: image files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Add all files to this class, which is created if it does not exist
    #[arg(long, value_name = "NAME")]
    class: Option<String>,

    /// Skip images that cannot be used; fail only if no image can be used
    #[arg(long)]
    skip_bad: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The images of each class.
// Sorted, so that ids do not depend on the order of the file system.
type Plan = BTreeMap<Label, Vec<PathBuf>>;

#[derive(Debug, Default, Serialize)]
struct Answer {
    classes: Vec<ClassAnswer>,
    errors: Vec<FileError>,
    revision: u64,
    model: Option<ModelInfo>,
}

#[derive(Debug, Serialize)]
struct ClassAnswer {
    id: String,
    label: String,
    examples: usize,
    added: usize,
    duplicates: usize,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let plan = plan(options)?;
    // Opened before the images are read: a store that cannot be used is reported at once.
    let mut recognizer = open(device, StoreAccess::Create)?;
    let model = Some(ModelInfo::of(&mut recognizer)?);
    let total = plan.values().map(Vec::len).sum();
    // All images before the first write: one bad file must not leave half of the classes enrolled.
    let (classes, errors) = embed(plan, &mut recognizer, total, options.json);
    let refused = !errors.is_empty() && !options.skip_bad;
    let revision = recognizer.revision();
    let mut answer = Answer { errors, model, revision, ..Answer::default() };
    let written = if refused { Ok(()) } else { answer.write(classes, &mut recognizer) };
    show(&answer, options.json);
    written?;
    let consequence = if refused { "; nothing was enrolled (--skip-bad skips them)" } else { "" };
    let is_tolerated = options.skip_bad && !answer.classes.is_empty();
    match report_errors(&answer.errors, total, consequence) {
        // An engine that fails is no bad file, so it is not tolerated.
        Err(fault) if fault.blame() == Blame::Input && is_tolerated => Ok(()),
        outcome => outcome,
    }
}

impl Answer {
    /// Enrolls the classes one by one. If one fails, those before it are enrolled, and are in the
    /// answer.
    fn write(&mut self, classes: Classes, recognizer: &mut Recognizer) -> Result<(), AnyFault> {
        for (label, images) in classes {
            let enrolled = recognizer.enroll(label.as_str(), &images, true);
            let enrolled = enrolled.map_err(|error| self.stopped_at(&label, error))?;
            self.classes.push(ClassAnswer::of(&enrolled));
            self.revision = enrolled.revision;
        }
        Ok(())
    }

    fn stopped_at(&self, label: &Label, error: RecognizerError) -> AnyFault {
        match self.classes.len() {
            0 => about(label, error),
            kept => about(format!("{label} (the {kept} classes above it are enrolled)"), error),
        }
    }
}

fn plan(options: &Options) -> Result<Plan, AnyFault> {
    if let Some(class) = &options.class {
        let label = Label::parse(class).map_err(|e| about("--class", e))?;
        return Ok(Plan::from([(label, options.paths.clone())]));
    }
    let mut plan = Plan::new();
    for folder in &options.paths {
        add_folder(folder, &mut plan)?;
    }
    Ok(plan)
}

/// Each folder in `folder` is a class; hidden entries are skipped.
fn add_folder(folder: &Path, plan: &mut Plan) -> Result<(), AnyFault> {
    if folder.is_file() {
        let hint = format!("{} is a file; name its class with --class NAME", folder.display());
        return Err(Message::input(hint).into());
    }
    let classes: Vec<_> = visible(folder)?.into_iter().filter(|path| path.is_dir()).collect();
    if classes.is_empty() {
        let folder = folder.display();
        let reason = format!("{folder} has no class folders; expected {folder}/NAME/*.jpg");
        return Err(Message::input(reason).into());
    }
    for class in classes {
        let label = folder_label(&class).map_err(|fault| about(class.display(), fault))?;
        let files: Vec<_> = visible(&class)?.into_iter().filter(|path| path.is_file()).collect();
        if files.is_empty() {
            return Err(about(class.display(), Message::input("the folder has no image")));
        }
        // Folders of one name in several paths are one class.
        plan.entry(label).or_default().extend(files);
    }
    Ok(())
}

/// The label that a class's folder has as its name.
fn folder_label(class: &Path) -> Result<Label, AnyFault> {
    let name = class.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Message::input("the folder's name is not UTF-8"))?;
    Ok(Label::parse(name)?)
}

fn visible(folder: &Path) -> Result<Vec<PathBuf>, AnyFault> {
    Ok(disk::list(folder)?.into_iter().filter(|path| !is_hidden(path)).collect())
}

fn is_hidden(path: &Path) -> bool {
    // Systems leave files such as `.DS_Store` in folders, which are no images.
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

type Classes = Vec<(Label, Vec<Embedded>)>;

fn embed(
    plan: Plan,
    recognizer: &mut Recognizer,
    total: usize,
    json: bool,
) -> (Classes, Vec<FileError>) {
    let bar = progress("embedding", total, json);
    let mut classes = Vec::new();
    let mut errors = Vec::new();
    for (label, files) in plan {
        let mut images = Vec::new();
        for file in bar.wrap_iter(files.iter()) {
            match embed_file(recognizer, file) {
                Err(error) => errors.push(error),
                Ok(embedded) => images.push(embedded),
            }
        }
        if !images.is_empty() {
            classes.push((label, images));
        }
    }
    bar.finish_and_clear();
    (classes, errors)
}

impl ClassAnswer {
    fn of(enrolled: &Enrolled) -> Self {
        let duplicates = enrolled.outcomes.iter().filter(|outcome| outcome.duplicate).count();
        Self {
            id: enrolled.class.id.to_string(),
            label: enrolled.class.label.to_string(),
            examples: enrolled.class.examples,
            added: enrolled.outcomes.len() - duplicates,
            duplicates,
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let counts = [self.added, self.duplicates, self.examples].map(|count| count.to_string());
        [vec![self.label.clone()], counts.to_vec()].concat()
    }
}

const COLUMNS: [(&str, Align); 4] = [
    ("class", Align::Left),
    ("new", Align::Right),
    ("skipped", Align::Right),
    ("examples", Align::Right),
];

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.classes.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.classes.iter().map(ClassAnswer::row).collect();
        f.write_str(&table(&COLUMNS, &rows))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edge::decoder::Timing;
    use edge::device::DeviceSettings;
    use edge::engine::{EngineChoice, Provider};
    use edge::locate::Environment;

    use super::*;

    fn image(embedding: Vec<f32>) -> Embedded {
        let timing = Timing::default();
        Embedded { embedding, sha256: [0; 32], warnings: Vec::new(), timing }
    }

    #[test]
    fn after_a_failure_the_answer_has_what_is_enrolled() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny-bundle");
        let store = tempfile::tempdir().unwrap();
        let settings = DeviceSettings {
            bundle: Some(tiny),
            engine: Some(EngineChoice::Only(Provider::Tract)),
            store: Some(store.path().to_owned()),
            ..DeviceSettings::default()
        };
        let device = Device::new(settings, Environment::default());
        let mut recognizer = device.recognizer(StoreAccess::Create).unwrap();
        let mug = image(vec![1.0; recognizer.manifest().backbone.embedding_size]);
        let classes = vec![
            (Label::parse("mug").unwrap(), vec![mug]),
            (Label::parse("key").unwrap(), vec![image(vec![f32::NAN])]),
        ];
        let mut answer = Answer::default();
        let error = answer.write(classes, &mut recognizer).unwrap_err().to_string();
        assert!(error.contains("key (") && error.contains("above it"), "{error}");
        assert_eq!((answer.classes.len(), answer.revision), (1, 1));
    }
}
