//! From the paths of a data set to its classes: a manifest, folders of splits, or folders of classes.

use std::collections::{BTreeMap, HashSet};

use csv::StringRecord;

use super::files::{Files, MANIFEST, Place, Source, is_manifest, relative_path};
use super::{Class, DatasetError, PictureRef, Split};

/// The classes, sorted. The folder around them is taken off, and pictures that lie beside them are counted.
pub(super) fn read(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    let outside = match wrapper(&files.found) {
        Some(wrapper) => take_off(files, &wrapper),
        None => Vec::new(),
    };
    if let Some(place) = files.found.get(MANIFEST) {
        return of_manifest(&files.read(MANIFEST, place)?, &files.found);
    }
    if !pictures(&files.found).any(|(path, _)| top_split(path).is_some()) {
        let (classes, n_beside) = of_classes(&files.found)?;
        files.n_strays = outside.len() + n_beside;
        return Ok(classes);
    }
    // A picture that is in no split has been forgotten or misplaced: only its owner knows which.
    match outside.into_iter().next() {
        Some(path) => Err(DatasetError::Stray { path }),
        None => of_splits(&files.found),
    }
}

/// The folder that lies around the whole data set, if one does. Pictures beside it do not hide it.
fn wrapper(found: &BTreeMap<String, Place>) -> Option<String> {
    let below = || found.keys().filter_map(|path| path.split_once('/'));
    let (first, _) = below().next()?;
    let alone = !found.contains_key(MANIFEST) && below().all(|(top, _)| top == first);
    let listed = found.contains_key(&format!("{first}/{MANIFEST}"));
    let nested = below().all(|(_, rest)| rest.contains('/'));
    let split = below().any(|(_, rest)| top_split(rest).is_some());
    let wraps = alone && (listed || nested || split) && first.parse::<Split>().is_err();
    wraps.then(|| first.to_owned())
}

/// Takes the folder around everything off; gives the paths back of what lies beside it.
fn take_off(files: &mut Files, wrapper: &str) -> Vec<String> {
    let mut outside = Vec::new();
    for (path, place) in std::mem::take(&mut files.found) {
        if let Some((_, inside)) = path.split_once('/') {
            files.found.insert(inside.to_owned(), place);
        } else {
            outside.push(path);
        }
    }
    if let Source::Folder(root) = &mut files.source {
        root.push(wrapper);
    }
    outside
}

fn pictures(found: &BTreeMap<String, Place>) -> impl Iterator<Item = (&String, &Place)> {
    found.iter().filter(|(path, _)| !is_manifest(path))
}

/// The split whose folder a path is in.
fn top_split(path: &str) -> Option<Split> {
    path.split_once('/')?.0.parse().ok()
}

/// A folder per split, each with a folder per class, and no picture anywhere else.
fn of_splits(found: &BTreeMap<String, Place>) -> Result<Vec<Class>, DatasetError> {
    let mut classes = Classes::default();
    for (path, &place) in pictures(found) {
        let stray = || DatasetError::Stray { path: path.clone() };
        let split = top_split(path).ok_or_else(stray)?;
        let [_, class, _, ..] = path.split('/').collect::<Vec<_>>()[..] else {
            return Err(stray());
        };
        let picture = PictureRef { path: path.clone(), place };
        classes.add(class.to_owned(), split, None, picture)?;
    }
    Ok(classes.sorted())
}

/// A folder per class; and how many pictures lie beside them and belong to none.
fn of_classes(found: &BTreeMap<String, Place>) -> Result<(Vec<Class>, usize), DatasetError> {
    let mut classes = Classes::default();
    let mut n_beside = 0;
    for (path, &place) in pictures(found) {
        let Some((class, _)) = path.split_once('/') else {
            n_beside += 1;
            continue;
        };
        let picture = PictureRef { path: path.clone(), place };
        classes.add(class.to_owned(), Split::Base, None, picture)?;
    }
    Ok((classes.sorted(), n_beside))
}

fn of_manifest(text: &[u8], found: &BTreeMap<String, Place>) -> Result<Vec<Class>, DatasetError> {
    // A byte order mark is no part of the first column's name.
    let mut reader = csv::Reader::from_reader(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text));
    let columns = Columns::of(reader.headers().map_err(not_csv)?)?;
    let mut classes = Classes::default();
    let mut seen = HashSet::new();
    for record in reader.records() {
        let row = columns.row(&record.map_err(not_csv)?)?;
        let line = row.line;
        let path = relative_path(&row.path)
            .filter(|path| !path.is_empty())
            .ok_or_else(|| DatasetError::Escapes { line, path: row.path.clone() })?;
        let place = found.get(&path).filter(|_| !is_manifest(&path));
        let place = *place.ok_or_else(|| DatasetError::Missing { line, path: path.clone() })?;
        if !seen.insert(path.clone()) {
            return Err(DatasetError::Manifest {
                line,
                reason: format!("`{path}` was listed before"),
            });
        }
        classes.add(
            row.class,
            row.split,
            row.wnid.map(|wnid| (wnid, line)),
            PictureRef { path, place },
        )?;
    }
    Ok(classes.sorted())
}

fn not_csv(error: csv::Error) -> DatasetError {
    let line = error.position().map_or(1, csv::Position::line);
    DatasetError::Manifest { line, reason: error.to_string() }
}

/// Where the columns of a manifest are.
struct Columns {
    path: usize,
    class: usize,
    wnid: Option<usize>,
    split: Option<usize>,
}

struct Row {
    line: u64,
    path: String,
    class: String,
    wnid: Option<String>,
    split: Split,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, DatasetError> {
        let position = |name: &str| header.iter().position(|column| column.trim() == name);
        let needed = |name: &str| {
            position(name).ok_or_else(|| DatasetError::Manifest {
                line: 1,
                reason: format!(
                    "there is no column `{name}`; expected the columns path,class,wnid,split"
                ),
            })
        };
        Ok(Self {
            path: needed("path")?,
            class: needed("class")?,
            wnid: position("wnid"),
            split: position("split"),
        })
    }

    fn row(&self, record: &StringRecord) -> Result<Row, DatasetError> {
        let line = record.position().map_or(0, csv::Position::line);
        let invalid = |reason: String| DatasetError::Manifest { line, reason };
        let field = |column: usize| record.get(column).unwrap_or_default().trim();
        let optional = |column: Option<usize>| column.map(field).filter(|text| !text.is_empty());
        if field(self.class).is_empty() {
            return Err(invalid("the class has no name".to_owned()));
        }
        let split = optional(self.split).map_or(Ok(Split::Base), str::parse);
        Ok(Row {
            line,
            path: field(self.path).to_owned(),
            class: field(self.class).to_owned(),
            wnid: optional(self.wnid).map(str::to_owned),
            split: split.map_err(|error| invalid(error.to_string()))?,
        })
    }
}

/// Classes in the making, by name.
#[derive(Default)]
struct Classes(BTreeMap<String, Class>);

impl Classes {
    fn add(
        &mut self,
        name: String,
        split: Split,
        wnid: Option<(String, u64)>,
        picture: PictureRef,
    ) -> Result<(), DatasetError> {
        let class = self.0.entry(name).or_insert_with_key(|name| Class {
            name: name.clone(),
            wnid: None,
            split,
            pictures: Vec::new(),
        });
        if class.split != split {
            let (class, first) = (class.name.clone(), class.split);
            return Err(DatasetError::TwoSplits { class, first, second: split });
        }
        if let Some((wnid, line)) = wnid {
            let known = class.wnid.get_or_insert_with(|| wnid.clone());
            if *known != wnid {
                let reason = format!(
                    "class `{}` has wnid {known} on an earlier line and {wnid} here",
                    class.name
                );
                return Err(DatasetError::Manifest { line, reason });
            }
        }
        class.pictures.push(picture);
        Ok(())
    }

    fn sorted(self) -> Vec<Class> {
        let mut classes: Vec<Class> = self.0.into_values().collect();
        classes.iter_mut().for_each(|class| class.pictures.sort());
        classes
    }
}
