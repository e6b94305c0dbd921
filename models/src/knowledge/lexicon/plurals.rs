//! The singulars that an English plural may have.

/// Endings of plurals, and those of the singular: irregular nouns, then the rules of detachment of
/// WordNet's morphy, then rules for what WordNet lists as exceptions (`noun.exc`, which a lexicon
/// does not have).
// A noun is looked up in this order. `leaves` is among the irregular nouns, as a leave is one too;
// `-ves` follows `-s`, as a glove is none of its forms.
const ENDINGS: [(&str, &str); 20] = [
    ("mice", "mouse"),
    ("lice", "louse"),
    ("geese", "goose"),
    ("feet", "foot"),
    ("teeth", "tooth"),
    ("children", "child"),
    ("oxen", "ox"),
    ("leaves", "leaf"),
    ("ies", "y"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("men", "man"),
    ("s", ""),
    ("ves", "f"),
    ("ves", "fe"),
    ("oes", "o"),
    ("i", "us"),
];

/// The word itself, then every word that it could be the plural of.
pub(super) fn singulars(word: &str) -> Vec<String> {
    let detached = ENDINGS.iter().filter_map(|(plural, singular)| {
        word.strip_suffix(plural).map(|stem| format!("{stem}{singular}"))
    });
    std::iter::once(word.to_owned()).chain(detached).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_have_singulars() {
        for (plural, singular) in [
            ("cups", "cup"),
            ("berries", "berry"),
            ("boxes", "box"),
            ("snowmen", "snowman"),
            ("watches", "watch"),
            ("computer_mice", "computer_mouse"),
            ("knives", "knife"),
            ("loaves", "loaf"),
            ("tea_leaves", "tea_leaf"),
            ("grandchildren", "grandchild"),
            ("tomatoes", "tomato"),
            ("cacti", "cactus"),
        ] {
            assert!(singulars(plural).contains(&singular.to_owned()), "{plural}");
        }
        assert_eq!(singulars("cup"), ["cup"]);
        assert_eq!(singulars("gloves"), ["gloves", "glove", "glof", "glofe"]);
    }
}
