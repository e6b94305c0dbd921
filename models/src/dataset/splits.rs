//! The names of splits that folders and tables have.

use crate::split::Split;

/// What may stand before a split's name: `meta-train`, `images_train`.
const BEFORE: &[&str] = &["meta", "images", "image", "imgs", "img", "data", "dataset", "split"];
/// What may stand behind one: `train_set`, `test images`, `validation-data`.
const AFTER: &[&str] = &[
    "set", "sets", "images", "image", "imgs", "img", "data", "dataset", "split", "classes",
    "folder",
];

/// The split of a name in any case: `base`, `val`, `novel`, what published data sets call them
/// (`train`, `test`), and the usual synonyms of these.
pub(super) fn split_named(name: &str) -> Option<Split> {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.len() > 1 && BEFORE.contains(&words[0]) {
        words.remove(0);
    }
    if words.len() > 1 && words.last().is_some_and(|word| AFTER.contains(word)) {
        words.pop();
    }
    let word = words.concat();
    synonym(&word).or_else(|| {
        // Written as one word: `trainset`, `metatest`, `TestImages`.
        let behind = AFTER.iter().find_map(|after| synonym(word.strip_suffix(after)?));
        behind.or_else(|| BEFORE.iter().find_map(|before| synonym(word.strip_prefix(before)?)))
    })
}

fn synonym(word: &str) -> Option<Split> {
    match word {
        "base" | "train" | "training" | "trn" | "trainval" => Some(Split::Base),
        "val" | "valid" | "validation" | "validate" | "validating" | "dev" | "devel"
        | "development" => Some(Split::Val),
        "novel" | "test" | "testing" | "tst" | "eval" | "evaluation" | "holdout" | "heldout" => {
            Some(Split::Novel)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_splits() {
        for name in ["base", "Train", "TRAINING", "train_set", "meta-train", "Train Images"] {
            assert_eq!(split_named(name), Some(Split::Base), "{name}");
        }
        for name in ["val", "Valid", "Validation", "dev", "metaval", "validation-data"] {
            assert_eq!(split_named(name), Some(Split::Val), "{name}");
        }
        for name in ["novel", "Test", "testing", "Eval", "testset", "hold-out", "images_test"] {
            assert_eq!(split_named(name), Some(Split::Novel), "{name}");
        }
        for name in
            ["trainer", "test tube", "baseball", "valve", "novelty", "device", "set", "", "-"]
        {
            assert_eq!(split_named(name), None, "{name}");
        }
    }
}
