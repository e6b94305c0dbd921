//! What is known of classes from their names, the "primitive knowledge" of Zhang et al., CVPR 2021:
//! WordNet's nouns ([`wordnet`]), the attributes that classes share ([`attributes`]) and word
//! vectors ([`vectors`]). A device has them for every noun in one small file ([`lexicon`]).
//!
//! A class is identified by its synset, never by its label. A synset's name is its offset among the
//! nouns of WordNet 3.0 (`n02391049`).

pub mod attributes;
pub mod descriptor;
pub mod lexicon;
pub mod vectors;
pub mod wordnet;
