//! Galleries.

use edge::Recognizer;
use edge::gallery::{self, DeletedEntry, GallerySettings};
use edge::recognizer::Availability;
use models::label::folded;
use models::utc;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::merge_patch;

/// The galleries of the service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Galleries {
    /// `default`, then the others by name.
    #[schema(max_items = 1000)]
    pub galleries: Vec<GalleryEntry>,
    /// The value of `after` for the galleries that follow; null after the last one.
    #[schema(max_length = 128, example = "line 2")]
    pub next: Option<String>,
}

impl Galleries {
    /// At most `limit` of `found`, those that follow the name `after`.
    #[must_use]
    pub fn new(found: &[&gallery::GalleryEntry], limit: usize, after: Option<&str>) -> Self {
        let first = match after.map(place) {
            None => 0,
            Some(after) => found.partition_point(|one| place(&one.name) <= after),
        };
        let part = &found[first..];
        let shown = part.iter().take(limit).map(|one| GalleryEntry::from(*one));
        let galleries: Vec<GalleryEntry> = shown.collect();
        let last = galleries.last().map(|one| one.gallery.clone());
        Self { next: last.filter(|_| part.len() > limit), galleries }
    }
}

/// The place of a name in the list: `default` is the first one.
fn place(name: &str) -> (bool, String) {
    let name = folded(name);
    (name != gallery::Galleries::DEFAULT, name)
}

/// A gallery in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GalleryEntry {
    /// The name used in paths.
    #[schema(example = "default", min_length = 1, max_length = 128)]
    pub gallery: String,
    /// The id of the gallery, which stays when it is renamed.
    #[schema(example = "g_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^g_[0-9a-f]{32}$")]
    pub id: String,
    /// Number of classes.
    pub classes: usize,
    /// Number of examples.
    pub examples: usize,
    /// Number of background examples: images of none of the classes.
    pub background_examples: usize,
    /// Grows by one with each change.
    pub revision: u64,
}

impl From<&gallery::GalleryEntry> for GalleryEntry {
    fn from(entry: &gallery::GalleryEntry) -> Self {
        Self {
            gallery: entry.name.clone(),
            id: entry.id.to_string(),
            classes: entry.classes,
            examples: entry.examples,
            background_examples: entry.background,
            revision: entry.revision,
        }
    }
}

/// Deleted galleries that can be restored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeletedGalleries {
    /// The one that was deleted last first.
    #[schema(max_items = 1000)]
    pub galleries: Vec<DeletedGallery>,
    /// The value of `after` for those that were deleted before; null after the last one.
    #[schema(pattern = "^g_[0-9a-f]{32}$", example = "g_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub next: Option<String>,
}

/// A deleted gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeletedGallery {
    /// The name that it had.
    #[schema(example = "line 2", min_length = 1, max_length = 128)]
    pub gallery: String,
    /// Its id, by which `undelete` restores it and `purge` forgets it.
    #[schema(example = "g_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^g_[0-9a-f]{32}$")]
    pub id: String,
    /// Number of classes.
    pub classes: usize,
    /// Number of examples.
    pub examples: usize,
    /// Number of background examples: images of none of the classes.
    pub background_examples: usize,
    /// The revision that it had.
    pub revision: u64,
    /// When it was deleted, by the clock of the device.
    #[schema(format = DateTime, example = "2026-11-30T13:05:09.250Z")]
    pub deleted_at: String,
    /// It can be restored until then, as its `retention_days` say. The service purges it at some
    /// time after.
    #[schema(format = DateTime, example = "2026-12-30T13:05:09.250Z")]
    pub kept_until: String,
}

impl DeletedGalleries {
    /// At most `limit` of `found`.
    #[must_use]
    pub fn new(found: &[DeletedEntry], limit: usize) -> Self {
        let galleries: Vec<_> = found.iter().take(limit).map(DeletedGallery::from).collect();
        let last = galleries.last().map(|gallery| gallery.id.clone());
        Self { next: last.filter(|_| found.len() > limit), galleries }
    }
}

impl From<&DeletedEntry> for DeletedGallery {
    fn from(entry: &DeletedEntry) -> Self {
        let DeletedEntry { gallery, deleted_at_ms, kept_until_ms } = entry;
        Self {
            gallery: gallery.name.clone(),
            id: gallery.id.to_string(),
            classes: gallery.classes,
            examples: gallery.examples,
            background_examples: gallery.background,
            revision: gallery.revision,
            deleted_at: utc::rfc3339(*deleted_at_ms),
            kept_until: utc::rfc3339(*kept_until_ms),
        }
    }
}

/// A gallery: its classes, how their prototypes are made, and which images it accepts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Gallery {
    /// The name used in paths.
    #[schema(example = "default", min_length = 1, max_length = 128)]
    pub gallery: String,
    /// The id of the gallery, which stays when it is renamed. A revision counts within one gallery:
    /// another one of the same name has another id.
    #[schema(example = "g_0193b7a2c4d870008a3f21b4cd56ef78", pattern = "^g_[0-9a-f]{32}$")]
    pub id: String,
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
    /// True if the images of the gallery were embedded with another model: it can be read and
    /// changed, but no image can be compared with it or enrolled before they are embedded again.
    pub other_space: bool,
    /// True if unknown images are rejected; false if the bundle has no decision: then every image
    /// is accepted, and `rate`, `threshold` and `expected_unknown_share` have no effect.
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
    /// What is kept of each image that is enrolled from now on.
    pub keep_images: KeepImages,
    /// The days after which the service purges what was removed, 0 to 36500; until then it can be
    /// restored. The gallery itself is purged as many days after it was deleted.
    #[schema(example = 30, minimum = 0, maximum = 36500)]
    pub retention_days: u32,
    /// Grows by one with each change.
    pub revision: u64,
    /// The id of the change that this call made, by which it is undone; null if it changed nothing,
    /// as a read does.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
}

/// What is kept of each enrolled image: `thumb` (a JPEG of at most 256 pixels on the long side),
/// `original` (the file) or `off` (nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeepImages {
    /// A JPEG of at most 256 pixels on the long side.
    Thumb,
    /// The file.
    Original,
    /// Nothing.
    Off,
}

/// A change of the settings of a gallery, as a JSON merge patch (RFC 7396): a field that is left
/// out stays, and null resets one to its default. Or a new name, without any settings.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GalleryPatch {
    /// The new name: 1 to 128 characters, no `/`, no control characters. It is changed in a call of
    /// its own.
    #[serde(default, deserialize_with = "merge_patch::text")]
    #[schema(
        value_type = String,
        example = "line 3",
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f/]+$"
    )]
    pub name: Option<String>,
    /// See `Gallery.rate`; the default is 0.05.
    #[serde(default, deserialize_with = "merge_patch::present")]
    #[schema(value_type = Option<f64>, minimum = 0.001, maximum = 0.5, example = 0.02)]
    pub rate: Option<Option<f64>>,
    /// See `Gallery.threshold`; null removes it.
    #[serde(default, deserialize_with = "merge_patch::present")]
    #[schema(value_type = Option<f64>, minimum = -2, maximum = 2)]
    pub threshold: Option<Option<f64>>,
    /// See `Gallery.expected_unknown_share`; the default is 0.5.
    #[serde(default, deserialize_with = "merge_patch::present")]
    #[schema(value_type = Option<f64>, minimum = 0.001, maximum = 0.999)]
    pub expected_unknown_share: Option<Option<f64>>,
    /// See `Gallery.keep_images`; the default is `thumb`.
    #[serde(default, deserialize_with = "merge_patch::present")]
    #[schema(value_type = Option<KeepImages>)]
    pub keep_images: Option<Option<KeepImages>>,
    /// See `Gallery.retention_days`; the default is 30.
    #[serde(default, deserialize_with = "merge_patch::present")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 36500)]
    pub retention_days: Option<Option<u32>>,
}

fn changed<T>(field: Option<Option<T>>, before: T, default: T) -> T {
    match field {
        Some(value) => value.unwrap_or(default),
        None => before,
    }
}

impl GalleryPatch {
    /// Whether it changes anything besides the name.
    #[must_use]
    pub fn has_settings(&self) -> bool {
        Self { name: None, ..self.clone() } != Self::default()
    }

    /// The settings after the change.
    #[must_use]
    pub fn applied_to(&self, settings: GallerySettings) -> GallerySettings {
        let defaults = GallerySettings::default();
        GallerySettings {
            rate: changed(self.rate, settings.rate, defaults.rate),
            threshold: self.threshold.unwrap_or(settings.threshold),
            expected_unknown_share: changed(
                self.expected_unknown_share,
                settings.expected_unknown_share,
                defaults.expected_unknown_share,
            ),
            keep_images: changed(
                self.keep_images.map(|field| field.map(gallery::KeepImages::from)),
                settings.keep_images,
                defaults.keep_images,
            ),
            retention_days: changed(
                self.retention_days,
                settings.retention_days,
                defaults.retention_days,
            ),
        }
    }
}

impl Gallery {
    /// The selected gallery of a recognizer.
    #[must_use]
    pub fn new(recognizer: &Recognizer) -> Self {
        let summary = recognizer.summary();
        let id = recognizer.selected_id();
        Self {
            gallery: recognizer.selected(),
            id: id.expect("invariant: the service has all galleries of a store").to_string(),
            fusion: summary.fusion.to_string(),
            classes: summary.classes,
            examples: summary.examples,
            background_examples: summary.background,
            other_space: recognizer.is_other_space(),
            rejects_unknown: matches!(recognizer.decision_availability(), Availability::Ready),
            rate: summary.settings.rate,
            threshold: summary.settings.threshold,
            expected_unknown_share: summary.settings.expected_unknown_share,
            keep_images: summary.settings.keep_images.into(),
            retention_days: summary.settings.retention_days,
            revision: summary.revision,
            change: None,
        }
    }
}

impl From<KeepImages> for gallery::KeepImages {
    fn from(keep: KeepImages) -> Self {
        match keep {
            KeepImages::Thumb => Self::Thumb,
            KeepImages::Original => Self::Original,
            KeepImages::Off => Self::Off,
        }
    }
}

impl From<gallery::KeepImages> for KeepImages {
    fn from(keep: gallery::KeepImages) -> Self {
        match keep {
            gallery::KeepImages::Thumb => Self::Thumb,
            gallery::KeepImages::Original => Self::Original,
            gallery::KeepImages::Off => Self::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn applied(patch: &str) -> GallerySettings {
        let before = GallerySettings {
            rate: 0.02,
            threshold: Some(0.3),
            expected_unknown_share: 0.1,
            keep_images: gallery::KeepImages::Off,
            retention_days: 7,
        };
        serde_json::from_str::<GalleryPatch>(patch).unwrap().applied_to(before)
    }

    #[test]
    fn what_a_patch_leaves_out_stays_and_null_is_the_default() {
        let same = applied("{}");
        assert_eq!(same.rate, 0.02);
        assert_eq!(same.threshold, Some(0.3));
        assert_eq!(same.expected_unknown_share, 0.1);
        assert_eq!((same.keep_images, same.retention_days), (gallery::KeepImages::Off, 7));
        let null = applied(
            r#"{"rate":null,"threshold":null,"expected_unknown_share":null,
                "keep_images":null,"retention_days":null}"#,
        );
        assert_eq!(null, GallerySettings::default());
        let kept = applied(r#"{"keep_images":"original","retention_days":0}"#);
        assert_eq!((kept.keep_images, kept.retention_days), (gallery::KeepImages::Original, 0));
        let named: GalleryPatch = serde_json::from_str(r#"{"name":"line 3"}"#).unwrap();
        assert!(!named.has_settings() && named.name.as_deref() == Some("line 3"));
        let both: GalleryPatch = serde_json::from_str(r#"{"name":"a","threshold":null}"#).unwrap();
        assert!(both.has_settings());
        let set = applied(r#"{"rate":0.1,"threshold":0.2}"#);
        assert_eq!((set.rate, set.threshold), (0.1, Some(0.2)));
    }
}
