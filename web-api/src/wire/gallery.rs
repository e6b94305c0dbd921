//! Galleries.

use serde::Serialize;
use utoipa::ToSchema;

/// Every gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Galleries {
    /// At least `default`.
    pub galleries: Vec<Gallery>,
}

/// A gallery: enrolled classes and how they are compared.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Gallery {
    /// Its name in paths.
    #[schema(example = "default")]
    pub gallery: String,
    /// How a class becomes its prototype: `mean` of its images, or `trusted`, with what its name tells as far as the
    /// names fit the images.
    #[schema(example = "trusted")]
    pub fusion: String,
    /// Number of classes.
    pub classes: usize,
    /// Number of enrolled images.
    pub examples: usize,
    /// Grows by one with each change.
    pub revision: u64,
}
