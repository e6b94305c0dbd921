//! What words tell of classes: WordNet's nouns ([`wordnet`]), the attributes that classes share
//! ([`attributes`]) and word vectors ([`vectors`]); the "primitive knowledge" of Zhang et al., CVPR 2021.
//!
//! A class is known by its synset, named by WordNet 3.0's noun offset (`n02391049`), never by its label.

pub mod attributes;
pub mod vectors;
pub mod wordnet;
