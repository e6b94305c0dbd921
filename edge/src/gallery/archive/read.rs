//! Reads an archive, which may be damaged or made to do harm.
//!
//! A reader knows what a file of Handful looks like: it computes the headers that belong to the
//! manifest and compares them with those of the file. Nothing is unpacked, and no name of the file
//! becomes a path.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use models::image::begins_as_image;
use models::layout;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::check_contents::check_contents;
use super::form::{self, START_BYTES, TAIL_BYTES};
use super::zip::{self, END_BYTES, End};
use super::{
    Entry, EntryName, FORMAT, MAX_EXAMPLES, MAX_JOURNAL_BYTES, Manifest, Measure, Measured, SCHEMA,
    json_reason, printable, tensors,
};
use crate::gallery::change::{Change, What};
use crate::gallery::error::ArchiveError;
use crate::gallery::id::ExampleId;
use crate::gallery::label::Label;

/// The most bytes of a file with embeddings, and of an image.
const MAX_PART_BYTES: u64 = 64 << 20;
const MAX_IMAGE_BYTES: u64 = 256 << 20;
/// The most bytes of a change, which has at most 16 examples.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// The most bytes of a manifest, and of an entry in it.
const MAX_MANIFEST_BYTES: u64 = 64 << 10;
const MAX_MANIFEST_ENTRY_BYTES: u64 = 256;

/// The largest value of an embedding that is taken over; those of networks are far below it.
const MAX_VALUE: f32 = 1e6;
/// The first bytes of an image, which show its format.
const IMAGE_START_BYTES: u64 = 16;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// An archive that is whole: every byte of it was read and checked.
#[derive(Debug)]
pub struct Archive {
    pub(super) file: File,
    pub(super) manifest: Manifest,
    pub(super) changes: Vec<Change>,
    /// The examples that it has embeddings of, in the order of their ids.
    pub(super) embedded: Vec<ExampleId>,
}

impl Archive {
    /// Reads and checks the whole file, for galleries whose embeddings are of the space
    /// `space_id`. Memory is taken for the journal and the list of entries, not for embeddings and
    /// images.
    ///
    /// # Errors
    /// [`ArchiveError::NoArchive`]; [`ArchiveError::Broken`]; [`ArchiveError::OtherVersion`];
    /// [`ArchiveError::OtherSpace`]; [`ArchiveError::Io`].
    pub fn open(path: &Path, space_id: &str) -> Result<Self, ArchiveError> {
        // A pipe would be waited for.
        if !fs::metadata(path)?.is_file() {
            return broken("it is not a regular file");
        }
        let file = File::open(path)?;
        let end = end(&file)?;
        let manifest = manifest(&file, &end)?;
        check_space(&manifest, space_id)?;
        let (changes, embedded) = examined(&file, &end, &manifest)?;
        Ok(Self { file, manifest, changes, embedded })
    }

    /// The name of the gallery.
    #[must_use]
    pub fn gallery(&self) -> &Label {
        &self.manifest.gallery
    }

    /// Refuses embeddings of another length than those of the model. The file states both the
    /// length and the model, and a gallery without examples takes the length over.
    ///
    /// # Errors
    /// [`ArchiveError::Broken`].
    pub fn check_length(&self, expected: usize) -> Result<(), ArchiveError> {
        match self.manifest.embedding_length {
            Some(got) if got != expected => broken(format!(
                "its embeddings have {got} values, those of this model have {expected}"
            )),
            _ => Ok(()),
        }
    }
}

impl Manifest {
    /// The entries, each with the place of its content in the file.
    pub(super) fn places(&self) -> impl Iterator<Item = (&Entry, u64)> {
        let mut at = 0;
        self.entries.iter().map(move |entry| {
            let content = at + zip::local_len(&entry.name.to_string());
            at = content + entry.size;
            (entry, content)
        })
    }
}

fn broken<T>(reason: impl Into<String>) -> Result<T, ArchiveError> {
    Err(ArchiveError::Broken(reason.into()))
}

fn unread(what: &str, error: &serde_json::Error) -> ArchiveError {
    ArchiveError::Broken(format!("{what}: {}", json_reason(error)))
}

/// A part of a file, whose bytes are measured as they are read.
struct Section<'a> {
    file: &'a File,
    at: u64,
    left: u64,
    measure: Measure,
}

impl<'a> Section<'a> {
    fn buffered(file: &'a File, at: u64, size: u64) -> BufReader<Self> {
        let section = Self { file, at, left: size, measure: Measure::default() };
        BufReader::with_capacity(BUFFER_BYTES, section)
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.file.read_at(&mut buffer[..most], self.at)?;
        self.measure.update(&buffer[..n]);
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

/// The content of an entry whole, if it is what the manifest states.
pub(super) fn content(file: &File, entry: &Entry, at: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    Section::buffered(file, at, entry.size).read_to_end(&mut bytes)?;
    let measured = Measured::of(&bytes);
    if measured.size != entry.size || measured.sha256 != entry.sha256 {
        return broken(format!("`{}` was changed while it was read", entry.name));
    }
    Ok(bytes)
}

/// Bytes of the file; it is long enough, unless it is cut meanwhile.
fn bytes_at(file: &File, at: u64, size: u64) -> Result<Vec<u8>, ArchiveError> {
    let size = usize::try_from(size).map_err(|_| ArchiveError::Broken("it is cut".to_owned()))?;
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn end(file: &File) -> Result<End, ArchiveError> {
    let size = file.metadata()?.len();
    let Some(end) = own_end(file, size)? else {
        let start = bytes_at(file, 0, size.min(START_BYTES))?;
        let tail = size.min(TAIL_BYTES);
        return Err(form::refusal(&start, &bytes_at(file, size - tail, tail)?));
    };
    if end.entries > MAX_EXAMPLES {
        let n = end.entries;
        return broken(format!("it has {n} entries, expected at most {MAX_EXAMPLES}"));
    }
    Ok(end)
}

/// The end of the file, if it is that of an archive.
fn own_end(file: &File, size: u64) -> Result<Option<End>, ArchiveError> {
    let mut bytes = [0; END_BYTES];
    let Some(at) = size.checked_sub(END_BYTES as u64) else { return Ok(None) };
    file.read_exact_at(&mut bytes, at)?;
    Ok(End::read(&bytes).filter(|end| {
        let record = zip::record_len(&EntryName::Manifest.to_string());
        // No record is shorter than that of the shortest name.
        let most = end.directory_len / record;
        end.directory.checked_add(end.directory_len) == Some(at)
            && end.directory_len >= record
            && (1..=most).contains(&end.entries)
    }))
}

/// What is read of every version.
#[derive(Deserialize)]
struct Version {
    format: u64,
    layout: String,
}

fn manifest(file: &File, end: &End) -> Result<Manifest, ArchiveError> {
    let name = EntryName::Manifest.to_string();
    let length = zip::record_len(&name);
    let at = end.directory + end.directory_len - length;
    let record = bytes_at(file, at, length)?;
    let (size, crc, offset) = zip::record_fields(&record, &name);
    let content = offset.checked_add(zip::local_len(&name));
    let is_last = content.and_then(|at| at.checked_add(size)) == Some(end.directory);
    if record != zip::record(&name, size, crc, offset) || !is_last {
        return broken("its manifest is missing");
    }
    let most = MAX_MANIFEST_BYTES + MAX_MANIFEST_ENTRY_BYTES.saturating_mul(end.entries);
    if size > most {
        return broken(format!("its manifest has {size} bytes, expected at most {most}"));
    }
    let header = bytes_at(file, offset, zip::local_len(&name))?;
    if header != zip::local(&name, size, crc) {
        return broken("the header of its manifest is damaged");
    }
    let content = offset + zip::local_len(&name);
    let version: Version = json(file, content, size, crc)?;
    check_version(&version)?;
    let mut manifest: Manifest = json(file, content, size, crc)?;
    // It grew by doubling.
    manifest.entries.shrink_to_fit();
    check_manifest(&manifest, end, offset)?;
    Ok(manifest)
}

fn json<T: DeserializeOwned>(file: &File, at: u64, size: u64, crc: u32) -> Result<T, ArchiveError> {
    let mut content = Section::buffered(file, at, size);
    let value = serde_json::from_reader(&mut content);
    let value = value.map_err(|e| unread("its manifest", &e))?;
    if content.into_inner().measure.finish().crc != crc {
        return broken("its manifest is damaged");
    }
    Ok(value)
}

fn check_version(version: &Version) -> Result<(), ArchiveError> {
    let layout = layout::of(SCHEMA);
    if version.format == FORMAT && version.layout == layout {
        return Ok(());
    }
    let expected = format!("format {FORMAT}, layout {layout}");
    let got = printable(&version.layout);
    Err(ArchiveError::OtherVersion { format: version.format, layout: got, expected })
}

fn check_space(manifest: &Manifest, expected: &str) -> Result<(), ArchiveError> {
    let got = &manifest.space_id;
    if got == expected {
        return Ok(());
    }
    Err(ArchiveError::OtherSpace { expected: expected.to_owned(), got: printable(got) })
}

/// Checks what the manifest says of the entries: each once, in their order, the journal last, and
/// together as long as the file up to `manifest_at`.
fn check_manifest(manifest: &Manifest, end: &End, manifest_at: u64) -> Result<(), ArchiveError> {
    let entries = &manifest.entries;
    let is_in_order = entries.is_sorted_by(|one, next| one.name < next.name);
    let is_journal_last = entries.last().is_some_and(|last| last.name == EntryName::Journal);
    if !is_in_order || !is_journal_last || entries.len() as u64 + 1 != end.entries {
        return broken("its manifest does not list its entries once and in their order");
    }
    let mut at = 0_u64;
    let mut directory_len = zip::record_len(&EntryName::Manifest.to_string());
    for entry in entries {
        let most = match entry.name {
            EntryName::Embeddings(_) => MAX_PART_BYTES,
            EntryName::Image(_) => MAX_IMAGE_BYTES,
            EntryName::Journal | EntryName::Manifest => MAX_JOURNAL_BYTES,
        };
        if entry.size > most {
            let Entry { name, size, .. } = entry;
            return broken(format!("`{name}` has {size} bytes, expected at most {most}"));
        }
        let name = entry.name.to_string();
        at = at.saturating_add(zip::local_len(&name) + entry.size);
        directory_len += zip::record_len(&name);
    }
    if at != manifest_at || directory_len != end.directory_len {
        return broken("its entries are not as long as its manifest states");
    }
    Ok(())
}

/// Reads and checks all entries; returns the changes of the journal, and the examples that have
/// embeddings, in the order of their ids.
fn examined(
    file: &File,
    end: &End,
    manifest: &Manifest,
) -> Result<(Vec<Change>, Vec<ExampleId>), ArchiveError> {
    let mut walk = Walk::new(file, end, manifest.embedding_length);
    for entry in &manifest.entries {
        walk.examine(entry)?;
    }
    check_contents(manifest, &walk.changes, &walk.embedded)?;
    let mut embedded: Vec<ExampleId> = walk.embedded.into_iter().collect();
    embedded.sort_unstable();
    Ok((walk.changes, embedded))
}

/// Reads all entries in their order.
struct Walk<'a> {
    file: &'a File,
    /// Where the header of the next entry begins.
    at: u64,
    /// At the record of the next entry.
    directory: BufReader<Section<'a>>,
    embedding_length: Option<usize>,
    changes: Vec<Change>,
    embedded: HashSet<ExampleId>,
}

impl<'a> Walk<'a> {
    fn new(file: &'a File, end: &End, embedding_length: Option<usize>) -> Self {
        let directory = Section::buffered(file, end.directory, end.directory_len);
        let embedded = HashSet::new();
        Self { file, at: 0, directory, embedding_length, changes: Vec::new(), embedded }
    }

    fn examine(&mut self, entry: &Entry) -> Result<(), ArchiveError> {
        let crc = self.headers(entry)?;
        let mut content = Section::buffered(self.file, self.at, entry.size);
        let mut is_right = true;
        match entry.name {
            EntryName::Embeddings(_) => self.embeddings(entry, &mut content)?,
            EntryName::Image(_) => is_right = is_image(&mut content)?,
            EntryName::Journal => self.changes = journal(&mut content)?,
            EntryName::Manifest => return broken("its manifest lists itself"),
        }
        let is_read = content.buffer().is_empty();
        let measured = content.into_inner().measure.finish();
        if !is_read || measured != (Measured { size: entry.size, sha256: entry.sha256, crc }) {
            return broken(format!("`{}` is damaged", entry.name));
        }
        if !is_right {
            return broken(format!("`{}` is no image", entry.name));
        }
        self.at += entry.size;
        Ok(())
    }

    /// Passes the header of an entry and its record in the directory; returns their checksum.
    fn headers(&mut self, entry: &Entry) -> Result<u32, ArchiveError> {
        let name = entry.name.to_string();
        let header = bytes_at(self.file, self.at, zip::local_len(&name))?;
        let crc = zip::local_crc(&header);
        let length = usize::try_from(zip::record_len(&name)).unwrap_or_default();
        let mut record = vec![0; length];
        self.directory.read_exact(&mut record)?;
        let is_header = header == zip::local(&name, entry.size, crc);
        if !is_header || record != zip::record(&name, entry.size, crc, self.at) {
            return broken(format!("the header of `{name}` is damaged"));
        }
        self.at += header.len() as u64;
        Ok(crc)
    }

    fn embeddings(&mut self, entry: &Entry, content: &mut impl Read) -> Result<(), ArchiveError> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let read = self.embedding_length.and_then(|length| tensors::read(&bytes, length));
        let Some(embeddings) = read else {
            return broken(format!("`{}` does not hold finite embeddings", entry.name));
        };
        for (id, embedding) in embeddings {
            if let Some(wrong) = defect(&embedding) {
                return broken(format!("the embedding of {id} {wrong}"));
            }
            if !self.embedded.insert(id) {
                return broken(format!("the example {id} has two embeddings"));
            }
        }
        if self.embedded.len() as u64 > MAX_EXAMPLES {
            return broken(format!("it has more than {MAX_EXAMPLES} embeddings"));
        }
        Ok(())
    }
}

/// Why an embedding of finite values is not one of a network.
fn defect(embedding: &[f32]) -> Option<&'static str> {
    if embedding.iter().all(|value| *value == 0.0) {
        return Some("has length 0");
    }
    let is_out_of_range = embedding.iter().any(|value| value.abs() > MAX_VALUE);
    is_out_of_range.then_some("is out of range")
}

/// Reads an entry to its end; answers whether it begins as an image does.
fn is_image(content: &mut impl Read) -> io::Result<bool> {
    let mut start = Vec::new();
    Read::take(&mut *content, IMAGE_START_BYTES).read_to_end(&mut start)?;
    io::copy(content, &mut io::sink())?;
    Ok(begins_as_image(&start))
}

fn journal(content: &mut impl BufRead) -> Result<Vec<Change>, ArchiveError> {
    let mut changes: Vec<Change> = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = Read::take(&mut *content, MAX_LINE_BYTES);
        if limited.read_until(b'\n', &mut line)? == 0 {
            changes.shrink_to_fit();
            return Ok(changes);
        }
        let number = changes.len() + 1;
        if line.last() != Some(&b'\n') {
            return broken(format!("line {number} of its journal is cut or too long"));
        }
        let mut change: Change = serde_json::from_slice(&line)
            .map_err(|e| unread(&format!("line {number} of its journal"), &e))?;
        if let What::Enroll { examples, .. } = &mut change.what {
            examples.shrink_to_fit();
        }
        if changes.last().is_some_and(|last| last.position() >= change.position()) {
            return broken(format!("line {number} of its journal is not in order"));
        }
        changes.push(change);
    }
}
