//! `handful gallery export` and `import`: a gallery in one file.

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use edge::device::Device;
use edge::gallery::{Archive, DeviceId, Galleries, GalleryError, GalleryId, Imported, Label};
use models::actor;
use models::fault::{AnyFault, Message, about};
use serde::Serialize;
use terminal::note;

use crate::commands::{changed, check_store, exported};
use crate::text::{counted, show};

const EXPORT_EXAMPLES: &str = "\
Examples:
  handful gallery export things.handful
  handful gallery export --gallery \"line 2\" line2.handful
  handful gallery export - | ssh other 'cat > things.handful'   to standard output

The file has the whole gallery: classes, examples, kept images, settings and history, also what was
removed and can be restored. What was purged is not in it. A file that exists is replaced only with
--force. While handful-server uses the store, export through it:
  curl -fo things.part http://127.0.0.1:8080/v1/galleries/default/export \\
    && mv things.part things.handful
An export that breaks off leaves a part of a file; only a whole one takes the place of the last.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  handful gallery import things.handful                     into the gallery that it names
  handful gallery import things.handful --gallery \"line 2\"  into another one, also by its id

A gallery that does not exist is created. One that exists is joined with the file: it has the
changes of both then, also the purges: what the file has purged is forgotten for good. To look at a
file first, import it into a new gallery: --gallery NEW. The same file imported again changes
nothing, and so does a damaged file. Import reads a file, not standard input.
While handful-server uses the store, import through it:
  curl -f --data-binary @things.handful -H 'content-type: application/zip' \\
    http://127.0.0.1:8080/v1/galleries/default/import";

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Write the gallery into one file, to keep it or to move it to another device
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportOptions),
    /// Join the gallery with an exported file, or create it from the file
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportOptions),
}

#[derive(Debug, Args)]
pub(super) struct ExportOptions {
    /// The file to write, such as things.handful; `-` for standard output
    file: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ImportOptions {
    /// The file to read; standard input cannot be imported
    file: PathBuf,
}

/// `gallery` is the name that the user gave, if any.
pub(super) fn run(
    action: &Action,
    gallery: Option<&str>,
    json: bool,
    device: &Device,
) -> Result<(), AnyFault> {
    match action {
        Action::Export(options) => export(options, gallery, json, device),
        Action::Import(options) => import(&options.file, gallery, json, device),
    }
}

#[derive(Debug, Serialize)]
struct Exported {
    gallery: String,
    file: String,
    /// Length of the file.
    bytes: u64,
}

fn export(
    options: &ExportOptions,
    gallery: Option<&str>,
    json: bool,
    device: &Device,
) -> Result<(), AnyFault> {
    let is_standard_output = options.file == Path::new("-");
    if is_standard_output {
        check_standard_output(json)?;
    }
    let galleries = exported::existing_galleries(device)?;
    let gallery = gallery.unwrap_or(Galleries::DEFAULT);
    let parts = galleries.export(gallery).map_err(with_hint)?;
    if is_standard_output {
        for part in parts {
            terminal::print_bytes(&part?)?;
        }
        note!("exported the gallery `{gallery}`");
        return Ok(());
    }
    let bytes = exported::write(parts, &options.file, options.force, json)?;
    let file = options.file.display().to_string();
    show(&Exported { gallery: gallery.to_owned(), file, bytes }, json)
}

fn check_standard_output(json: bool) -> Result<(), Message> {
    if json {
        return Err(Message::input(
            "--json cannot be used with `-`: the file itself goes to standard output",
        ));
    }
    if io::stdout().is_terminal() {
        return Err(Message::input(
            "standard output is a terminal, and the file is not text; name a file, or direct the \
             output into a file or a program",
        ));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct ImportAnswer {
    gallery: String,
    file: String,
    /// Changes in the file.
    changes: usize,
    /// Those that the gallery did not have.
    new: usize,
    /// Those that were left out, since their time is more than 24 hours ahead of this clock.
    ahead: usize,
    /// Examples of this gallery that the file has purged.
    purged: usize,
    /// Examples and images that were taken over.
    examples: usize,
    /// Those of the examples that count.
    in_use: usize,
    images: usize,
    /// The devices that made the new changes, if the gallery had no change of any of them:
    /// `handful gallery undo --device` undoes the import as a whole then.
    devices: Vec<DeviceId>,
    revision: u64,
}

fn import(file: &Path, gallery: Option<&str>, json: bool, device: &Device) -> Result<(), AnyFault> {
    if file == Path::new("-") {
        let reason = "import reads a file, not standard input; write it to a file first";
        return Err(Message::input(reason).into());
    }
    let manifest = device.bundle(None)?.manifest;
    // Before the store is opened: a damaged file or a wrong name must not leave a new store behind.
    let archive = Archive::open(file, &manifest.space_id);
    let archive = archive.map_err(|error| about(file.display(), error))?;
    let fits = archive.check_length(manifest.backbone.embedding_size);
    fits.map_err(|error| about(file.display(), error))?;
    let target = match gallery {
        Some(gallery) => Target::given(gallery)?,
        None => Target::Name(archive.gallery().clone()),
    };
    if matches!(target, Target::Id(_)) {
        check_store(device)?;
    }
    let mut galleries = device.galleries(&manifest.space_id)?;
    galleries.set_actor(actor::CLI);
    let (gallery, is_new) = target.name(&mut galleries)?;
    let imported = galleries.import(&gallery, archive);
    if is_new && imported.as_ref().is_err_and(changed_nothing) {
        // It was made for the file. The first error is the one to report.
        let _ = galleries.delete(&gallery);
    }
    let (imported, revision) = imported?;
    if is_new && galleries.deleted_revision(&gallery).is_ok() {
        note!(
            "created the gallery `{gallery}`; a deleted one of this name can be restored after \
             this one is renamed"
        );
    }
    show(&ImportAnswer::new(gallery, file, imported, revision), json)
}

impl ImportAnswer {
    fn new(gallery: String, file: &Path, imported: Imported, revision: u64) -> Self {
        let Imported { changes, new, ahead, purged, embeddings, in_use, images, devices } =
            imported;
        Self {
            gallery,
            file: file.display().to_string(),
            changes,
            new,
            ahead,
            purged,
            examples: embeddings,
            in_use,
            images,
            devices: devices.into_iter().collect(),
            revision,
        }
    }

    /// The command that undoes the import as a whole; `None` if there is none.
    fn undo(&self) -> Option<String> {
        let devices: String = self.devices.iter().map(|id| format!(" --device {id}")).collect();
        let gallery = changed::option(&self.gallery);
        (!devices.is_empty()).then(|| format!("handful gallery undo{devices}{gallery}"))
    }
}

/// The gallery that a file is imported into.
enum Target {
    /// One that exists.
    Id(GalleryId),
    /// It is created if it is missing.
    Name(Label),
}

impl Target {
    fn given(gallery: &str) -> Result<Self, AnyFault> {
        if let Ok(id) = gallery.parse() {
            return Ok(Self::Id(id));
        }
        let label = Label::parse(gallery).map_err(|error| about("--gallery", error))?;
        Ok(Self::Name(label))
    }

    /// The name of the gallery in the store, and whether it is new.
    fn name(self, galleries: &mut Galleries) -> Result<(String, bool), AnyFault> {
        match self {
            Self::Id(id) => {
                let unknown = GalleryError::UnknownGallery(id.to_string());
                let name = galleries.name(id).ok_or(unknown).map_err(with_hint)?;
                Ok((name, false))
            }
            Self::Name(label) => {
                let (_, is_new) = galleries.create(&label)?;
                Ok((label.to_string(), is_new))
            }
        }
    }
}

fn changed_nothing(error: &GalleryError) -> bool {
    !matches!(error, GalleryError::NotCompacted(_))
}

/// Adds the command that shows what exists.
fn with_hint(error: GalleryError) -> AnyFault {
    match error {
        GalleryError::UnknownGallery(_) => {
            Message::input(format!("{error}; `handful galleries list` shows them")).into()
        }
        error => error.into(),
    }
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gallery, file, .. } = self;
        let megabytes = self.bytes as f64 / 1e6;
        writeln!(f, "exported the gallery `{gallery}` to {file} ({megabytes:.2} MB)")?;
        writeln!(f, "it also has what was removed and not purged; a purge does not change the file")
    }
}

impl fmt::Display for ImportAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gallery, changes, new, ahead, .. } = self;
        if *new == 0 && *ahead == 0 {
            return writeln!(f, "nothing to import: `{gallery}` has all {changes} changes already");
        }
        let examples = counted(self.examples);
        let images = self.images;
        write!(f, "imported into `{gallery}`: {new} of {changes} changes, ")?;
        write!(f, "{examples} with {images} images")?;
        if self.in_use < self.examples {
            write!(f, " ({} in use)", counted(self.in_use))?;
        }
        if self.purged > 0 {
            write!(f, "; it purged {} of this gallery for good", counted(self.purged))?;
        }
        writeln!(f)?;
        if *ahead > 0 {
            writeln!(
                f,
                "left out: {ahead} changes whose time is more than 24 hours ahead of this device's \
                 clock; set the clock and import the file again"
            )?;
        }
        match self.undo() {
            Some(undo) => writeln!(f, "undo with: {undo}"),
            None => Ok(()),
        }
    }
}
