//! The attributes of real classes against published and independent graphs, and broken files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use models::dataset::Split;
use models::disk;
use models::knowledge::attributes::{Knowledge, NamedClass, Rule};
use models::knowledge::vectors::Vectors;
use models::knowledge::wordnet::{SynsetId, WordNet};
use proptest::prelude::*;
use serde_json::Value;

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
