//! Which attributes classes have: the parts of a class's synset and of everything that it is a kind
//! of (section 3.1 of Zhang et al., CVPR 2021), chosen by a rule.

mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::wordnet::{SynsetId, WordNet};
use crate::fault::{Blame, Fault};
use crate::layout::{FileFormat, FormatError};
use crate::split::Split;
use crate::tensors::TensorsError;

pub use words::Words;

/// The format of `knowledge.json`.
const FORMAT: FileFormat = FileFormat {
    kind: None,
    number: 1,
    schema: "\
        format u32, layout text, source text, rule text
        classes { wnid, synset text, name text, split text, lemmas text[], ancestors wnid[] }[]
        attributes { wnid, synset text, lemmas text[] }[]
        links [wnid of a class, wnid of an attribute][]",
};

/// The most bytes of `knowledge.json` or `knowledge.safetensors` that are read.
pub const MAX_BYTES: u64 = 256 << 20;

const SOURCE: &str = "part meronyms of each class's synset and of all its hypernyms, WordNet 3.0";

/// Which attributes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Attributes that a base class has and a validation or novel class has, as in the paper. The
    /// rule uses the names of novel classes, never their images.
    #[default]
    Paper,
    /// Attributes that a base class has. For devices, whose classes are not known in advance.
    BaseOnly,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 2] = [Self::Paper, Self::BaseOnly];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Paper => "paper",
            Self::BaseOnly => "base-only",
        })
    }
}

/// A word that is not the name of a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not a rule; expected paper or base-only")]
pub struct RuleError {
    /// The word.
    pub got: String,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let known = Self::ALL.into_iter().find(|rule| rule.to_string() == text);
        known.ok_or_else(|| RuleError { got: text.to_owned() })
    }
}

/// A class of a data set and its synset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedClass {
    /// Its name in the data set.
    pub name: String,
    /// Its synset.
    pub wnid: SynsetId,
    /// What it is used for.
    pub split: Split,
}

/// The classes of a data set, their attributes, and which class has which: `knowledge.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knowledge {
    /// The format number, 1.
    pub format: u32,
    /// The [layout](crate::layout) of the file.
    pub layout: String,
    /// Where the attributes come from, in words.
    pub source: String,
    /// How attributes were chosen.
    pub rule: Rule,
    /// The classes in the order of the data set.
    pub classes: Vec<KnownClass>,
    /// The attributes in the order of their synsets.
    pub attributes: Vec<Attribute>,
    /// Pairs of a class's and an attribute's synset: the class has the attribute.
    pub links: BTreeSet<(SynsetId, SynsetId)>,
}

/// A class with its WordNet entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownClass {
    /// Its synset.
    pub wnid: SynsetId,
    /// The synset's name for people, such as `apple.n.01`.
    pub synset: String,
    /// Its name in the data set.
    pub name: String,
    /// What it is used for.
    pub split: Split,
    /// The synset's words.
    pub lemmas: Vec<String>,
    /// Everything that the synset is a kind of, without itself.
    pub ancestors: Vec<SynsetId>,
}

/// A part that classes have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its synset.
    pub wnid: SynsetId,
    /// The synset's name for people, such as `wing.n.01`.
    pub synset: String,
    /// The synset's words.
    pub lemmas: Vec<String>,
}

/// Why knowledge cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnowledgeError {
    /// WordNet does not have a class's synset.
    #[error("class `{class}` has the wnid {wnid}, which is no noun of WordNet 3.0")]
    UnknownSynset {
        /// The class.
        class: String,
        /// Its synset.
        wnid: SynsetId,
    },
    /// The text is not JSON with the fields of this format.
    #[error("not a knowledge file: {0}")]
    Json(String),
    /// The file has another kind, format number or layout.
    #[error("{0}; `handful-train knowledge` makes knowledge files")]
    Format(#[from] FormatError),
    /// A link names something that is not listed.
    #[error("the link [{0}, {1}] names a class or an attribute that is not listed")]
    Link(SynsetId, SynsetId),
    /// The word vectors are not a tensor file.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The word vectors belong to other knowledge, or do not fit it.
    #[error(
        "the word vectors do not belong to this knowledge ({0}): make both again with handful-train knowledge"
    )]
    Words(String),
}

impl Fault for KnowledgeError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Knowledge {
    /// Looks up classes in WordNet, and chooses their attributes.
    ///
    /// # Errors
    /// [`KnowledgeError::UnknownSynset`] if WordNet does not have a class's synset.
    pub fn new(
        wordnet: &WordNet,
        classes: &[NamedClass],
        rule: Rule,
    ) -> Result<Self, KnowledgeError> {
        let parts: Vec<_> = classes.iter().map(|class| parts(wordnet, class.wnid)).collect();
        let kept = kept(rule, classes, &parts);
        let links = classes.iter().zip(&parts).flat_map(|(class, parts)| {
            parts.intersection(&kept).map(|&attribute| (class.wnid, attribute))
        });
        Ok(Self {
            format: FORMAT.number,
            layout: FORMAT.layout(),
            source: SOURCE.to_owned(),
            rule,
            links: links.collect(),
            classes: classes.iter().map(|class| known(wordnet, class)).collect::<Result<_, _>>()?,
            attributes: kept.iter().filter_map(|&wnid| attribute(wordnet, wnid)).collect(),
        })
    }

    /// Reads the bytes of `knowledge.json`.
    ///
    /// # Errors
    /// See [`KnowledgeError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KnowledgeError> {
        FORMAT.check(bytes)?;
        let knowledge: Self =
            serde_json::from_slice(bytes).map_err(|e| KnowledgeError::Json(e.to_string()))?;
        let classes: BTreeSet<_> = knowledge.classes.iter().map(|class| class.wnid).collect();
        let attributes = knowledge.positions();
        for (class, attribute) in &knowledge.links {
            if !classes.contains(class) || !attributes.contains_key(attribute) {
                return Err(KnowledgeError::Link(*class, *attribute));
            }
        }
        Ok(knowledge)
    }

    /// The bytes of `knowledge.json`; the same knowledge always gives the same bytes.
    ///
    /// # Errors
    /// [`KnowledgeError::Json`] if it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KnowledgeError> {
        let json = serde_json::to_vec_pretty(self);
        let mut json = json.map_err(|e| KnowledgeError::Json(e.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }

    /// The attributes of each class, as positions in `attributes`.
    pub fn attributes_of_classes(&self) -> Vec<Vec<usize>> {
        let positions = self.positions();
        let mut of_classes = Vec::new();
        for KnownClass { wnid, .. } in &self.classes {
            // Links are sorted by class: those of a class lie between its smallest and largest one.
            let links = self.links.range((*wnid, SynsetId(0))..=(*wnid, SynsetId(u32::MAX)));
            let attributes = links.filter_map(|(_, attribute)| positions.get(attribute).copied());
            of_classes.push(attributes.collect());
        }
        of_classes
    }

    fn positions(&self) -> BTreeMap<SynsetId, usize> {
        self.attributes.iter().enumerate().map(|(i, attribute)| (attribute.wnid, i)).collect()
    }
}

/// The parts of a synset and of everything that it is a kind of.
fn parts(wordnet: &WordNet, wnid: SynsetId) -> BTreeSet<SynsetId> {
    let mut line = wordnet.ancestors(wnid);
    line.insert(wnid);
    let synsets = line.iter().filter_map(|&id| wordnet.synset(id));
    synsets.flat_map(|synset| &synset.parts).copied().collect()
}

/// The attributes that a rule keeps, given the parts of each class.
fn kept(rule: Rule, classes: &[NamedClass], parts: &[BTreeSet<SynsetId>]) -> BTreeSet<SynsetId> {
    let mut base = BTreeSet::new();
    let mut others = BTreeSet::new();
    for (class, parts) in classes.iter().zip(parts) {
        match class.split {
            Split::Base => base.extend(parts),
            Split::Val | Split::Novel => others.extend(parts),
        }
    }
    match rule {
        // An attribute without base classes has no images to learn from; one without others
        // completes nothing.
        Rule::Paper => &base & &others,
        Rule::BaseOnly => base,
    }
}

fn known(wordnet: &WordNet, class: &NamedClass) -> Result<KnownClass, KnowledgeError> {
    let NamedClass { name, wnid, split } = class.clone();
    let found = wordnet.synset(wnid).zip(wordnet.name(wnid));
    let (synset, synset_name) =
        found.ok_or_else(|| KnowledgeError::UnknownSynset { class: name.clone(), wnid })?;
    let ancestors = wordnet.ancestors(wnid).into_iter().collect();
    Ok(KnownClass {
        wnid,
        synset: synset_name,
        name,
        split,
        lemmas: synset.lemmas.clone(),
        ancestors,
    })
}

fn attribute(wordnet: &WordNet, wnid: SynsetId) -> Option<Attribute> {
    let synset = wordnet.name(wnid)?;
    Some(Attribute { wnid, synset, lemmas: wordnet.synset(wnid)?.lemmas.clone() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::knowledge::vectors::Vectors;
    use crate::layout;
    use crate::tensors::TensorFile;
    use ndarray::array;

    /// A bird and a plane are things with wings; a bird also has feathers, a plane a propeller; a
    /// wing has a tip.
    const DATA: &str = "\
00000001 03 n 01 thing 0 000 | what is
00000002 03 n 01 flyer 0 002 @ 00000001 n 0000 %p 00000005 n 0000 | what flies
00000003 03 n 02 bird 0 fowl 1 002 @ 00000002 n 0000 %p 00000006 n 0000 | an animal
00000004 03 n 01 plane 0 002 @ 00000002 n 0000 %p 00000007 n 0000 | a machine
00000005 03 n 01 wing 0 002 @ 00000001 n 0000 %p 00000008 n 0000 | it carries
00000006 03 n 01 feather 0 001 @ 00000001 n 0000 | it keeps warm
00000007 03 n 01 propeller 0 001 @ 00000001 n 0000 | it turns
00000008 03 n 01 tip 0 001 @ 00000001 n 0000 | an end
00000009 03 n 01 jay 0 001 @i 00000003 n 0000 | a certain bird
";
    const INDEX: &str = "  1 a license
bird n 1 2 @ %p 1 0 00000003
feather n 1 1 @ 1 0 00000006
flyer n 1 2 @ %p 1 0 00000002
jay n 1 1 @ 1 0 00000009
plane n 1 2 @ %p 1 0 00000004
propeller n 1 1 @ 1 0 00000007
thing n 1 0 1 0 00000001
tip n 1 1 @ 1 0 00000008
wing n 1 2 @ %p 1 0 00000005
";

    fn named(name: &str, wnid: u32, split: Split) -> NamedClass {
        NamedClass { name: name.to_owned(), wnid: SynsetId(wnid), split }
    }

    fn knowledge(rule: Rule) -> Knowledge {
        let wordnet = WordNet::parse(INDEX.as_bytes(), DATA.as_bytes()).unwrap();
        let classes = [named("jay", 9, Split::Base), named("plane", 4, Split::Novel)];
        Knowledge::new(&wordnet, &classes, rule).unwrap()
    }

    fn attributes(rule: Rule) -> Vec<String> {
        knowledge(rule).attributes.into_iter().map(|attribute| attribute.synset).collect()
    }

    #[test]
    fn the_rules() {
        assert_eq!(attributes(Rule::Paper), ["wing.n.01"]);
        assert_eq!(attributes(Rule::BaseOnly), ["wing.n.01", "feather.n.01"]);
        assert_eq!(knowledge(Rule::BaseOnly).attributes_of_classes(), [vec![0, 1], vec![0]]);
        let ancestors = [1, 2, 3].map(SynsetId);
        assert_eq!(knowledge(Rule::Paper).classes[0].ancestors, ancestors);
        assert!(Rule::ALL.iter().all(|rule| rule.to_string().parse() == Ok(*rule)));
        assert!("any".parse::<Rule>().unwrap_err().to_string().contains("`any` is not a rule"));
    }

    #[test]
    fn a_synset_that_is_none_is_named_with_its_class() {
        let wordnet = WordNet::parse(INDEX.as_bytes(), DATA.as_bytes()).unwrap();
        let error = Knowledge::new(&wordnet, &[named("roc", 77, Split::Base)], Rule::Paper);
        assert_eq!(
            error.unwrap_err().to_string(),
            "class `roc` has the wnid n00000077, which is no noun of WordNet 3.0"
        );
    }

    #[test]
    fn files_survive_the_round_trip_and_belong_together() {
        let vectors = Vectors::parse(b"jay 3 4\nwing 0 2\n").unwrap();
        let knowledge = knowledge(Rule::Paper);
        let words = knowledge.words(&vectors);
        assert_eq!(words.classes, array![[0.6, 0.8], [0.0, 0.0]]);
        assert_eq!(words.attributes, array![[0.0, 1.0]]);
        let json = knowledge.to_bytes().unwrap();
        assert_eq!(Knowledge::parse(&json).unwrap(), knowledge);
        let bytes = words.to_bytes(&json).unwrap();
        assert_eq!(Words::parse(&bytes, &json).unwrap(), words);
        let other = self::knowledge(Rule::BaseOnly).to_bytes().unwrap();
        let error = Words::parse(&bytes, &other).unwrap_err().to_string();
        assert!(error.contains("another knowledge.json"), "{error}");
    }

    #[test]
    fn schemas_name_everything_that_is_written() {
        let json = knowledge(Rule::BaseOnly).to_bytes().unwrap();
        let value = serde_json::from_slice(&json).unwrap();
        assert_eq!(layout::unnamed(FORMAT.schema, &value), [""; 0]);
        let words = knowledge(Rule::BaseOnly).words(&Vectors::parse(b"jay 3 4\n").unwrap());
        let file = TensorFile::parse(&words.to_bytes(&json).unwrap()).unwrap();
        let value = serde_json::from_str(&file.metadata).unwrap();
        assert_eq!(layout::unnamed(words::WORDS_FORMAT.schema, &value), [""; 0]);
        for name in file.floats.keys() {
            assert!(layout::is_named(words::WORDS_FORMAT.schema, name), "{name}");
        }
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        let json = String::from_utf8(knowledge(Rule::Paper).to_bytes().unwrap()).unwrap();
        let refused = |json: &str| Knowledge::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(
            refused(&json.replace("\"format\": 1", "\"format\": 2"))
                .contains("format 2, expected 1")
        );
        assert!(refused("{}").contains("missing field `format`"));
        let stray = json.replace("\"links\": [", "\"links\": [[\"n00000009\", \"n00000001\"],");
        assert!(refused(&stray).contains("the link [n00000009, n00000001]"), "{}", refused(&stray));
    }
}
