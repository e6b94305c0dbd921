//! `handful enroll`: enrolls classes, and examples of "none of these", from image files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::embedder::Embedded;
use edge::gallery::{BackgroundEnrolled, Label, Outcome};
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
  handful enroll --background desk.jpg bench/   examples of \"none of these\": files, folders of files

If one image cannot be used, nothing is enrolled, except with --skip-bad. An image that the class
already has (the same bytes) is skipped, so a command can be repeated.

Background examples (\"none of these\") are never an answer: an image that looks more like one of
them than like a class is unknown. Enroll what the camera sees when none of the classes is there,
and what is mistaken for a class. `handful gallery background` lists and removes them.";

/// Enroll classes, one per folder of images, or one class from files; or "none of these"
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Folders that hold one folder of images per class; with --class: image files; with
    /// --background: image files and folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Add all files to this class, which is created if it does not exist
    #[arg(long, value_name = "NAME")]
    class: Option<String>,

    /// Add all files to the background set, the examples of "none of these"
    #[arg(long, conflicts_with = "class")]
    background: bool,

    /// Skip images that cannot be used and folders without one; fail only if no image can be used
    #[arg(long)]
    skip_bad: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What images are examples of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Class(Label),
    /// None of the classes.
    Background,
}

/// The image files to enroll.
#[derive(Debug, Default)]
struct Plan {
    // Sorted, so that ids do not depend on the order of the file system.
    files: BTreeMap<Target, Vec<PathBuf>>,
    /// Folders without an image.
    empty: Vec<FileError>,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    classes: Vec<ClassAnswer>,
    /// Only with `--background`.
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<Counts>,
    errors: Vec<FileError>,
    revision: u64,
    model: Option<ModelInfo>,
}

#[derive(Debug, Serialize)]
struct ClassAnswer {
    id: String,
    label: String,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Counts {
    /// After the call.
    examples: usize,
    added: usize,
    duplicates: usize,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let plan = plan(options)?;
    // Opened before the images are read: a store that cannot be used is reported at once.
    let mut recognizer = open(device, StoreAccess::Create)?;
    let model = Some(ModelInfo::of(&mut recognizer)?);
    let total = plan.total();
    // All images before the first write: one bad file must not leave half of the classes enrolled.
    let (embedded, errors) = embed(plan, &mut recognizer, options.json);
    let refused = !errors.is_empty() && !options.skip_bad;
    let revision = recognizer.revision();
    let mut answer = Answer { errors, model, revision, ..Answer::default() };
    let written = if refused { Ok(()) } else { answer.write(embedded, &mut recognizer) };
    let shown = show(&answer, options.json);
    written?;
    shown?;
    let consequence = if refused { "; nothing was enrolled (--skip-bad skips them)" } else { "" };
    let is_tolerated = options.skip_bad && !answer.is_empty();
    match report_errors(&answer.errors, total, consequence) {
        // An engine that fails is no bad file, so it is not tolerated.
        Err(fault) if fault.blame() == Blame::Input && is_tolerated => Ok(()),
        outcome => outcome,
    }
}

impl Answer {
    fn is_empty(&self) -> bool {
        self.classes.is_empty() && self.background.is_none()
    }

    /// Enrolls the images of one target after the other. If one fails, those before it are
    /// enrolled, and are in the answer.
    fn write(&mut self, embedded: Images, recognizer: &mut Recognizer) -> Result<(), AnyFault> {
        for (target, images) in embedded {
            self.revision = match target {
                Target::Class(label) => self.write_class(&label, &images, recognizer)?,
                Target::Background => {
                    let BackgroundEnrolled { outcomes, examples, revision } =
                        recognizer.enroll_background(&images)?;
                    self.background = Some(Counts::of(&outcomes, examples));
                    revision
                }
            };
        }
        Ok(())
    }

    /// Returns the revision after it.
    fn write_class(
        &mut self,
        label: &Label,
        images: &[Embedded],
        recognizer: &mut Recognizer,
    ) -> Result<u64, AnyFault> {
        let enrolled = recognizer.enroll(label.as_str(), images, true);
        let enrolled = enrolled.map_err(|error| self.stopped_at(label, error))?;
        self.classes.push(ClassAnswer::of(&enrolled));
        Ok(enrolled.revision)
    }

    fn stopped_at(&self, label: &Label, error: RecognizerError) -> AnyFault {
        match self.classes.len() {
            0 => about(label, error),
            kept => about(format!("{label} (the {kept} classes above it are enrolled)"), error),
        }
    }
}

fn plan(options: &Options) -> Result<Plan, AnyFault> {
    let mut plan = Plan::default();
    if let Some(class) = &options.class {
        let label = Label::parse(class).map_err(|e| about("--class", e))?;
        plan.files.insert(Target::Class(label), options.paths.clone());
    } else if options.background {
        add_background(&options.paths, &mut plan)?;
    } else {
        for folder in &options.paths {
            add_classes(folder, &mut plan)?;
        }
    }
    match plan.empty.first() {
        // Before the engine starts: nothing would be enrolled.
        Some(first) if !options.skip_bad => Err(first.fault()),
        _ => Ok(plan),
    }
}

impl Plan {
    /// How many files and folders are tried.
    fn total(&self) -> usize {
        self.files.values().map(Vec::len).sum::<usize>() + self.empty.len()
    }

    /// Adds the files of a folder; its folders and hidden files are skipped.
    fn add_folder(&mut self, target: Target, folder: &Path) -> Result<(), AnyFault> {
        let files: Vec<_> = visible(folder)?.into_iter().filter(|path| path.is_file()).collect();
        match files.is_empty() {
            true => self.empty.push(FileError::input(folder, "the folder has no image")),
            // Folders of one name in several paths are one class.
            false => self.files.entry(target).or_default().extend(files),
        }
        Ok(())
    }
}

fn add_background(paths: &[PathBuf], plan: &mut Plan) -> Result<(), AnyFault> {
    for path in paths {
        if path.is_dir() {
            plan.add_folder(Target::Background, path)?;
        } else {
            // A missing file is reported with all others that cannot be used.
            plan.files.entry(Target::Background).or_default().push(path.clone());
        }
    }
    Ok(())
}

/// Each folder in `folder` is a class; hidden entries are skipped.
fn add_classes(folder: &Path, plan: &mut Plan) -> Result<(), AnyFault> {
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
        plan.add_folder(Target::Class(label), &class)?;
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

type Images = Vec<(Target, Vec<Embedded>)>;

fn embed(plan: Plan, recognizer: &mut Recognizer, json: bool) -> (Images, Vec<FileError>) {
    let Plan { files, empty: mut errors } = plan;
    let bar = progress("embedding", files.values().map(Vec::len).sum(), json);
    let mut embedded = Vec::new();
    for (target, files) in files {
        let mut images = Vec::new();
        for file in bar.wrap_iter(files.iter()) {
            match embed_file(recognizer, file) {
                Err(error) => errors.push(error),
                Ok(image) => images.push(image),
            }
        }
        if !images.is_empty() {
            embedded.push((target, images));
        }
    }
    bar.finish_and_clear();
    (embedded, errors)
}

impl Counts {
    /// For these images, in a set that has now this number of examples.
    fn of(outcomes: &[Outcome], examples: usize) -> Self {
        let duplicates = outcomes.iter().filter(|outcome| outcome.duplicate).count();
        Self { examples, added: outcomes.len() - duplicates, duplicates }
    }
}

impl ClassAnswer {
    fn of(enrolled: &Enrolled) -> Self {
        Self {
            id: enrolled.class.id.to_string(),
            label: enrolled.class.label.to_string(),
            counts: Counts::of(&enrolled.outcomes, enrolled.class.examples),
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let Counts { examples, added, duplicates } = self.counts;
        let counts = [added, duplicates, examples].map(|count| count.to_string());
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
        if let Some(Counts { examples, added, duplicates }) = self.background {
            writeln!(f, "background set: {added} new, {duplicates} skipped, {examples} examples")?;
        }
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
        let class = |label| Target::Class(Label::parse(label).unwrap());
        let classes = vec![(class("mug"), vec![mug]), (class("key"), vec![image(vec![f32::NAN])])];
        let mut answer = Answer::default();
        let error = answer.write(classes, &mut recognizer).unwrap_err().to_string();
        assert!(error.contains("key (") && error.contains("above it"), "{error}");
        assert_eq!((answer.classes.len(), answer.revision), (1, 1));
    }
}
