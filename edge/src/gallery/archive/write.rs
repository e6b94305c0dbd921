//! Writes an archive.

use models::layout;

use super::tensors::EmbeddingsFile;
use super::zip::{self, End};
use super::{Entry, EntryName, FORMAT, MAX_JOURNAL_BYTES, Manifest, Measure, Measured, SCHEMA};
use crate::gallery::change::{Change, Position, What};
use crate::gallery::error::GalleryError;
use crate::gallery::id::ExampleId;
use crate::gallery::label::Label;
use crate::gallery::store::view::View;

/// Changes whose embeddings are read at once: at most 256 embeddings.
const EMBEDDED_CHANGES: usize = 16;
/// Lines of the journal that are read at once.
const LINES: usize = 256;
/// Images are joined up to this length.
const IMAGE_BYTES: usize = 1 << 20;
/// Records of the directory that are written at once.
const RECORDS: usize = 1024;
/// About the length of an entry in the manifest.
const ENTRY_BYTES: usize = 160;

/// The bytes of the archive of a gallery, in parts of a few megabytes. The gallery may be changed
/// meanwhile: the archive has what it was when the export began.
///
/// # Examples
/// ```
/// use std::fs::File;
/// use std::io::Write;
///
/// use edge::gallery::{Archive, Galleries, Label};
///
/// let folder = tempfile::tempdir()?;
/// let galleries = Galleries::open(&folder.path().join("store"), "space")?;
/// let mut gallery = galleries.gallery("default")?;
/// gallery.enroll(&Label::parse("mug")?, Vec::new(), true)?;
///
/// let path = folder.path().join("default.handful");
/// let mut file = File::create(&path)?;
/// for part in galleries.export("default")? {
///     file.write_all(&part?)?;
/// }
///
/// let other = Galleries::open(&folder.path().join("other"), "space")?;
/// let mut copy = other.gallery("default")?;
/// copy.import(Archive::open(&path, "space")?)?;
/// assert_eq!(copy.digest(), gallery.digest());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Export {
    view: View,
    /// What is known of it by now.
    manifest: Manifest,
    /// The checksum of each entry.
    crcs: Vec<u32>,
    /// What the journal is, once it is measured.
    journal: Measured,
    /// Bytes of the entries so far.
    at: u64,
    /// Bytes of the directory so far.
    directory_len: u64,
    stage: Stage,
}

/// What is written next.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Measure,
    Embeddings { number: u32, after: Option<Position> },
    Images { after: Option<ExampleId> },
    JournalHeader,
    Journal { after: Option<Position> },
    Manifest,
    Directory { next: usize, offset: u64 },
    Done,
}

impl Export {
    pub(in crate::gallery) fn new(view: View, gallery: Label) -> Self {
        let manifest = Manifest {
            format: FORMAT,
            layout: layout::of(SCHEMA),
            gallery,
            space_id: view.space_id().to_owned(),
            embedding_length: view.embedding_length(),
            entries: Vec::new(),
        };
        let journal = Measured::of(&[]);
        let stage = Stage::Measure;
        Self { view, manifest, crcs: Vec::new(), journal, at: 0, directory_len: 0, stage }
    }

    /// Adds what is next to `bytes`, or nothing where a stage is empty.
    fn step(&mut self, bytes: &mut Vec<u8>) -> Result<(), GalleryError> {
        match self.stage {
            Stage::Measure => self.measure(MAX_JOURNAL_BYTES),
            Stage::Embeddings { number, after } => self.embeddings(number, after, bytes),
            Stage::Images { after } => self.images(after, bytes),
            Stage::JournalHeader => {
                bytes.extend(self.header(EntryName::Journal, self.journal));
                self.stage = Stage::Journal { after: None };
                Ok(())
            }
            Stage::Journal { after } => self.journal(after, bytes),
            Stage::Manifest => {
                self.manifest(bytes);
                Ok(())
            }
            Stage::Directory { next, offset } => {
                self.directory(next, offset, bytes);
                Ok(())
            }
            Stage::Done => Ok(()),
        }
    }

    /// Reads the journal for its header, which has its length and its checksum. A journal of more
    /// than `most` bytes is refused before anything is written.
    pub(super) fn measure(&mut self, most: u64) -> Result<(), GalleryError> {
        let mut measure = Measure::default();
        let mut after = None;
        loop {
            let changes = self.view.changes_after(after, LINES)?;
            let Some(last) = changes.last() else { break };
            after = Some(last.position());
            for change in shared(&changes) {
                measure.update(&line(change));
            }
            if measure.size > most {
                return Err(GalleryError::NotExported("its journal is longer than 256 MiB"));
            }
        }
        self.journal = measure.finish();
        self.stage = Stage::Embeddings { number: 0, after: None };
        Ok(())
    }

    fn embeddings(
        &mut self,
        number: u32,
        mut after: Option<Position>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), GalleryError> {
        let length = self.manifest.embedding_length.unwrap_or(0);
        let mut file = EmbeddingsFile::new(length);
        let mut is_end = false;
        while !file.is_full() && !is_end {
            let changes = self.view.changes_after(after, EMBEDDED_CHANGES)?;
            is_end = changes.is_empty();
            after = changes.last().map(Change::position).or(after);
            for change in &changes {
                for (id, embedding) in self.view.embeddings(change)? {
                    file.push(id, &embedding);
                }
            }
        }
        if file.len() > 0 {
            self.add(EntryName::Embeddings(number), &file.into_bytes(), bytes);
        }
        self.stage = match is_end {
            true => Stage::Images { after: None },
            false => Stage::Embeddings { number: number + 1, after },
        };
        Ok(())
    }

    fn images(
        &mut self,
        mut after: Option<ExampleId>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), GalleryError> {
        while bytes.len() < IMAGE_BYTES {
            let Some((id, image)) = self.view.image_after(after)? else {
                self.stage = Stage::JournalHeader;
                return Ok(());
            };
            self.add(EntryName::Image(id), &image, bytes);
            after = Some(id);
        }
        self.stage = Stage::Images { after };
        Ok(())
    }

    fn journal(
        &mut self,
        after: Option<Position>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), GalleryError> {
        let changes = self.view.changes_after(after, LINES)?;
        bytes.extend(shared(&changes).flat_map(line));
        self.stage = match changes.last() {
            Some(last) => Stage::Journal { after: Some(last.position()) },
            None => Stage::Manifest,
        };
        Ok(())
    }

    fn manifest(&mut self, bytes: &mut Vec<u8>) {
        // With room for all of it: a vector that grows needs several times its length.
        let mut json = Vec::with_capacity(1024 + ENTRY_BYTES * self.manifest.entries.len());
        serde_json::to_writer(&mut json, &self.manifest)
            .expect("invariant: a manifest has keys of text");
        json.push(b'\n');
        let header = self.header(EntryName::Manifest, Measured::of(&json));
        json.splice(0..0, header);
        *bytes = json;
        self.stage = Stage::Directory { next: 0, offset: 0 };
    }

    fn directory(&mut self, next: usize, mut offset: u64, bytes: &mut Vec<u8>) {
        let entries = self.manifest.entries.iter().zip(&self.crcs);
        for (entry, crc) in entries.skip(next).take(RECORDS) {
            let name = entry.name.to_string();
            bytes.extend(zip::record(&name, entry.size, *crc, offset));
            offset += zip::local_len(&name) + entry.size;
        }
        self.directory_len += bytes.len() as u64;
        let entries = self.manifest.entries.len();
        self.stage = Stage::Directory { next: next + RECORDS, offset };
        if next + RECORDS >= entries {
            let directory_len = self.directory_len;
            let end = End { entries: entries as u64, directory: self.at, directory_len };
            bytes.extend(end.bytes());
            self.stage = Stage::Done;
        }
    }

    /// Adds an entry.
    fn add(&mut self, name: EntryName, content: &[u8], bytes: &mut Vec<u8>) {
        bytes.extend(self.header(name, Measured::of(content)));
        bytes.extend_from_slice(content);
    }

    /// The header of an entry whose content follows.
    fn header(&mut self, name: EntryName, measured: Measured) -> Vec<u8> {
        let Measured { size, sha256, crc } = measured;
        let header = zip::local(&name.to_string(), size, crc);
        self.at += header.len() as u64 + size;
        self.manifest.entries.push(Entry { name, size, sha256 });
        self.crcs.push(crc);
        header
    }
}

impl Iterator for Export {
    type Item = Result<Vec<u8>, GalleryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        while bytes.is_empty() && !matches!(self.stage, Stage::Done) {
            if let Err(error) = self.step(&mut bytes) {
                self.stage = Stage::Done;
                return Some(Err(error));
            }
        }
        (!bytes.is_empty()).then_some(Ok(bytes))
    }
}

/// The changes that are not of this store only.
fn shared(changes: &[Change]) -> impl Iterator<Item = &Change> {
    changes.iter().filter(|change| !matches!(change.what, What::Reembed { .. }))
}

/// A change in the journal.
fn line(change: &Change) -> Vec<u8> {
    let mut line = serde_json::to_vec(change).expect("invariant: a change has keys of text");
    line.push(b'\n');
    line
}
