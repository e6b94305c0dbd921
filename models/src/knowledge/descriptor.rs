//! The semantic descriptor of a class: its word vector and its place in WordNet.

use ndarray::Array1;

use super::wordnet::SynsetId;

/// What is known of a class without images: the input of the name regressor.
#[derive(Debug, Clone, PartialEq)]
pub struct SemanticDescriptor {
    /// Its word vector `[d]`; zeros if none of its words has a vector.
    pub word_vector: Array1<f32>,
    /// Its synset and all ancestors of the synset, sorted.
    pub hypernyms: Vec<SynsetId>,
}

impl SemanticDescriptor {
    /// The descriptor of a class of which nothing is known. `dimension` is the number of values of
    /// a word vector.
    pub fn unknown(dimension: usize) -> Self {
        Self { word_vector: Array1::zeros(dimension), hypernyms: Vec::new() }
    }

    /// Whether nothing is known of the class.
    pub fn is_unknown(&self) -> bool {
        self.hypernyms.is_empty() && self.word_vector.iter().all(|&x| x == 0.0)
    }
}
