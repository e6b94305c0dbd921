//! Name knowledge: looks up attributes, hypernyms and word vectors of the classes (step 2 of the
//! paper).

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use models::dataset::{Dataset, Split};
use models::disk;
use models::knowledge::attributes::{Knowledge, NamedClass, Rule};
use models::knowledge::vectors::{self, Vectors};
use models::knowledge::wordnet::{self, WordNet};
use ndarray::ArrayView2;
use serde::Deserialize;

use crate::error::BadInput;
use crate::run::WORDS;

mod ablation;

pub use ablation::Ablation;

/// The most bytes of a splits file.
const MAX_SPLITS: u64 = 16 << 20;

/// The source files.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// More classes, without images.
    pub splits: Option<&'a Path>,
    /// The folder of WordNet.
    pub wordnet: &'a Path,
    /// Word vectors.
    pub vectors: &'a Path,
}

/// What was found, for display.
#[derive(Debug)]
pub struct Summary {
    classes: BTreeMap<Split, usize>,
    attributes: usize,
    links: usize,
    rule: Rule,
    dimension: usize,
    /// Classes without an attribute.
    bare: Vec<String>,
    /// Classes and attributes without a word vector.
    wordless: Vec<String>,
}

/// Looks everything up, writes `out` and next to it the word vectors.
///
/// # Errors
/// Classes without a wnid or that WordNet lacks, source files that cannot be used, a failed write.
pub fn knowledge(
    dataset: &Dataset,
    sources: &Sources<'_>,
    rule: Rule,
    ablation: Option<Ablation>,
    out: &Path,
) -> Result<Summary> {
    let classes = named_classes(dataset, sources.splits)?;
    // Checked before WordNet and the vectors are read, which takes seconds.
    let only_base = classes.iter().all(|class| class.split == Split::Base);
    ensure!(
        rule != Rule::Paper || !only_base,
        BadInput(
            "rule `paper` keeps attributes that a base class and another class have, but all classes \
             are base classes: add other classes with --splits, or use --rule base-only"
                .to_owned()
        )
    );
    let wordnet = read_wordnet(sources.wordnet)?;
    let vectors = read_vectors(sources.vectors)?;
    let mut knowledge = Knowledge::new(&wordnet, &classes, rule)?;
    let mut words = knowledge.words(&vectors);
    if let Some(ablation) = ablation {
        ablation.apply(&mut knowledge, &mut words);
    }
    let json = knowledge.to_bytes()?;
    if let Some(folder) = out.parent() {
        disk::create_folder(folder)?;
    }
    // The vectors contain the hash of the JSON. A power cut after the first write leaves a pair
    // that is refused, not a mixed one.
    disk::write(&out.with_file_name(WORDS), &words.to_bytes(&json)?)?;
    disk::write(out, &json)?;
    let of_classes = knowledge.classes.iter().map(|c| with_lemmas(&c.name, &c.lemmas));
    let of_attributes = knowledge.attributes.iter().map(|a| with_lemmas(&a.synset, &a.lemmas));
    let mut wordless = without_vector(words.classes.view(), of_classes);
    wordless.extend(without_vector(words.attributes.view(), of_attributes));
    let mut counts = BTreeMap::new();
    classes.iter().for_each(|class| *counts.entry(class.split).or_default() += 1);
    let has = knowledge.attributes_of_classes();
    let bare = knowledge.classes.iter().zip(has).filter(|(_, attributes)| attributes.is_empty());
    Ok(Summary {
        classes: counts,
        attributes: knowledge.attributes.len(),
        links: knowledge.links.len(),
        rule,
        dimension: vectors.dimension(),
        bare: bare.map(|(class, _)| class.name.clone()).collect(),
        wordless,
    })
}

fn with_lemmas(name: &str, lemmas: &[String]) -> String {
    format!("{name} ({})", lemmas.join(", "))
}

/// The names of the rows that are zero.
fn without_vector(rows: ArrayView2<'_, f32>, names: impl Iterator<Item = String>) -> Vec<String> {
    let empty = rows.rows().into_iter().map(|row| row.iter().all(|x| *x == 0.0));
    empty.zip(names).filter_map(|(is_empty, name)| is_empty.then_some(name)).collect()
}

/// The classes of the data set in its order, then those that only `splits` has.
fn named_classes(dataset: &Dataset, splits: Option<&Path>) -> Result<Vec<NamedClass>> {
    let mut classes = Vec::new();
    for split in [Split::Base, Split::Val, Split::Novel] {
        for class in dataset.split(split) {
            let wnid = class.wnid.as_deref().ok_or_else(|| {
                BadInput(format!(
                    "class `{}` has no wnid, such as n02391049: add a column `wnid` to manifest.csv, or a \
                     file wnids.csv (class,wnid) to the top folder of the data",
                    class.name
                ))
            })?;
            let wnid =
                wnid.parse().map_err(|e| BadInput(format!("class `{}`: {e}", class.name)))?;
            classes.push(NamedClass { name: class.name.clone(), wnid, split });
        }
    }
    if let Some(path) = splits {
        for class in read_splits(path)? {
            // A class may be in both sources, but they must agree.
            match classes.iter().find(|known| known.name == class.name) {
                None => classes.push(class),
                Some(known) => ensure!(
                    *known == class,
                    BadInput(format!(
                        "{}: class `{}` is {} in {}, but {} in {} in the data",
                        path.display(),
                        class.name,
                        class.wnid,
                        class.split,
                        known.wnid,
                        known.split
                    ))
                ),
            }
        }
    }
    ensure!(!classes.is_empty(), BadInput("the data has no classes".to_owned()));
    Ok(classes)
}

/// A line of a splits file.
#[derive(Deserialize)]
struct Row {
    class: String,
    wnid: String,
    split: String,
}

fn read_splits(path: &Path) -> Result<Vec<NamedClass>> {
    let bytes = disk::read(path, MAX_SPLITS)?;
    let rows = csv::Reader::from_reader(bytes.as_slice()).into_deserialize::<Row>().enumerate();
    rows.map(|(i, row)| {
        row.map_err(|e| e.to_string()).and_then(Row::parse).map_err(|reason| {
            // Line 1 is the header.
            let line = i + 2;
            let path = path.display();
            BadInput(format!(
                "{path} line {line}: {reason}; expected class,wnid,split, with commas"
            ))
            .into()
        })
    })
    .collect()
}

impl Row {
    fn parse(self) -> Result<NamedClass, String> {
        Ok(NamedClass {
            name: self.class,
            wnid: self.wnid.parse().map_err(|e| format!("{e}"))?,
            split: self.split.parse().map_err(|e| format!("{e}"))?,
        })
    }
}

pub(super) fn read_wordnet(folder: &Path) -> Result<WordNet> {
    let index = disk::read(&folder.join("index.noun"), wordnet::MAX_BYTES)?;
    let data = disk::read(&folder.join("data.noun"), wordnet::MAX_BYTES)?;
    WordNet::parse(&index, &data).with_context(|| format!("{} is not usable", folder.display()))
}

pub(super) fn read_vectors(path: &Path) -> Result<Vectors> {
    let bytes = disk::read(path, vectors::MAX_BYTES)?;
    Vectors::parse(&bytes).with_context(|| format!("{} is not usable", path.display()))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> =
            self.classes.iter().map(|(split, n)| format!("{n} {split}")).collect();
        writeln!(f, "classes     {}", counts.join(", "))?;
        writeln!(f, "attributes  {}, by the rule {}", self.attributes, self.rule)?;
        writeln!(f, "links       {}", self.links)?;
        writeln!(f, "words       {} values each", self.dimension)?;
        for (what, names) in
            [("without an attribute", &self.bare), ("without a word vector", &self.wordless)]
        {
            if !names.is_empty() {
                writeln!(f, "{what}: {}", names.join("; "))?;
            }
        }
        Ok(())
    }
}
