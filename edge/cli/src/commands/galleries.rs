//! `handful galleries`: lists, creates, renames, deletes, restores, purges and backs up those of a
//! store.

mod deleted;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use edge::device::Device;
use edge::gallery::{Galleries, Gallery, GalleryEntry, GalleryError, Label};
use models::fault::{AnyFault, Message, about};
use models::{actor, disk};
use serde::Serialize;
use terminal::note;

use super::{consent, exported};
use crate::text::{Align, counted, one_line, show, table};

use deleted::DeletedAnswer;

const EXAMPLES: &str = "\
Examples:
  handful galleries list
  handful galleries create \"line 2\"
  handful enroll --gallery \"line 2\" things/    every command takes --gallery
  handful galleries rename \"line 2\" \"line 3\"
  handful galleries delete \"line 3\"            `restore` brings it back
  handful galleries list --deleted             what can be restored, and until when
  handful galleries restore \"line 3\"
  handful galleries purge \"line 3\"             after `delete`: forget it for good
  handful galleries backup copies/             one file for each gallery in the folder copies
  handful gallery import copies/default.handful    brings one of them back, also on another device

The gallery `default` always exists. A deleted gallery can be restored until it is purged: with
`purge` at once, and by handful-server after the retention time of its settings. This command purges
nothing by itself.";

/// The most bytes of a name that becomes the name of a file; systems allow 255 with the ending.
const MAX_FILE_NAME: usize = 200;

/// List, create, rename, delete, restore, purge and back up galleries
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
    /// List the galleries with their numbers of classes and examples
    List(ListOptions),
    /// Create an empty gallery
    Create {
        /// Name of the gallery
        name: String,
    },
    /// Rename a gallery
    Rename {
        /// Name of the gallery
        gallery: String,
        /// New name
        name: String,
    },
    /// Delete a gallery with everything in it
    Delete {
        /// Name of the gallery
        gallery: String,
    },
    /// Restore the gallery of this name that was deleted last
    Restore {
        /// Name of the gallery, or its id
        gallery: String,
    },
    /// Forget for good what the deleted galleries of this name held; they cannot be restored then
    Purge {
        /// Name of the galleries, or the id of one
        gallery: String,

        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Export every gallery into a file of a folder
    Backup(BackupOptions),
}

#[derive(Debug, Args)]
struct ListOptions {
    /// List the deleted galleries that can be restored instead, with their ids
    #[arg(long)]
    deleted: bool,
}

#[derive(Debug, Args)]
struct BackupOptions {
    /// The folder; it is made if it is missing
    folder: PathBuf,

    /// Replace the files of an earlier backup
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(skip)]
    // Only in text: a program knows what it asked for.
    done: Option<String>,
    galleries: Vec<EntryAnswer>,
}

#[derive(Debug, Serialize)]
struct EntryAnswer {
    gallery: String,
    id: String,
    classes: usize,
    examples: usize,
    background: usize,
    revision: u64,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    if let Action::Backup(backed_up) = &options.action {
        return backup(backed_up, options.json, device);
    }
    let space_id = device.bundle(None)?.manifest.space_id;
    let lists_deleted = match options.action {
        Action::List(ListOptions { deleted }) => Some(deleted),
        _ => None,
    };
    if lists_deleted.is_some() && !Gallery::store_exists(&device.store_dir()?) {
        return show(&Answer { done: None, galleries: Vec::new() }, options.json);
    }
    let mut galleries = device.galleries(&space_id)?;
    if lists_deleted == Some(true) {
        return show(&DeletedAnswer::of(galleries.list_deleted()?), options.json);
    }
    galleries.set_actor(actor::CLI);
    let done = change(&options.action, &mut galleries)?;
    let listed = galleries.list()?.into_iter().map(EntryAnswer::of).collect();
    show(&Answer { done, galleries: listed }, options.json)
}

#[derive(Debug, Serialize)]
struct BackupAnswer {
    files: Vec<BackedUp>,
    /// Deleted galleries that could be restored, of which there is no file.
    deleted: usize,
}

#[derive(Debug, Serialize)]
struct BackedUp {
    gallery: String,
    file: String,
    /// Length of the file.
    bytes: u64,
}

fn backup(options: &BackupOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    let galleries = exported::existing_galleries(device)?;
    let entries = galleries.list()?;
    let names: BTreeSet<String> = entries.iter().map(file_name).collect();
    let others = prepare_folder(options, &names)?;
    let mut files = Vec::new();
    for entry in entries {
        let path = options.folder.join(file_name(&entry));
        let parts = galleries.export(&entry.id.to_string())?;
        let bytes = exported::write(parts, &path, options.force, json)?;
        files.push(BackedUp { gallery: entry.name, file: path.display().to_string(), bytes });
    }
    let deleted = galleries.list_deleted()?.len();
    show(&BackupAnswer { files, deleted }, json)?;
    if options.force && !others.is_empty() {
        let others = one_line(&others.join(", "));
        note!("note: not of this store any more: {others}; delete what you do not need");
    }
    Ok(())
}

/// Makes the folder of a backup if it is missing. Returns the names of the files of galleries that
/// are in it and that the backup does not write.
fn prepare_folder(
    options: &BackupOptions,
    names: &BTreeSet<String>,
) -> Result<Vec<String>, AnyFault> {
    let folder = &options.folder;
    let shown = folder.display();
    if folder.exists() && !folder.is_dir() {
        return Err(Message::input(format!("{shown} is a file; name a folder")).into());
    }
    disk::create_folder(folder)?;
    let found = disk::list(folder)?;
    let found = found.iter().filter(|path| path.extension() == Some(OsStr::new("handful")));
    let found: Vec<String> = found.map(|path| name_of(path)).collect();
    if !options.force && found.iter().any(|name| names.contains(name)) {
        return Err(Message::input(format!(
            "{shown} has a backup already; replace it with --force, or name another folder"
        ))
        .into());
    }
    Ok(found.into_iter().filter(|name| !names.contains(name)).collect())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A name has no `/`, but it may be longer than the name of a file.
fn file_name(entry: &GalleryEntry) -> String {
    match entry.name.len() <= MAX_FILE_NAME {
        true => format!("{}.handful", entry.name),
        false => format!("{}.handful", entry.id),
    }
}

/// Returns what was done, in a line.
fn change(action: &Action, galleries: &mut Galleries) -> Result<Option<String>, AnyFault> {
    Ok(match action {
        Action::List(_) | Action::Backup(_) => None,
        Action::Create { name } => {
            let (_, is_new) = galleries.create(&label(name)?).map_err(with_hint)?;
            Some(if is_new { format!("created {name}") } else { format!("{name} exists already") })
        }
        Action::Rename { gallery, name } => {
            galleries.rename(gallery, &label(name)?).map_err(with_hint)?;
            Some(format!("renamed {gallery} to {name}"))
        }
        Action::Delete { gallery } => {
            galleries.delete(gallery).map_err(with_hint)?;
            let restore = format!("restore with: handful galleries restore \"{gallery}\"");
            Some(format!("deleted {gallery}; {restore}"))
        }
        Action::Restore { gallery } => {
            let id = galleries.restore(gallery).map_err(with_deleted_hint)?;
            // Not the id that it may have been named by.
            let name = galleries.name(id);
            Some(format!("restored {}", name.as_ref().unwrap_or(gallery)))
        }
        Action::Purge { gallery, yes } => Some(purge(gallery, *yes, galleries)?),
    })
}

fn purge(gallery: &str, yes: bool, galleries: &mut Galleries) -> Result<String, AnyFault> {
    consent::check_possible(yes)?;
    let examples = galleries.n_purgeable(gallery).map_err(with_deleted_hint)?;
    if !yes {
        let examples = counted(examples);
        note!("To forget for good: what is deleted and called `{gallery}`, with {examples}.");
        consent::ask()?;
    }
    let purged = galleries.purge(gallery, Some(Duration::ZERO)).map_err(with_deleted_hint)?;
    let examples = counted(purged.iter().map(|one| one.examples).sum());
    // Galleries that were deleted one after the other may have had one name.
    let which = match purged.len() {
        1 => format!("the deleted gallery \"{gallery}\""),
        several => format!("{several} deleted galleries called \"{gallery}\""),
    };
    Ok(format!(
        "purged {which}, with {examples}; backups and exported files are not changed: delete them \
         yourself"
    ))
}

fn label(name: &str) -> Result<Label, AnyFault> {
    Label::parse(name).map_err(|error| about("the name", error))
}

/// Adds the command that shows what exists.
fn with_hint(error: GalleryError) -> AnyFault {
    hinted(error, "handful galleries list")
}

/// Adds the command that shows what is deleted.
fn with_deleted_hint(error: GalleryError) -> AnyFault {
    hinted(error, "handful galleries list --deleted")
}

fn hinted(error: GalleryError, command: &str) -> AnyFault {
    match error {
        GalleryError::UnknownGallery(_) => {
            Message::input(format!("{error}; `{command}` shows them")).into()
        }
        error => error.into(),
    }
}

impl EntryAnswer {
    fn of(entry: GalleryEntry) -> Self {
        Self {
            gallery: entry.name,
            id: entry.id.to_string(),
            classes: entry.classes,
            examples: entry.examples,
            background: entry.background,
            revision: entry.revision,
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let numbers = [self.classes, self.examples, self.background];
        let numbers = numbers.iter().map(ToString::to_string);
        std::iter::once(self.gallery.clone()).chain(numbers).collect()
    }
}

const COLUMNS: [(&str, Align); 4] = [
    ("gallery", Align::Left),
    ("classes", Align::Right),
    ("examples", Align::Right),
    ("none of these", Align::Right),
];

impl fmt::Display for BackupAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for BackedUp { gallery, file, bytes } in &self.files {
            writeln!(f, "exported {gallery} to {file} ({:.2} MB)", *bytes as f64 / 1e6)?;
        }
        let deleted = match self.deleted {
            0 => return Ok(()),
            1 => "1 deleted gallery".to_owned(),
            several => format!("{several} deleted galleries"),
        };
        writeln!(f, "left out: {deleted}; `handful galleries list --deleted` shows what to restore")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(done) = &self.done {
            writeln!(f, "{done}")?;
        }
        if self.galleries.is_empty() {
            return writeln!(f, "there is no store yet; enroll images with `handful enroll DIR`");
        }
        let rows: Vec<_> = self.galleries.iter().map(EntryAnswer::row).collect();
        f.write_str(&table(&COLUMNS, &rows))
    }
}
