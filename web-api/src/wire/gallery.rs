//! Galleries.

use edge::recognizer::GallerySummary;
use serde::Serialize;
use utoipa::ToSchema;

/// The galleries of the service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Galleries {
    /// There is one gallery in this version: `default`.
    pub galleries: Vec<Gallery>,
}

/// A gallery: its classes and how their prototypes are made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Gallery {
    /// The name used in paths.
    #[schema(example = "default")]
    pub gallery: String,
    /// How prototypes are made: `mean` (examples only) or `trusted` (examples and the prototype
    /// predicted from the name, which counts less the more it disagrees with the examples).
    #[schema(example = "trusted")]
    pub fusion: String,
    /// Number of classes.
    pub classes: usize,
    /// Number of examples.
    pub examples: usize,
    /// Grows by one with each change.
    pub revision: u64,
}

impl Gallery {
    /// The summary of the gallery with this name.
    #[must_use]
    pub fn new(name: &str, summary: &GallerySummary) -> Self {
        Self {
            gallery: name.to_owned(),
            fusion: summary.fusion.to_string(),
            classes: summary.classes,
            examples: summary.examples,
            revision: summary.revision,
        }
    }
}
