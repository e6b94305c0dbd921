//! Galleries.

use edge::Recognizer;
use edge::gallery::GallerySettings;
use edge::recognizer::Availability;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The galleries of the service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Galleries {
    /// There is one gallery in this version: `default`.
    #[schema(max_items = 1000)]
    pub galleries: Vec<Gallery>,
}

/// A gallery: its classes, how their prototypes are made, and which images it accepts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Gallery {
    /// The name used in paths.
    #[schema(example = "default", min_length = 1, max_length = 64)]
    pub gallery: String,
    /// How prototypes are made: `mean` (examples only) or `trusted` (examples and the prototype
    /// predicted from the name, which counts less the more it disagrees with the examples).
    #[schema(example = "trusted", max_length = 32)]
    pub fusion: String,
    /// Number of classes.
    pub classes: usize,
    /// Number of examples.
    pub examples: usize,
    /// Number of background examples: images of none of the classes.
    pub background_examples: usize,
    /// True if unknown images are rejected; false if the bundle has no decision: then every image
    /// is accepted, and the settings below have no effect.
    pub rejects_unknown: bool,
    /// The share of unknown images that may be accepted, 0.001 to 0.5. It has no effect while there
    /// is a `threshold`.
    #[schema(example = 0.05, minimum = 0.001, maximum = 0.5)]
    pub rate: f64,
    /// The least calibrated score that is accepted, -2 to 2, in place of the one that follows from
    /// `rate`; null: `rate` decides.
    #[schema(minimum = -2, maximum = 2)]
    pub threshold: Option<f64>,
    /// The share of all images that are expected to be unknown, 0.001 to 0.999. It changes
    /// probabilities, not decisions.
    #[schema(example = 0.5, minimum = 0.001, maximum = 0.999)]
    pub expected_unknown_share: f64,
    /// Grows by one with each change.
    pub revision: u64,
}

/// A change of the settings of a gallery, as a JSON merge patch (RFC 7396): a field that is left
/// out stays, and null resets one to its default.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GalleryPatch {
    /// See `Gallery.rate`; the default is 0.05.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = 0.001, maximum = 0.5, example = 0.02)]
    pub rate: Option<Option<f64>>,
    /// See `Gallery.threshold`; null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = -2, maximum = 2)]
    pub threshold: Option<Option<f64>>,
    /// See `Gallery.expected_unknown_share`; the default is 0.5.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = 0.001, maximum = 0.999)]
    pub expected_unknown_share: Option<Option<f64>>,
}

/// A field that is there; null is `Some(None)`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn changed(field: Option<Option<f64>>, before: f64, default: f64) -> f64 {
    match field {
        Some(value) => value.unwrap_or(default),
        None => before,
    }
}

impl GalleryPatch {
    /// The settings after the change.
    #[must_use]
    pub fn applied_to(self, settings: GallerySettings) -> GallerySettings {
        let defaults = GallerySettings::default();
        GallerySettings {
            rate: changed(self.rate, settings.rate, defaults.rate),
            threshold: self.threshold.unwrap_or(settings.threshold),
            expected_unknown_share: changed(
                self.expected_unknown_share,
                settings.expected_unknown_share,
                defaults.expected_unknown_share,
            ),
        }
    }
}

impl Gallery {
    /// The gallery of a recognizer, with this name.
    #[must_use]
    pub fn new(name: &str, recognizer: &Recognizer) -> Self {
        let summary = recognizer.summary();
        Self {
            gallery: name.to_owned(),
            fusion: summary.fusion.to_string(),
            classes: summary.classes,
            examples: summary.examples,
            background_examples: summary.background,
            rejects_unknown: matches!(recognizer.decision_availability(), Availability::Ready),
            rate: summary.settings.rate,
            threshold: summary.settings.threshold,
            expected_unknown_share: summary.settings.expected_unknown_share,
            revision: summary.revision,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn applied(patch: &str) -> GallerySettings {
        let before =
            GallerySettings { rate: 0.02, threshold: Some(0.3), expected_unknown_share: 0.1 };
        serde_json::from_str::<GalleryPatch>(patch).unwrap().applied_to(before)
    }

    #[test]
    fn what_a_patch_leaves_out_stays_and_null_is_the_default() {
        let same = applied("{}");
        assert_eq!(same.rate, 0.02);
        assert_eq!(same.threshold, Some(0.3));
        assert_eq!(same.expected_unknown_share, 0.1);
        let null = applied(r#"{"rate":null,"threshold":null,"expected_unknown_share":null}"#);
        assert_eq!(null, GallerySettings::default());
        let set = applied(r#"{"rate":0.1,"threshold":0.2}"#);
        assert_eq!((set.rate, set.threshold), (0.1, Some(0.2)));
    }
}
