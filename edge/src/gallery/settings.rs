//! The settings of a gallery: which images it accepts.

use std::ops::RangeInclusive;

const RATE: RangeInclusive<f64> = 0.001..=0.5;
/// Calibrated scores lie within: a cosine and its corrections have no greater size.
const THRESHOLD: RangeInclusive<f64> = -2.0..=2.0;
const EXPECTED_UNKNOWN_SHARE: RangeInclusive<f64> = 0.001..=0.999;

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
/// assert_eq!(error.to_string(), "the setting `rate` must be from 0.001 to 0.5, got 5.0");
/// # Ok::<(), edge::gallery::GalleryError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

impl Default for GallerySettings {
    fn default() -> Self {
        Self { rate: 0.05, threshold: None, expected_unknown_share: 0.5 }
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
        check("expected_unknown_share", &EXPECTED_UNKNOWN_SHARE, self.expected_unknown_share)
    }
}

/// A setting is not in its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the setting `{field}` must be {expected}, got {got:?}")]
pub struct SettingError {
    /// The name of the setting.
    pub field: &'static str,
    /// The range.
    pub expected: String,
    /// What was given.
    pub got: f64,
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

    const DEFAULT: GallerySettings =
        GallerySettings { rate: 0.05, threshold: None, expected_unknown_share: 0.5 };

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
    }
}
