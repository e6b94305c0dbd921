//! How a gallery answers in its former space and in the new one, on its own images.

use crate::gallery::Gallery;
use crate::recognizer::error::RecognizerError;

/// How the answers of a gallery differ between its embeddings in use and the new ones. Each example
/// of a sample is left out of its class, and compared with the mean of each class by the cosine.
/// Only images are compared, names are not.
#[derive(Debug, Clone, PartialEq)]
pub struct ReembedComparison {
    /// Examples that were left out one by one: at most 2,000, of classes with two or more.
    pub compared: usize,
    /// The share of them whose nearest class is their own, with the embeddings in use; 0 without
    /// any.
    pub accuracy_before: f64,
    /// The same with the new embeddings.
    pub accuracy_after: f64,
    /// How many of them have another nearest class than before.
    pub nearest_changes: usize,
    /// Classes with one example, which cannot be left out.
    pub single_example_classes: usize,
    /// Not all examples were compared.
    pub sampled: bool,
}
