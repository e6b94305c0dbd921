//! From the paths of a data set to its classes: a manifest, folders of splits, or folders of classes.

use std::collections::{BTreeMap, HashSet};

use csv::StringRecord;

use super::files::{Files, MANIFEST, Place, Source, is_manifest, relative_path};
use super::{Class, DatasetError, PictureRef, Split};

/// The classes, sorted, and the source with the folder around them taken off.
pub(super) fn read(mut files: Files) -> Result<(Vec<Class>, Source), DatasetError> {
    if let Some(wrapper) = wrapper(&files.found) {
        files = unwrapped(files, &wrapper);
    }
    let classes = match files.found.get(MANIFEST) {
        Some(place) => of_manifest(&files.read(MANIFEST, place)?, &files.found)?,
        None => of_folders(&files.found)?,
    };
    Ok((classes, files.source))
}

/// The folder that lies around the whole data set, if one does.
fn wrapper(found: &BTreeMap<String, Place>) -> Option<String> {
    let (first, _) = found.keys().next()?.split_once('/')?;
    let all_below =
        |path: &String| path.strip_prefix(first).is_some_and(|rest| rest.starts_with('/'));
    let listed = found.contains_key(&format!("{first}/{MANIFEST}"));
    let nested = found.keys().all(|path| path.matches('/').count() >= 2);
    let wraps =
        (listed || nested) && first.parse::<Split>().is_err() && found.keys().all(all_below);
    wraps.then(|| first.to_owned())
}

fn unwrapped(mut files: Files, wrapper: &str) -> Files {
    let strip = |(path, place): (String, Place)| (path[wrapper.len() + 1..].to_owned(), place);
    files.found = std::mem::take(&mut files.found).into_iter().map(strip).collect();
    if let Source::Folder(root) = &mut files.source {
        root.push(wrapper);
    }
    files
}

fn of_folders(found: &BTreeMap<String, Place>) -> Result<Vec<Class>, DatasetError> {
    let split_and_class = |path: &str| match path.split('/').collect::<Vec<_>>()[..] {
        [split, class, _, ..] => split.parse().ok().map(|split: Split| (split, class.to_owned())),
        _ => None,
    };
    let pictures = || found.iter().filter(|(path, _)| !is_manifest(path));
    let by_split =
        pictures().count() > 0 && pictures().all(|(path, _)| split_and_class(path).is_some());
    let mut classes = Classes::default();
    for (path, place) in pictures() {
        let class = if by_split {
            split_and_class(path)
        } else {
            path.split_once('/').map(|(class, _)| (Split::Base, class.to_owned()))
        };
        // A picture beside the class folders belongs to no class.
        if let Some((split, class)) = class {
            classes.add(class, split, None, PictureRef { path: path.clone(), place: *place })?;
        }
    }
    Ok(classes.sorted())
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
