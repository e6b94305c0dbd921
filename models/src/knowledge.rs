//! What words tell of classes: WordNet's nouns ([`wordnet`]), the attributes that classes share
//! ([`attributes`]) and word vectors ([`vectors`]); the "primitive knowledge" of Zhang et al., CVPR
//! 2021. A device has all of it for any noun in one small file ([`lexicon`]).
//!
//! A class is known by its synset, named by WordNet 3.0's noun offset (`n02391049`), never by its
//! label.

pub mod attributes;
pub mod descriptor;
pub mod lexicon;
pub mod vectors;
pub mod wordnet;
