//! `handful enroll`: enrolls classes, and examples of "none of these", from image files.

mod prepared;
mod quality;

use std::collections::BTreeMap;
use std::fmt;
use std::iter::repeat_n;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::gallery::{GroupId, Label, Outcome};
use edge::recognizer::{Enrolled, EnrolledBackground};
use models::dataset::{Dataset, DatasetError};
use models::fault::{AnyFault, Blame, Message, about};
use models::image::{Crop, EXTENSIONS};
use serde::Serialize;
use terminal::note;

use self::prepared::{Images, Prepared, Target};
use self::quality::ImageFinding;
use super::changed::{Changed, Reversal};
use super::embedding::{Purpose, embed_all};
use super::inputs::{EXPORTED, Ignored, Input, Inputs, is_exported, noted};
use super::{FileError, ModelInfo, open, report_errors};
use crate::text::{Align, one_line, progress, show, table};

const EXAMPLES: &str = "\
Examples:
  handful enroll things/                        one class per folder (things/mug, things/key)
  handful enroll things.zip                     the same from a .zip, .tar, .tar.gz or .tar.xz
  handful enroll --class mug a.jpg b.jpg c.jpg  one class from files
  handful enroll --class mug photos/            one class from all images in a folder
  handful enroll --skip-bad things/             skip files that cannot be used
  handful enroll --strict things/               enroll nothing if an image may be a poor example
  handful enroll --background desk.jpg bench/   examples of \"none of these\": files, folders of files
  handful enroll --class mug --crop 0.25,0.1,0.5,0.5 desk.jpg   only the mug on the desk

Folders are read by the rules of data sets (docs/formats.md), as by `handful evaluate`: what systems
and programs leave beside images, links, and files that are not images are left out and listed.

If one image cannot be used, nothing is enrolled, except with --skip-bad. An image that the class
already has (the same bytes and the same crop) is skipped, so a command can be repeated.

Of each image the store keeps what the setting keep_images says: thumb (a JPEG of at most 256
pixels a side without metadata, of the crop if there is one; the default), original (the whole
file; those of one class are held in memory while they are enrolled) or off.

Background examples (\"none of these\") are never an answer: an image that looks more like one of
them than like a class is unknown. Enroll what the camera sees when none of the classes is there,
and what is mistaken for a class. `handful gallery background` lists and removes them.

An image that may be a poor example is enrolled with a warning on standard error: too small, dark,
bright or blurred, without shapes, nearly the same as another one, unlike its class, or in another
class as well. With --strict such an image refuses the command. docs/guide/images.md explains them.
Of a folder, each class is compared with the classes enrolled before it, with --strict only with
those enrolled before the command; `handful gallery doctor` compares all of them afterwards.

Each class is a change of its own: `handful gallery undo CHANGE` undoes it.";

/// Enroll classes, one per folder of images, or one class from files; or "none of these"
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Folders or archives that hold one folder of images per class; with --class or --background:
    /// image files, folders and archives of them, or - for an image on standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Add all images to this class, which is created if it does not exist
    #[arg(long, value_name = "NAME")]
    class: Option<String>,

    /// Add all images to the background set, the examples of "none of these"
    #[arg(long, conflicts_with = "class")]
    background: bool,

    /// Use only this rectangle of every image: left, top, width and height of the upright image, as
    /// fractions (0.25,0.1,0.5,0.5) or in pixels (100,40,200,200)
    #[arg(long, value_name = "X,Y,W,H", allow_hyphen_values = true)]
    crop: Option<Crop>,

    /// Skip images that cannot be used, with a warning; fail only if no image can be used
    #[arg(long)]
    skip_bad: bool,

    /// Refuse images that may be poor examples, instead of a warning; then nothing is enrolled
    #[arg(long, conflicts_with = "skip_bad")]
    strict: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The images to enroll.
#[derive(Debug, Default)]
struct Plan {
    // Sorted, so that ids do not depend on the order of the file system.
    images: BTreeMap<Target, Vec<Input>>,
    /// Paths that cannot be used.
    errors: Vec<FileError>,
    left_out: Vec<Ignored>,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    classes: Vec<ClassAnswer>,
    /// Only with `--background`.
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<Counts>,
    errors: Vec<FileError>,
    /// What is in a folder or archive and no image of it; absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<Ignored>,
    /// What may be wrong with images that are enrolled; absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quality: Vec<ImageFinding>,
    revision: u64,
    model: Option<ModelInfo>,
    #[serde(skip)]
    // In order; in JSON each class has its own.
    changes: Vec<GroupId>,
}

#[derive(Debug, Serialize)]
struct ClassAnswer {
    id: String,
    label: String,
    #[serde(flatten)]
    counts: Counts,
    /// Null if the class had all images already.
    change: Option<GroupId>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Counts {
    /// After the call.
    examples: usize,
    added: usize,
    duplicates: usize,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let mut plan = plan(options)?;
    let left_out = std::mem::take(&mut plan.left_out);
    // Opened before the images are read: a store that cannot be used is reported at once.
    let mut recognizer = open(device, StoreAccess::Create)?;
    recognizer.check_space()?;
    let model = Some(ModelInfo::of(&mut recognizer)?);
    let total = plan.total();
    // All images before the first write: one bad file must not leave half of the classes enrolled.
    let (embedded, mut errors) = embed(plan, &mut recognizer, options);
    if options.strict {
        // Also beside files that are broken, so that one run lists all that is to be mended.
        errors.extend(quality::rejected(&embedded, &mut recognizer)?);
    }
    let refused = !errors.is_empty() && !options.skip_bad;
    let revision = recognizer.revision();
    let mut answer = Answer { errors, left_out, model, revision, ..Answer::default() };
    let written = if refused { Ok(()) } else { answer.write(embedded, &mut recognizer) };
    let shown = show(&answer.with_change(&recognizer.selected()), options.json);
    if !options.json {
        quality::print(&answer.quality);
    }
    written?;
    shown?;
    let consequence = match (refused, options.strict) {
        // The line of the file has what to do.
        _ if total == 1 => "; nothing was enrolled",
        (true, true) => "; nothing was enrolled (--strict)",
        (true, false) => "; nothing was enrolled (--skip-bad skips them)",
        (false, _) => "",
    };
    // An engine that fails is no bad file, so it is not tolerated.
    let is_bad_file = answer.errors.iter().all(|error| error.blame == Blame::Input);
    if options.skip_bad && !answer.is_empty() && is_bad_file {
        print_skipped(&answer.errors);
        return Ok(());
    }
    report_errors(&answer.errors, total, consequence)
}

/// Prints the files that `--skip-bad` leaves out, a line for each.
fn print_skipped(errors: &[FileError]) {
    for error in errors {
        note!("warning: skipped: {}", one_line(&error.fault().to_string()));
    }
}

impl Answer {
    fn is_empty(&self) -> bool {
        self.classes.is_empty() && self.background.is_none()
    }

    /// With the last of its changes; each class has its own.
    fn with_change(&self, gallery: &str) -> Changed<&Self> {
        let change = self.changes.last().copied();
        let is_one = self.changes.len() == 1;
        let reversal = if is_one { Reversal::Undo } else { Reversal::UndoOne };
        Changed::new(self, change, reversal, gallery)
    }

    /// Enrolls the images of one target after the other. If one fails, those before it are
    /// enrolled, and are in the answer.
    fn write(&mut self, embedded: Images, recognizer: &mut Recognizer) -> Result<(), AnyFault> {
        for (target, prepared) in embedded {
            self.revision = match target {
                Target::Class(label) => self.write_class(&label, prepared, recognizer)?,
                Target::Background => self.write_background(prepared, recognizer)?,
            };
        }
        Ok(())
    }

    /// Returns the revision after it.
    fn write_background(
        &mut self,
        prepared: Prepared,
        recognizer: &mut Recognizer,
    ) -> Result<u64, AnyFault> {
        let Prepared { images, files } = prepared.with_files()?;
        let EnrolledBackground { outcomes, quality, examples, revision } =
            recognizer.enroll_background(&images)?;
        self.background = Some(Counts::of(&outcomes, examples));
        self.quality.extend(quality::listed(None, &files, &quality));
        self.changes.extend(recognizer.last_change());
        Ok(revision)
    }

    /// Returns the revision after it.
    fn write_class(
        &mut self,
        label: &Label,
        prepared: Prepared,
        recognizer: &mut Recognizer,
    ) -> Result<u64, AnyFault> {
        let Prepared { images, files } =
            prepared.with_files().map_err(|error| self.stopped_at(label, error))?;
        let enrolled = recognizer.enroll(label.as_str(), &images, true);
        let enrolled = enrolled.map_err(|error| self.stopped_at(label, error.into()))?;
        let change = recognizer.last_change();
        self.changes.extend(change);
        self.quality.extend(quality::listed(Some(label), &files, &enrolled.quality));
        self.classes.push(ClassAnswer::of(&enrolled, change));
        Ok(enrolled.revision)
    }

    fn stopped_at(&self, label: &Label, error: AnyFault) -> AnyFault {
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
        plan.add(Target::Class(label), Inputs::of(&options.paths, options.json));
    } else if options.background {
        plan.add(Target::Background, Inputs::of(&options.paths, options.json));
    } else {
        for path in &options.paths {
            plan.add_classes(path, options.json)?;
        }
    }
    match plan.errors.first() {
        // Before the engine starts: nothing would be enrolled.
        Some(first) if !options.skip_bad => Err(first.fault()),
        _ => Ok(plan),
    }
}

impl Plan {
    /// How many images and paths are tried.
    fn total(&self) -> usize {
        self.images.values().map(Vec::len).sum::<usize>() + self.errors.len()
    }

    fn add(&mut self, target: Target, inputs: Inputs) {
        self.images.entry(target).or_default().extend(inputs.images);
        self.errors.extend(inputs.errors);
        self.left_out.extend(inputs.left_out);
    }

    /// Adds the classes of a folder or an archive, of all splits.
    fn add_classes(&mut self, path: &Path, json: bool) -> Result<(), AnyFault> {
        if is_exported(path) {
            return Err(Message::input(format!("{}: {EXPORTED}", path.display())).into());
        }
        if is_image_file(path) {
            let hint = format!("{} is a file; name its class with --class NAME", path.display());
            return Err(Message::input(hint).into());
        }
        let dataset = Arc::new(Dataset::open(path).map_err(with_class)?);
        self.left_out.extend(noted(path, &dataset, json));
        for class in &dataset.classes {
            let label = Label::parse(&class.name).map_err(|error| {
                let name = one_line(&class.name);
                about(format!("{}: class `{name}`", path.display()), error)
            })?;
            let images = class.images.iter();
            let images = images.map(|image| Input::Of(Arc::clone(&dataset), image.clone()));
            // Classes of one name in several paths are one class.
            self.images.entry(Target::Class(label)).or_default().extend(images);
        }
        Ok(())
    }
}

/// The error with the option that names a class, where that helps.
fn with_class(error: DatasetError) -> AnyFault {
    match error {
        DatasetError::UnnamedClass { .. } => {
            Message::input(format!("{error}; or use `--class NAME`")).into()
        }
        other => other.into(),
    }
}

/// Whether a path is that of an image, by its extension, or stands for standard input.
fn is_image_file(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    path.as_os_str() == "-" || (path.is_file() && EXTENSIONS.contains(&extension.as_str()))
}

fn embed(plan: Plan, recognizer: &mut Recognizer, options: &Options) -> (Images, Vec<FileError>) {
    let Plan { images: inputs, mut errors, .. } = plan;
    let mut embedded: Images = Vec::new();
    let mut all = Vec::new();
    let mut targets = Vec::new();
    for (target, inputs) in inputs {
        targets.extend(repeat_n(embedded.len(), inputs.len()));
        all.extend(inputs);
        embedded.push((target, Prepared::default()));
    }
    let bar = progress("embedding", all.len(), options.json);
    let mut targets = targets.into_iter();
    let purpose = Purpose { crop: options.crop, keep: Some(recognizer.settings().keep_images) };
    embed_all(recognizer, all, purpose, |input, image| {
        bar.inc(1);
        let target = targets.next().expect("invariant: each image has a target");
        match image {
            Ok(image) => embedded[target].1.add(input, image, purpose),
            Err(error) => errors.push(error),
        }
    });
    bar.finish_and_clear();
    embedded.retain(|(_, prepared)| !prepared.images.is_empty());
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
    fn of(enrolled: &Enrolled, change: Option<GroupId>) -> Self {
        Self {
            id: enrolled.class.id.to_string(),
            label: enrolled.class.label.to_string(),
            counts: Counts::of(&enrolled.outcomes, enrolled.class.examples),
            change,
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let Counts { examples, added, duplicates } = self.counts;
        let counts = [added, duplicates, examples].map(|count| count.to_string());
        let change = self.change.map_or_else(|| "-".to_owned(), GroupId::short);
        [vec![self.label.clone()], counts.to_vec(), vec![change]].concat()
    }
}

const COLUMNS: [(&str, Align); 5] = [
    ("class", Align::Left),
    ("new", Align::Right),
    ("skipped", Align::Right),
    ("examples", Align::Right),
    ("change", Align::Left),
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
mod tests;
