//! The response to an enrollment.

use serde::Serialize;
use utoipa::ToSchema;

use super::class::Class;
use super::image::Warning;

/// The response to an enrollment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Enrolled {
    /// The class as it is now.
    pub class: Class,
    /// One for each image, in the order of the body.
    pub examples: Vec<EnrolledExample>,
    /// The gallery's revision.
    pub revision: u64,
}

/// The example of one image.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EnrolledExample {
    /// The example that holds this image.
    #[schema(example = "@9.0")]
    pub id: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The earlier example of the same file; null for a new one.
    pub duplicate_of: Option<String>,
    /// What was unusual about the image.
    pub warnings: Vec<Warning>,
}
