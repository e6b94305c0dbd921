//! Layouts with CSV files: the manifest, and miniImageNet's three lists (Ravi and Larochelle 2017).

use std::collections::HashSet;
use std::fmt;

use csv::StringRecord;

use super::classes::{Class, Classes, set_wnid};
use super::error::{DatasetError, Line};
use super::files::{Files, Found, MANIFEST, TABLES, WNIDS, is_image, relative_path};
use super::left_out::Reason;
use super::lists::BYTE_ORDER_MARK;
use super::source::ImageRef;
use super::splits::split_named;
use crate::split::{Split, SplitError};

/// The folder of miniImageNet's images.
const IMAGES: &str = "images/";

/// The classes of `manifest.csv`.
pub(super) fn manifest(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    let text = files.take(MANIFEST)?.unwrap_or_default();
    let columns = Columns { needed: ["path", "class"], optional: ["wnid", "split"] };
    let mut listed = Listed::default();
    let mut classes = Classes::default();
    for row in rows(MANIFEST, &text, &columns)? {
        let Row { line, needed: [path, name], optional: [wnid, split] } = row?;
        let split = split_of(&line, &split)?;
        let image = listed.image(&files.found, &line, "", &path)?;
        let class = classes.add(&line, &name, split, image)?;
        if !wnid.is_empty() {
            set_wnid(&line, class, &wnid)?;
        }
    }
    listed.leave_out_rest(files);
    classes.check_names()?;
    Ok(classes.sorted())
}

/// The split that a row states: base if it states none.
fn split_of(line: &Line, name: &str) -> Result<Split, DatasetError> {
    if name.is_empty() {
        return Ok(Split::Base);
    }
    let wrong = SplitError { got: name.to_owned() };
    split_named(name).ok_or_else(|| line.wrong(wrong.to_string()))
}

/// The classes of `train.csv`, `val.csv` and `test.csv`, whose images are in `images/`.
pub(super) fn mini_imagenet(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    let columns = Columns { needed: ["filename", "label"], optional: [] };
    let texts: Vec<_> =
        TABLES.iter().map(|(name, _)| files.take(name)).collect::<Result<_, _>>()?;
    let mut listed = Listed::default();
    let mut classes = Classes::default();
    for ((file, split), text) in TABLES.into_iter().zip(texts) {
        let Some(text) = text else { continue };
        let mut is_empty = true;
        for row in rows(file, &text, &columns)? {
            let Row { line, needed: [path, name], .. } = row?;
            let image = listed.image(&files.found, &line, IMAGES, &path)?;
            classes.add(&line, &name, split, image)?;
            is_empty = false;
        }
        if is_empty {
            return Err(DatasetError::file(file, "it lists no image; fill it or remove it"));
        }
    }
    listed.leave_out_rest(files);
    classes.check_names()?;
    Ok(classes.sorted())
}

/// Gives classes the synsets of `wnids.csv`.
pub(super) fn add_wnids(text: &[u8], classes: &mut [Class]) -> Result<(), DatasetError> {
    let columns = Columns { needed: ["class", "wnid"], optional: [] };
    for row in rows(WNIDS, text, &columns)? {
        let Row { line, needed: [name, wnid], .. } = row?;
        let found = classes.binary_search_by(|class| class.name.as_bytes().cmp(name.as_bytes()));
        let Ok(at) = found else {
            return Err(line.wrong(format!("there is no class `{name}`; correct or remove it")));
        };
        set_wnid(&line, &mut classes[at], &wnid)?;
    }
    Ok(())
}

/// The images that rows named, each once.
#[derive(Default)]
struct Listed {
    seen: HashSet<String>,
}

impl Listed {
    /// Leaves out the images that no row named.
    fn leave_out_rest(&self, files: &mut Files) {
        let is_rest = |path: &&String| is_image(path) && !self.seen.contains(*path);
        let rest = files.found.keys().filter(is_rest).cloned().collect();
        files.leave_out_found(rest, Reason::NotListed);
    }

    /// The image that a row names by its path below `folder`.
    fn image(
        &mut self,
        found: &Found,
        at: &Line,
        folder: &str,
        path: &str,
    ) -> Result<ImageRef, DatasetError> {
        // Empty for `.`, which would name the folder itself.
        let Some(below) = relative_path(path).filter(|below| !below.is_empty()) else {
            return Err(DatasetError::Escapes { at: at.clone(), path: path.to_owned() });
        };
        let path = format!("{folder}{below}");
        let Some(&place) = found.get(&path).filter(|_| is_image(&path)) else {
            return Err(DatasetError::Missing { at: at.clone(), path });
        };
        // Even in the same class: an image must not be support and query of one episode.
        if !self.seen.insert(path.clone()) {
            return Err(at.wrong(format!("`{path}` was listed before; remove one of the lines")));
        }
        Ok(ImageRef { path, place })
    }
}

/// Names of columns: those that a table must have, and those that it may have.
#[derive(Clone, Copy)]
struct Columns<const N: usize, const M: usize> {
    needed: [&'static str; N],
    optional: [&'static str; M],
}

impl<const N: usize, const M: usize> fmt::Display for Columns<N, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&[&self.needed[..], &self.optional[..]].concat().join(","))
    }
}

/// A line of a table, its fields trimmed. Needed fields are never empty; an optional field is empty
/// if its column is absent.
struct Row<const N: usize, const M: usize> {
    line: Line,
    needed: [String; N],
    optional: [String; M],
}

/// The rows of a CSV file. Other columns are ignored.
fn rows<'a, const N: usize, const M: usize>(
    file: &'a str,
    text: &'a [u8],
    columns: &Columns<N, M>,
) -> Result<impl Iterator<Item = Result<Row<N, M>, DatasetError>> + use<'a, N, M>, DatasetError> {
    // Excel writes a byte order mark, which is no part of the first column's name.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut lines = Lines { text, at: 0, line: 1 };
    let separator = separator(text);
    // Rows of other lengths are refused here, with the right line.
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).delimiter(separator).from_reader(text);
    let header = reader.headers().map_err(|error| not_csv(file, &mut lines, &error))?.clone();
    lines.skip_to(0);
    let table = Table::of(file, &header, lines.line, separator, columns)?;
    let rows = reader.into_records().map(move |record| table.row(&mut lines, record));
    Ok(rows.filter_map(Result::transpose))
}

/// What separates the fields of a table, by its first line with text: a comma; a semicolon, which
/// spreadsheets write in countries with a decimal comma; or a tab.
fn separator(text: &[u8]) -> u8 {
    let mut lines = text.split(|byte| matches!(byte, b'\r' | b'\n'));
    let header = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    SEPARATORS.into_iter().find(|separator| header.contains(separator)).unwrap_or(b',')
}

/// In a header with several of them, the first one counts.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Its name in messages.
fn name_of(separator: u8) -> &'static str {
    match separator {
        b';' => "semicolon",
        b'\t' => "tab",
        _ => "comma",
    }
}

/// Counts lines as editors do. The csv crate's own numbers are wrong behind blank lines and `\r\n`.
struct Lines<'a> {
    text: &'a [u8],
    /// Bytes that were counted.
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// Goes on to the first row that begins at a byte or behind it, and returns its line.
    fn skip_to(&mut self, byte: usize) -> u64 {
        while let Some(&next) = self.text.get(self.at) {
            let is_end = matches!(next, b'\r' | b'\n');
            if self.at >= byte && !is_end {
                break;
            }
            self.at += 1;
            // `\r\n` is one end of a line.
            let is_pair = next == b'\r' && self.text.get(self.at) == Some(&b'\n');
            self.line += u64::from(is_end && !is_pair);
        }
        self.line
    }

    fn of(&mut self, file: &str, position: Option<&csv::Position>) -> Line {
        let byte = position.map_or(0, csv::Position::byte);
        Line { file: file.to_owned(), line: self.skip_to(byte as usize) }
    }
}

/// Where a file has the columns.
struct Table<'a, const N: usize, const M: usize> {
    file: &'a str,
    columns: Columns<N, M>,
    /// Number of all columns.
    width: usize,
    separator: u8,
    needed: [Option<usize>; N],
    optional: [Option<usize>; M],
}

impl<'a, const N: usize, const M: usize> Table<'a, N, M> {
    fn of(
        file: &'a str,
        header: &StringRecord,
        line: u64,
        separator: u8,
        columns: &Columns<N, M>,
    ) -> Result<Self, DatasetError> {
        let needed = columns.needed.map(|name| position(header, name));
        if let Some(missing) = needed.iter().position(Option::is_none) {
            let name = columns.needed[missing];
            let reason = format!(
                "there is no column `{name}`; expected the columns {columns}, with commas, \
                 semicolons or tabs between them"
            );
            return Err(Line { file: file.to_owned(), line }.wrong(reason));
        }
        let optional = columns.optional.map(|name| position(header, name));
        let width = header.len();
        Ok(Self { file, columns: *columns, width, separator, needed, optional })
    }

    /// A row; `None` if all of its fields are empty, as in rows that spreadsheets add.
    fn row(
        &self,
        lines: &mut Lines<'_>,
        record: csv::Result<StringRecord>,
    ) -> Result<Option<Row<N, M>>, DatasetError> {
        let record = record.map_err(|error| not_csv(self.file, lines, &error))?;
        if record.iter().all(|field| field.trim().is_empty()) {
            return Ok(None);
        }
        let line = lines.of(self.file, record.position());
        if record.len() != self.width {
            let reason = format!(
                "the row has {} fields, expected {} as in the first line; put a field with a {} in \
                 quotes",
                record.len(),
                self.width,
                name_of(self.separator)
            );
            return Err(line.wrong(reason));
        }
        let needed = self.needed.map(|column| field(&record, column));
        if let Some(empty) = needed.iter().position(String::is_empty) {
            let name = self.columns.needed[empty];
            return Err(line.wrong(format!("the field `{name}` is empty")));
        }
        let optional = self.optional.map(|column| field(&record, column));
        Ok(Some(Row { line, needed, optional }))
    }
}

fn not_csv(file: &str, lines: &mut Lines<'_>, error: &csv::Error) -> DatasetError {
    let line = lines.of(file, error.position());
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => line.wrong("it is not UTF-8; save the table as UTF-8"),
        _ => line.wrong(format!("it cannot be read as CSV ({error})")),
    }
}

fn position(header: &StringRecord, name: &str) -> Option<usize> {
    // Trimmed like the fields: some tables have spaces behind the commas.
    header.iter().position(|column| column.trim() == name)
}

fn field(record: &StringRecord, column: Option<usize>) -> String {
    column.and_then(|column| record.get(column)).unwrap_or_default().trim().to_owned()
}
