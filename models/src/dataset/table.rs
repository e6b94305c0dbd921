//! Layouts with CSV files: the manifest, and miniImageNet's three lists (Ravi and Larochelle 2017).

use std::collections::HashSet;
use std::fmt;

use csv::StringRecord;

use super::classes::{Class, Classes, set_wnid};
use super::error::{DatasetError, Line};
use super::files::{Files, Found, MANIFEST, TABLES, WNIDS, is_image, relative_path};
use super::source::ImageRef;
use crate::split::Split;

/// The folder of miniImageNet's images.
const IMAGES: &str = "images/";

/// The classes of `manifest.csv`.
pub(super) fn manifest(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    let text = files.take(MANIFEST)?.unwrap_or_default();
    let columns = Columns { needed: ["path", "class"], optional: ["wnid", "split"] };
    let mut listed = Listed::of(files);
    let mut classes = Classes::default();
    for row in rows(MANIFEST, &text, &columns)? {
        let Row { line, needed: [path, name], optional: [wnid, split] } = row?;
        let split = if split.is_empty() { Ok(Split::Base) } else { split.parse() };
        let split = split.map_err(|error| line.wrong(error.to_string()))?;
        let image = listed.image(&line, "", &path)?;
        let class = classes.add(&line, &name, split, image)?;
        if !wnid.is_empty() {
            set_wnid(&line, class, &wnid)?;
        }
    }
    Ok(classes.sorted())
}

/// The classes of `train.csv`, `val.csv` and `test.csv`, whose images are in `images/`.
pub(super) fn mini_imagenet(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    let columns = Columns { needed: ["filename", "label"], optional: [] };
    // Taken before `listed` borrows what is left.
    let texts: Vec<_> =
        TABLES.iter().map(|(name, _)| files.take(name)).collect::<Result<_, _>>()?;
    let mut listed = Listed::of(files);
    let mut classes = Classes::default();
    for ((file, split), text) in TABLES.into_iter().zip(texts) {
        let Some(text) = text else { continue };
        let mut is_empty = true;
        for row in rows(file, &text, &columns)? {
            let Row { line, needed: [path, name], .. } = row?;
            let image = listed.image(&line, IMAGES, &path)?;
            classes.add(&line, &name, split, image)?;
            is_empty = false;
        }
        if is_empty {
            return Err(DatasetError::file(file, "it lists no image; fill it or remove it"));
        }
    }
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

/// The images that rows may name, each once.
struct Listed<'a> {
    found: &'a Found,
    seen: HashSet<String>,
}

impl<'a> Listed<'a> {
    fn of(files: &'a Files) -> Self {
        Self { found: &files.found, seen: HashSet::new() }
    }

    /// The image that a row names by its path below `folder`.
    fn image(&mut self, at: &Line, folder: &str, path: &str) -> Result<ImageRef, DatasetError> {
        // Empty for `.`, which would name the folder itself.
        let Some(below) = relative_path(path).filter(|below| !below.is_empty()) else {
            return Err(DatasetError::Escapes { at: at.clone(), path: path.to_owned() });
        };
        let path = format!("{folder}{below}");
        let Some(&place) = self.found.get(&path).filter(|_| is_image(&path)) else {
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
    let mut reader = csv::Reader::from_reader(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text));
    let header = reader.headers().map_err(|error| not_csv(file, &error))?;
    let table = Table::of(file, header, columns)?;
    Ok(reader.into_records().map(move |record| table.row(record)))
}

/// Where a file has the columns.
struct Table<'a, const N: usize, const M: usize> {
    file: &'a str,
    columns: Columns<N, M>,
    needed: [Option<usize>; N],
    optional: [Option<usize>; M],
}

impl<'a, const N: usize, const M: usize> Table<'a, N, M> {
    fn of(
        file: &'a str,
        header: &StringRecord,
        columns: &Columns<N, M>,
    ) -> Result<Self, DatasetError> {
        let needed = columns.needed.map(|name| position(header, name));
        if let Some(missing) = needed.iter().position(Option::is_none) {
            let name = columns.needed[missing];
            let reason = format!("there is no column `{name}`; expected the columns {columns}");
            return Err(Line { file: file.to_owned(), line: 1 }.wrong(reason));
        }
        let optional = columns.optional.map(|name| position(header, name));
        Ok(Self { file, columns: *columns, needed, optional })
    }

    fn row(&self, record: csv::Result<StringRecord>) -> Result<Row<N, M>, DatasetError> {
        let record = record.map_err(|error| not_csv(self.file, &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let line = Line { file: self.file.to_owned(), line };
        let needed = self.needed.map(|column| field(&record, column));
        if let Some(empty) = needed.iter().position(String::is_empty) {
            let name = self.columns.needed[empty];
            return Err(line.wrong(format!("the field `{name}` is empty")));
        }
        Ok(Row { line, needed, optional: self.optional.map(|column| field(&record, column)) })
    }
}

fn not_csv(file: &str, error: &csv::Error) -> DatasetError {
    let line = error.position().map_or(1, csv::Position::line);
    Line { file: file.to_owned(), line }.wrong(error.to_string())
}

fn position(header: &StringRecord, name: &str) -> Option<usize> {
    // Trimmed like the fields: some tables have spaces behind the commas.
    header.iter().position(|column| column.trim() == name)
}

fn field(record: &StringRecord, column: Option<usize>) -> String {
    column.and_then(|column| record.get(column)).unwrap_or_default().trim().to_owned()
}
