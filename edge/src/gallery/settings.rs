//! The settings of a gallery: which images it accepts.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const RATE: RangeInclusive<f64> = 0.001..=0.5;
/// Calibrated scores lie within: a cosine and its corrections have no greater size.
const THRESHOLD: RangeInclusive<f64> = -2.0..=2.0;
const EXPECTED_UNKNOWN_SHARE: RangeInclusive<f64> = 0.001..=0.999;
/// A hundred years.
const RETENTION_DAYS: RangeInclusive<u32> = 0..=36_500;
const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// What a user chose about the decision between known and unknown images.
///
/// # Examples
/// ```
/// use edge::gallery::{Gallery, GallerySettings};
///
/// let mut gallery = Gallery::in_memory();
/// let stricter = GallerySettings { rate: 0.01, ..GallerySettings::default() };
/// gallery.set_settings(stricter)?;
/// assert_eq!(gallery.settings().rate, 0.01);
///
/// let wrong = GallerySettings { rate: 5.0, ..stricter };
/// let error = gallery.set_settings(wrong).unwrap_err();
/// assert_eq!(error.to_string(), "the setting `rate` must be from 0.001 to 0.5, got 5");
/// # Ok::<(), edge::gallery::GalleryError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GallerySettings {
    /// The stated false-accept rate: the share of unknown images that may be accepted, 0.001 to
    /// 0.5. Without effect if there is a threshold.
    pub rate: f64,
    /// An absolute limit on the calibrated score, -2 to 2, in place of the one that follows from
    /// the rate.
    pub threshold: Option<f64>,
    /// The share of the images to classify that are expected to be unknown, 0.001 to 0.999: the
    /// prior of the probability that an image is known.
    pub expected_unknown_share: f64,
    /// What is kept of each enrolled image.
    pub keep_images: KeepImages,
    /// How many days ago an example must have been removed to be purged, unless the call for it
    /// states another number; 0 to 36,500.
    pub retention_days: u32,
}

/// What is kept of each enrolled image beside its embedding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepImages {
    /// A JPEG of at most 256 pixels on the long side.
    #[default]
    Thumb,
    /// The bytes of the file.
    Original,
    /// Nothing.
    Off,
}

impl KeepImages {
    /// The word for it in files, JSON and options.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Thumb => "thumb",
            Self::Original => "original",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for KeepImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for KeepImages {
    type Err = NotKeepImages;

    fn from_str(text: &str) -> Result<Self, NotKeepImages> {
        let all = [Self::Thumb, Self::Original, Self::Off];
        let found = all.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| NotKeepImages(text.chars().take(64).collect()))
    }
}

/// Text that does not say what is kept of images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `thumb`, `original` or `off`, got `{0}`")]
pub struct NotKeepImages(String);

/// One setting with its value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Setting {
    /// See [`GallerySettings::rate`].
    Rate(f64),
    /// See [`GallerySettings::threshold`].
    Threshold(Option<f64>),
    /// See [`GallerySettings::expected_unknown_share`].
    ExpectedUnknownShare(f64),
    /// See [`GallerySettings::keep_images`].
    KeepImages(KeepImages),
    /// See [`GallerySettings::retention_days`].
    RetentionDays(u32),
}

impl Setting {
    /// The settings with this one.
    pub(super) fn applied_to(self, all: GallerySettings) -> GallerySettings {
        match self {
            Self::Rate(rate) => GallerySettings { rate, ..all },
            Self::Threshold(threshold) => GallerySettings { threshold, ..all },
            Self::ExpectedUnknownShare(share) => {
                GallerySettings { expected_unknown_share: share, ..all }
            }
            Self::KeepImages(keep_images) => GallerySettings { keep_images, ..all },
            Self::RetentionDays(retention_days) => GallerySettings { retention_days, ..all },
        }
    }

    /// The same, unless it is out of its range: changes of other devices may be anything.
    pub(super) fn sound_in(self, all: GallerySettings) -> GallerySettings {
        let next = self.applied_to(all);
        if next.check().is_ok() { next } else { all }
    }

    /// The name of the setting.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate(_) => "rate",
            Self::Threshold(_) => "threshold",
            Self::ExpectedUnknownShare(_) => "expected_unknown_share",
            Self::KeepImages(_) => "keep_images",
            Self::RetentionDays(_) => "retention_days",
        }
    }
}

impl Default for GallerySettings {
    fn default() -> Self {
        Self {
            rate: 0.05,
            threshold: None,
            expected_unknown_share: 0.5,
            keep_images: KeepImages::Thumb,
            retention_days: 30,
        }
    }
}

impl GallerySettings {
    /// Checks that each setting is in its range.
    ///
    /// # Errors
    /// [`SettingError`] for the first one that is not.
    pub fn check(&self) -> Result<(), SettingError> {
        check("rate", &RATE, self.rate)?;
        if let Some(threshold) = self.threshold {
            check("threshold", &THRESHOLD, threshold)?;
        }
        check("expected_unknown_share", &EXPECTED_UNKNOWN_SHARE, self.expected_unknown_share)?;
        if RETENTION_DAYS.contains(&self.retention_days) {
            return Ok(());
        }
        let expected = format!("from {} to {}", RETENTION_DAYS.start(), RETENTION_DAYS.end());
        let got = f64::from(self.retention_days);
        Err(SettingError { field: "retention_days", expected, got })
    }

    /// How long ago an example must have been removed to be purged.
    #[must_use]
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_days) * SECONDS_OF_A_DAY)
    }

    /// The settings that differ from those `before`.
    pub(super) fn changed_from(&self, before: &Self) -> Vec<Setting> {
        let pairs = self.all().into_iter().zip(before.all());
        pairs.filter(|(new, old)| new != old).map(|(new, _)| new).collect()
    }

    fn all(&self) -> [Setting; 5] {
        [
            Setting::Rate(self.rate),
            Setting::Threshold(self.threshold),
            Setting::ExpectedUnknownShare(self.expected_unknown_share),
            Setting::KeepImages(self.keep_images),
            Setting::RetentionDays(self.retention_days),
        ]
    }
}

/// A setting is not in its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the setting `{field}` must be {expected}, got {}", shown(*.got))]
pub struct SettingError {
    /// The name of the setting.
    pub field: &'static str,
    /// The range.
    pub expected: String,
    /// What was given.
    pub got: f64,
}

/// A number as people write it: 7 and not 7.0, and 1e300 without its zeros.
fn shown(number: f64) -> String {
    let text = format!("{number:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn check(field: &'static str, range: &RangeInclusive<f64>, got: f64) -> Result<(), SettingError> {
    // No range contains NaN.
    if range.contains(&got) {
        return Ok(());
    }
    let expected = format!("from {} to {}", range.start(), range.end());
    Err(SettingError { field, expected, got })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: GallerySettings = GallerySettings {
        rate: 0.05,
        threshold: None,
        expected_unknown_share: 0.5,
        keep_images: KeepImages::Thumb,
        retention_days: 30,
    };

    fn rate(rate: f64) -> GallerySettings {
        GallerySettings { rate, ..DEFAULT }
    }

    fn threshold(threshold: f64) -> GallerySettings {
        GallerySettings { threshold: Some(threshold), ..DEFAULT }
    }

    fn expected_unknown_share(expected_unknown_share: f64) -> GallerySettings {
        GallerySettings { expected_unknown_share, ..DEFAULT }
    }

    #[test]
    fn defaults_and_the_ends_of_each_range_are_accepted() {
        assert_eq!(GallerySettings::default(), DEFAULT);
        let accepted = [
            DEFAULT,
            rate(0.001),
            rate(0.5),
            threshold(-2.0),
            threshold(2.0),
            expected_unknown_share(0.001),
            expected_unknown_share(0.999),
            GallerySettings { retention_days: 0, ..DEFAULT },
            GallerySettings { retention_days: 36_500, ..DEFAULT },
        ];
        for settings in accepted {
            assert_eq!(settings.check(), Ok(()), "{settings:?}");
        }
    }

    /// `setting` makes settings with one value; all that are not in its range name it.
    fn assert_refused(setting: fn(f64) -> GallerySettings, field: &str, range: [f64; 2]) {
        let outside = [range[0] - 1e-9, range[1] + 1e-9, 1e300];
        let not_finite = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        for got in outside.into_iter().chain(not_finite) {
            let error = setting(got).check().unwrap_err();
            let [low, high] = range;
            let expected =
                format!("the setting `{field}` must be from {low} to {high}, got {got:?}");
            assert_eq!((error.field, error.to_string()), (field, expected));
        }
    }

    #[test]
    fn what_is_out_of_range_or_not_finite_is_refused() {
        assert_refused(rate, "rate", [0.001, 0.5]);
        assert_refused(threshold, "threshold", [-2.0, 2.0]);
        assert_refused(expected_unknown_share, "expected_unknown_share", [0.001, 0.999]);
        let error = GallerySettings { retention_days: 36_501, ..DEFAULT }.check().unwrap_err();
        let expected = "the setting `retention_days` must be from 0 to 36500, got 36501";
        assert_eq!((error.field, error.to_string().as_str()), ("retention_days", expected));
        let error = rate(7.0).check().unwrap_err().to_string();
        assert!(error.ends_with("got 7"), "{error}");
    }

    #[test]
    fn what_changed_makes_the_settings_of_the_former_ones() {
        let changed =
            GallerySettings { threshold: Some(0.5), keep_images: KeepImages::Off, ..rate(0.1) };
        let settings = changed.changed_from(&DEFAULT);
        assert_eq!(settings.len(), 3);
        let made = settings.into_iter().fold(DEFAULT, |all, one| one.applied_to(all));
        assert_eq!(made, changed);
    }
}
