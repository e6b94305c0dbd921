//! The response to an enrollment.

use edge::embedder::Embedded;
use edge::gallery::Outcome;
use edge::recognizer;
use models::hex;
use serde::Serialize;
use utoipa::ToSchema;

use super::class::Class;
use super::image::{Warning, warnings};

/// The response to an enrollment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Enrolled {
    /// The class as it is now.
    pub class: Class,
    /// One for each image, in the order of the body.
    #[schema(max_items = 100000)]
    pub examples: Vec<EnrolledExample>,
    /// The gallery's revision.
    pub revision: u64,
    /// The id of the change that this call made, by which it is undone; null if it changed nothing.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
}

/// The example that an image became.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EnrolledExample {
    /// The id of the example; for a duplicate, that of the example that was there already.
    #[schema(example = "e_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^e_[0-9a-f]{32}$")]
    pub id: String,
    /// SHA-256 of the file, in hexadecimal.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    pub sha256: String,
    /// The id of an example of the class, or of the background set, with the same bytes; null for a
    /// new example.
    #[schema(pattern = "^e_[0-9a-f]{32}$")]
    pub duplicate_of: Option<String>,
    /// What was unusual about the image; empty if nothing was.
    #[schema(max_items = 16)]
    pub warnings: Vec<Warning>,
}

impl Enrolled {
    /// The response for `images`, in the order of their outcomes.
    #[must_use]
    pub fn new(
        enrolled: &recognizer::Enrolled,
        images: &[Embedded],
        change: Option<String>,
    ) -> Self {
        Self {
            class: Class::from(&enrolled.class),
            examples: enrolled_examples(&enrolled.outcomes, images),
            revision: enrolled.revision,
            change,
        }
    }
}

/// One example for each of `images`, in the order of their outcomes.
pub(super) fn enrolled_examples(outcomes: &[Outcome], images: &[Embedded]) -> Vec<EnrolledExample> {
    outcomes.iter().zip(images).map(|(outcome, image)| example(outcome, image)).collect()
}

fn example(outcome: &Outcome, image: &Embedded) -> EnrolledExample {
    let id = outcome.example_id.to_string();
    EnrolledExample {
        duplicate_of: outcome.duplicate.then(|| id.clone()),
        id,
        sha256: hex::encode(&image.sha256),
        warnings: warnings(image),
    }
}
