//! The attributes of real classes against published and independent graphs, and broken files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use models::dataset::Split;
use models::disk;
use models::knowledge::attributes::{Knowledge, NamedClass, Rule};
use models::knowledge::lexicon::{Lexicon, LexiconError};
use models::knowledge::vectors::Vectors;
use models::knowledge::wordnet::{SynsetId, WordNet};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// WordNet 3.0, where `cargo xtask setup --knowledge` or Debian's wordnet-base puts it.
fn wordnet() -> Option<WordNet> {
    let places = [workspace().join(".knowledge/wordnet"), PathBuf::from("/usr/share/wordnet")];
    let place = places.into_iter().find(|place| place.join("data.noun").exists());
    let Some(place) = place else {
        println!("skipped: real attributes: no WordNet; cargo xtask setup --knowledge fetches it");
        return None;
    };
    let read = |name: &str| disk::read(&place.join(name), 1 << 28).unwrap();
    Some(WordNet::parse(&read("index.noun"), &read("data.noun")).unwrap())
}

/// A table of vectors for every known word: real ones where they are, else random ones.
fn vectors_for(wordnet: &WordNet) -> Vectors {
    let mut words: BTreeSet<String> = BTreeSet::new();
    for (lemma, _) in wordnet.lemmas() {
        words.extend(lemma.split(['_', '-']).filter(|w| !w.is_empty()).map(str::to_lowercase));
    }
    let mut text = String::new();
    for (i, word) in words.iter().enumerate() {
        let value = |j: usize| (((i * 31 + j * 17) % 199) as f32 - 99.0) / 50.0;
        let values: Vec<String> = (0..20).map(|j| value(j).to_string()).collect();
        text.push_str(&format!("{word} {}\n", values.join(" ")));
    }
    Vectors::parse(text.as_bytes()).unwrap()
}

/// Holds a lexicon to what it was built of.
fn check_lexicon(wordnet: &WordNet, vectors: &Vectors) -> usize {
    let bytes = Lexicon::build(wordnet, vectors, "drawn");
    assert_eq!(bytes, Lexicon::build(wordnet, vectors, "drawn"), "not deterministic");
    let lexicon = Lexicon::parse(&bytes).unwrap();
    assert_eq!(lexicon.header().dimension, vectors.dimension());
    assert!(lexicon.header().license.contains("Princeton University"));
    for (i, synset) in wordnet.synsets().enumerate() {
        // Unpacking every text is slow; the texts of some blocks are enough.
        if i % 1024 < 300 {
            assert_eq!(lexicon.synset(synset.id).as_ref(), Some(synset));
        }
        if i % 997 == 0 {
            let ancestors = wordnet.ancestors(synset.id);
            let mut line = lexicon.line(synset.id);
            assert!(line.remove(&synset.id) && line == ancestors);
            let own = vectors.synset(&synset.lemmas);
            let kept = lexicon.vector(synset.id);
            assert_eq!(own.is_some(), kept.is_some());
            if let Some((own, kept)) = own.zip(kept) {
                assert!(own.dot(&kept) > 1.0 - 1e-3, "{}", synset.id);
            }
        }
    }
    for (lemma, senses) in wordnet.lemmas().take(2000) {
        assert_eq!(lexicon.senses(lemma), senses, "{lemma}");
    }
    bytes.len()
}

#[test]
fn a_small_lexicon_is_what_it_was_built_of() {
    let wordnet = WordNet::parse(INDEX, DATA).unwrap();
    let vectors = Vectors::parse(b"a 1 0\nb 0 2\n").unwrap();
    check_lexicon(&wordnet, &vectors);
    let bytes = Lexicon::build(&wordnet, &vectors, "drawn");
    let lexicon = Lexicon::parse(&bytes).unwrap();
    assert_eq!(lexicon.senses(" Bs "), [SynsetId(2)]);
    assert_eq!(lexicon.attributes(SynsetId(2)), BTreeSet::from([SynsetId(2)]));
    assert_eq!(lexicon.search("B", 9), ["b"]);
    assert_eq!((lexicon.senses("zebra"), lexicon.synset(SynsetId(9))), (vec![], None));
    assert_eq!(lexicon.descriptor(SynsetId(2)).unwrap().hypernyms, [SynsetId(1), SynsetId(2)]);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(Lexicon::parse(&changed).is_err(), "byte {at}");
        assert!(Lexicon::parse(&bytes[..at]).is_err(), "cut at {at}");
    }
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert_eq!(Lexicon::parse(&newer).unwrap_err(), LexiconError::Format { got: 2 });
}

#[test]
fn a_lexicon_of_all_nouns() {
    let Some(wordnet) = wordnet() else { return };
    let vectors = vectors_for(&wordnet);
    check_lexicon(&wordnet, &vectors);
}

fn graph(name: &str) -> Option<Value> {
    let path = workspace().join("../shared/knowledge").join(name);
    if !path.exists() {
        println!("skipped: {name}: ../shared/knowledge is not there");
        return None;
    }
    Some(serde_json::from_slice(&disk::read(&path, 1 << 24).unwrap()).unwrap())
}

fn id(value: &Value) -> SynsetId {
    value.as_str().unwrap().parse().unwrap()
}

fn classes(graph: &Value, splits: &[Split]) -> Vec<NamedClass> {
    let class = |class: &Value| NamedClass {
        name: class["name"].as_str().unwrap().to_owned(),
        wnid: id(&class["wnid"]),
        split: class["split"].as_str().unwrap().parse().unwrap(),
    };
    let all = graph["classes"].as_array().unwrap().iter().map(class);
    all.filter(|class| splits.contains(&class.split)).collect()
}

fn attributes(knowledge: &Knowledge) -> BTreeSet<SynsetId> {
    knowledge.attributes.iter().map(|attribute| attribute.wnid).collect()
}

/// Holds the rule `paper` to a graph of all classes, and to its size without novel names.
fn check(name: &str, all: (usize, usize), without_novel: Option<(usize, usize)>) {
    let Some((wordnet, graph)) = wordnet().zip(graph(name)) else { return };
    let every = [Split::Base, Split::Val, Split::Novel];
    let knowledge = Knowledge::new(&wordnet, &classes(&graph, &every), Rule::Paper).unwrap();
    let expected = graph["attributes"].as_array().unwrap();
    assert_eq!(attributes(&knowledge), expected.iter().map(|a| id(&a["wnid"])).collect());
    let links = graph["links"].as_array().unwrap();
    assert_eq!(knowledge.links, links.iter().map(|l| (id(&l[0]), id(&l[1]))).collect());
    assert_eq!((knowledge.attributes.len(), knowledge.links.len()), all);
    for (known, class) in knowledge.classes.iter().zip(graph["classes"].as_array().unwrap()) {
        assert_eq!(known.synset, class["synset"].as_str().unwrap());
        let lemmas: Vec<_> = class["lemmas"].as_array().unwrap().iter().collect();
        assert_eq!(known.lemmas.len(), lemmas.len());
        assert!(known.lemmas.iter().zip(lemmas).all(|(a, b)| a == b.as_str().unwrap()));
    }
    let Some(expected) = without_novel else { return };
    // Chosen without novel names; the links are those of every class, as the graphs count them.
    let known = classes(&graph, &[Split::Base, Split::Val]);
    let kept = attributes(&Knowledge::new(&wordnet, &known, Rule::Paper).unwrap());
    let base_val = graph["attributes"].as_array().unwrap().iter();
    let base_val = base_val.filter(|a| a["base_val"] == Value::Bool(true)).map(|a| id(&a["wnid"]));
    assert_eq!(kept, base_val.collect());
    let n_links = knowledge.links.iter().filter(|(_, attribute)| kept.contains(attribute)).count();
    assert_eq!((kept.len(), n_links), expected);
}

#[test]
fn the_published_graph_of_mini_imagenet() {
    check("miniimagenet_official_graph.json", (71, 794), None);
}

#[test]
fn the_graph_of_cifar_fs() {
    check("cifar_fs_graph.json", (66, 970), Some((56, 940)));
}

#[test]
fn the_graph_of_caltech() {
    check("caltech_fs_graph.json", (75, 825), Some((57, 776)));
}

#[test]
fn words_of_real_classes_are_found() {
    let path = workspace().join("../shared/knowledge/glove_subset.txt");
    if !path.exists() {
        println!("skipped: word vectors: ../shared/knowledge is not there");
        return;
    }
    let Some((wordnet, graph)) = wordnet().zip(graph("cifar_fs_graph.json")) else { return };
    let vectors = Vectors::parse(&disk::read(&path, 1 << 24).unwrap()).unwrap();
    assert_eq!(vectors.dimension(), 100);
    let knowledge =
        Knowledge::new(&wordnet, &classes(&graph, &[Split::Base]), Rule::BaseOnly).unwrap();
    let words = knowledge.words(&vectors);
    let norms = words.classes.rows().into_iter().map(|row| row.dot(&row));
    assert!(norms.into_iter().all(|norm| (norm - 1.0).abs() < 1e-4));
}

const INDEX: &[u8] = b"b n 1 1 @ 1 0 00000002\n";
const DATA: &[u8] = b"00000001 03 n 01 a 0 001 %p 00000002 n 0000 | x\n00000002 03 n 02 b 0 c 0 001 @ 00000001 n 0000 | y\n";
const TABLE: &[u8] = b"sea 1 0\nhorse 0 2.5\n";
const JSON: &[u8] = br#"{"dimensions":2,"vectors":{"sea":[1,0.5,1.1,0]}}"#;

proptest! {
    /// The right hash around wrong content: content with the right hash is checked too.
    #[test]
    fn a_lexicon_of_any_content_never_panics(at in 0_usize..3000, byte: u8, more: u8) {
        let wordnet = WordNet::parse(INDEX, DATA).unwrap();
        let bytes = Lexicon::build(&wordnet, &Vectors::parse(b"a 1 0\nb 0 2\n").unwrap(), "drawn");
        let mut content = bytes[44..].to_vec();
        let end = content.len();
        content[at % end] = byte;
        content[end - 1 - at % 90] = more;
        let hash = Sha256::digest(&content);
        let forged = [&bytes[..12], &hash, &content].concat();
        if let Ok(lexicon) = Lexicon::parse(&forged) {
            for id in lexicon.senses("b").into_iter().chain([SynsetId(1), SynsetId(2)]) {
                let _ = (lexicon.synset(id), lexicon.descriptor(id), lexicon.attributes(id));
            }
            prop_assert!(lexicon.search("", 9).len() <= 9);
        }
    }

    #[test]
    fn changed_bytes_never_panic(at in 0_usize..120, byte: u8, cut in 0_usize..120) {
        let changed = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes.truncate(cut);
            if let Some(target) = bytes.get_mut(at) {
                *target = byte;
            }
            bytes
        };
        if let Ok(wordnet) = WordNet::parse(&changed(INDEX), DATA) {
            prop_assert!(wordnet.senses("b").len() <= 1);
        }
        if let Ok(wordnet) = WordNet::parse(INDEX, &changed(DATA)) {
            prop_assert!(wordnet.synsets().all(|synset| !synset.lemmas.is_empty()));
        }
        for table in [TABLE, JSON] {
            if let Ok(vectors) = Vectors::parse(&changed(table)) {
                prop_assert!(vectors.dimension() > 0 && !vectors.is_empty());
            }
        }
        let _ = Knowledge::parse(&changed(b"{\"format\":1,\"links\":[[\"n00000001\",\"n00000002\"]]}"));
    }
}
