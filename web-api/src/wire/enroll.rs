//! The response to an enrollment.

use edge::embedder::Embedded;
use edge::gallery::Outcome;
use edge::quality;
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
    /// The id of an example of the class, or of the background set, with the same bytes and crop;
    /// null for a new example.
    #[schema(pattern = "^e_[0-9a-f]{32}$")]
    pub duplicate_of: Option<String>,
    /// What was unusual about the image; empty if nothing was.
    #[schema(max_items = 16)]
    pub warnings: Vec<Warning>,
    /// What may be wrong with the image as an example; empty if nothing is, and for a duplicate.
    #[schema(max_items = 16)]
    pub quality: Vec<QualityFinding>,
}

/// Something that may be wrong with an image as an example.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QualityFinding {
    /// A stable code for programs. Of the image itself: `small`, `dark`, `bright`, `flat`,
    /// `blurred`. Compared with what is enrolled: `near_duplicate`, `in_other_class`, `outlier`,
    /// `closer_to`.
    #[schema(example = "blurred", max_length = 64)]
    pub code: String,
    /// What is wrong, and what to do.
    #[schema(
        max_length = 1000,
        example = "the image has no sharp edge; hold the camera still and focus it"
    )]
    pub detail: String,
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
            examples: enrolled_examples(&enrolled.outcomes, &enrolled.quality, images),
            revision: enrolled.revision,
            change,
        }
    }
}

/// One example for each of `images`, in the order of their outcomes and findings.
pub(super) fn enrolled_examples(
    outcomes: &[Outcome],
    quality: &[Vec<quality::Finding>],
    images: &[Embedded],
) -> Vec<EnrolledExample> {
    let each = outcomes.iter().zip(quality).zip(images);
    each.map(|((outcome, found), image)| example(outcome, found, image)).collect()
}

fn example(outcome: &Outcome, found: &[quality::Finding], image: &Embedded) -> EnrolledExample {
    let id = outcome.example_id.to_string();
    EnrolledExample {
        duplicate_of: outcome.duplicate.then(|| id.clone()),
        id,
        sha256: hex::encode(&image.sha256),
        warnings: warnings(image),
        quality: found.iter().map(QualityFinding::from).collect(),
    }
}

impl From<&quality::Finding> for QualityFinding {
    fn from(finding: &quality::Finding) -> Self {
        Self { code: finding.code.to_string(), detail: finding.detail.clone() }
    }
}
