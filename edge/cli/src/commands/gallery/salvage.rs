//! `handful gallery salvage`: what is whole of a damaged store, in a new one.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use edge::device::Device;
use edge::gallery::{Galleries, Salvaged, SalvagedGallery};
use models::fault::{AnyFault, Message};
use serde::Serialize;

use crate::text::{Align, counted, progress, show, table};

pub(super) const EXAMPLES: &str = "\
Examples:
  handful gallery salvage things-store --into saved   all galleries of the folder things-store
  handful gallery salvage gallery.redb --into saved   of a copy of the file in such a folder
  handful gallery list --store saved                  look at what was saved
  handful enroll --store saved things/                enroll again: only what is missing is added

The damaged store is only read, so a copy on a read-only disk will do. A page that is damaged costs
at most a few examples. Nothing is taken that does not have its checksum.

Exit codes: 0 nothing is known to be lost; 1 something is lost, and the new store has the rest;
2 nothing was found, or the folder for the new store is not empty.";

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Folder of the damaged store, or the file gallery.redb of it
    #[arg(value_name = "DAMAGED_STORE")]
    damaged: PathBuf,

    /// Folder for the new store; it is created, or is empty
    #[arg(long, value_name = "NEW_STORE")]
    into: PathBuf,
}

pub(super) fn run(options: &Options, json: bool, device: &Device) -> Result<(), AnyFault> {
    let Options { damaged, into } = options;
    // It counts only where nothing in the store states the model, so it may be missing.
    let space_id = device.bundle(None).ok().map(|bundle| bundle.manifest.space_id);
    let bar = progress("scanning, MiB", 0, json);
    let salvaged = Galleries::salvage(damaged, into, space_id.as_deref(), &mut |done, total| {
        bar.set_length(total >> 20);
        bar.set_position(done >> 20);
    });
    bar.finish_and_clear();
    let answer = Answer::new(salvaged?, into.display().to_string());
    show(&answer, json)?;
    if answer.is_whole {
        return Ok(());
    }
    // The answer is printed; the exit code has to show that it is not all.
    Err(Message::machine(answer.losses()).into())
}

#[derive(Debug, Serialize)]
struct Answer {
    /// The folder of the new store.
    store: String,
    is_whole: bool,
    /// Changes of names of galleries that are lost.
    lost_changes: u64,
    galleries: Vec<GalleryAnswer>,
}

#[derive(Debug, Serialize)]
struct GalleryAnswer {
    gallery: String,
    is_deleted: bool,
    classes: usize,
    /// Those that count, of the classes and of the background set.
    examples: usize,
    /// Those of them that were restored from the state, under new ids.
    restored: usize,
    lost: usize,
    /// Those of the lost ones whose image was found.
    lost_with_image: usize,
    images: usize,
    damaged_images: usize,
    lost_changes: u64,
}

impl Answer {
    fn new(salvaged: Salvaged, store: String) -> Self {
        let is_whole = salvaged.is_whole();
        let Salvaged { galleries, lost_changes } = salvaged;
        let galleries = galleries.into_iter().map(GalleryAnswer::new).collect();
        Self { store, is_whole, lost_changes, galleries }
    }

    fn sum(&self, of: impl Fn(&GalleryAnswer) -> usize) -> usize {
        self.galleries.iter().map(of).sum()
    }

    /// What is lost, in one line.
    fn losses(&self) -> String {
        let lost = self.sum(|one| one.lost);
        let mut text = format!("not all of the store was whole: {} lost", counted(lost));
        match self.sum(|one| one.lost_with_image) {
            0 => {}
            n => text += &format!(" ({n} of them had a kept image that is whole)"),
        }
        match self.sum(|one| one.damaged_images) {
            0 => {}
            n => text += &format!(", {n} kept images lost"),
        }
        let changes = self.galleries.iter().map(|one| one.lost_changes).sum::<u64>();
        match changes + self.lost_changes {
            0 => {}
            n => text += &format!(", {n} changes missing in the history"),
        }
        text += "; the new store has the rest";
        if lost > 0 {
            text += ": enroll the missing images again";
        }
        text
    }
}

impl GalleryAnswer {
    fn new(salvaged: SalvagedGallery) -> Self {
        Self {
            gallery: salvaged.name,
            is_deleted: salvaged.is_deleted,
            classes: salvaged.classes,
            examples: salvaged.examples,
            restored: salvaged.restored,
            lost: salvaged.lost,
            lost_with_image: salvaged.lost_with_image,
            images: salvaged.images,
            damaged_images: salvaged.damaged_images,
            lost_changes: salvaged.lost_changes,
        }
    }

    fn row(&self) -> Vec<String> {
        let name = match self.is_deleted {
            true => format!("{} (deleted)", self.gallery),
            false => self.gallery.clone(),
        };
        let numbers = [self.classes, self.examples, self.lost, self.images];
        std::iter::once(name).chain(numbers.map(|number| number.to_string())).collect()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [
            ("gallery", Align::Left),
            ("classes", Align::Right),
            ("examples", Align::Right),
            ("lost", Align::Right),
            ("images", Align::Right),
        ];
        let rows: Vec<_> = self.galleries.iter().map(GalleryAnswer::row).collect();
        f.write_str(&table(&columns, &rows))?;
        let examples = counted(self.sum(|one| one.examples));
        write!(f, "saved {examples} in {}", self.store)?;
        match self.sum(|one| one.restored) {
            0 => {}
            n => write!(f, " ({n} of them restored from the state, under new ids)")?,
        }
        writeln!(f, "; use it with --store")
    }
}
