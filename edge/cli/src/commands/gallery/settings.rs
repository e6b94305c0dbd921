//! `handful gallery settings`: shows and changes what the gallery accepts, and what it keeps.

use std::fmt;

use clap::Args;
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::gallery::{GallerySettings, KeepImages};
use edge::recognizer::Precondition;
use models::fault::AnyFault;
use serde::Serialize;
use terminal::note;

use super::purge::parse_days;
use super::store::open_existing;
use crate::commands::changed::Changed;
use crate::commands::{decision_off, open};
use crate::text::{rate, show};

const EXAMPLES: &str = "\
Examples:
  handful gallery settings                               show the settings
  handful gallery settings --rate 0.02                   accept 2 in 100 unknown images
  handful gallery settings --threshold 0.3               accept scores from 0.3 on
  handful gallery settings --no-threshold                use the rate again
  handful gallery settings --expected-unknown-share 0.9  where most images are unknown
  handful gallery settings --keep-images original        keep the files of enrolled images
  handful gallery settings --retention-days 365          purge later

`handful calibrate` lists the thresholds of several rates. The expected unknown share changes
probabilities, not what is accepted. What is kept of images holds for those that are enrolled from
then on; images that were kept before stay.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Share of unknown images that may be accepted, 0.001 to 0.5
    #[arg(long, value_name = "R", allow_negative_numbers = true, value_parser = parse_rate)]
    rate: Option<f64>,

    /// Least score that is accepted, -2 to 2; replaces the rate
    #[arg(long, value_name = "Z", allow_negative_numbers = true, conflicts_with = "no_threshold")]
    #[arg(value_parser = parse_threshold)]
    threshold: Option<f64>,

    /// Remove the threshold: the rate counts
    #[arg(long)]
    no_threshold: bool,

    /// Share of the images to classify that are expected to be unknown, 0.001 to 0.999
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    #[arg(value_parser = parse_expected_unknown_share)]
    expected_unknown_share: Option<f64>,

    /// What is kept of each enrolled image: thumb (a small JPEG), original (the file) or off
    #[arg(long, value_name = "WHAT")]
    keep_images: Option<KeepImages>,

    /// Days after which `handful gallery purge`, and handful-server by itself, forget what was
    /// removed, 0 to 36500
    #[arg(long, value_name = "N", value_parser = parse_days)]
    retention_days: Option<u32>,
}

/// What the gallery accepts.
#[derive(Debug, Serialize)]
pub(crate) struct SettingsAnswer {
    rate: f64,
    /// Null: the rate counts.
    threshold: Option<f64>,
    expected_unknown_share: f64,
}

/// What the gallery accepts, and what it keeps.
#[derive(Debug, Serialize)]
pub(super) struct AllSettings {
    #[serde(flatten)]
    pub(super) accepted: SettingsAnswer,
    keep_images: KeepImages,
    retention_days: u32,
}

#[derive(Debug, Serialize)]
struct Answer {
    settings: AllSettings,
    revision: u64,
}

pub(super) fn run(options: &Options, json: bool, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = match options.changes() {
        true => open_existing(device)?,
        false => open(device, StoreAccess::Snapshot)?,
    };
    if let Some(reason) = decision_off(&recognizer) {
        note!("note: the rate and the threshold have no effect: {reason}");
    }
    if !options.changes() {
        return show(&Answer::of(&recognizer), json);
    }
    let settings = options.applied_to(*recognizer.settings());
    recognizer.set_settings(settings, Precondition::Anything)?;
    show(&Changed::by(&recognizer, Answer::of(&recognizer)), json)
}

impl Answer {
    fn of(recognizer: &Recognizer) -> Self {
        let settings = AllSettings::of(*recognizer.settings());
        Self { settings, revision: recognizer.revision() }
    }
}

impl Options {
    fn changes(&self) -> bool {
        let numbers = [self.rate, self.threshold, self.expected_unknown_share];
        self.no_threshold
            || numbers.iter().any(Option::is_some)
            || self.keep_images.is_some()
            || self.retention_days.is_some()
    }

    fn applied_to(&self, settings: GallerySettings) -> GallerySettings {
        let share = self.expected_unknown_share;
        GallerySettings {
            rate: self.rate.unwrap_or(settings.rate),
            threshold: match settings.threshold {
                _ if self.no_threshold => None,
                kept => self.threshold.or(kept),
            },
            expected_unknown_share: share.unwrap_or(settings.expected_unknown_share),
            keep_images: self.keep_images.unwrap_or(settings.keep_images),
            retention_days: self.retention_days.unwrap_or(settings.retention_days),
        }
    }
}

// The gallery checks all settings again; here the error names the option.
fn parse_with(text: &str, set: impl FnOnce(&mut GallerySettings, f64)) -> Result<f64, String> {
    let value = text.parse().map_err(|_| "expected a number, such as 0.05".to_owned())?;
    let mut settings = GallerySettings::default();
    set(&mut settings, value);
    settings.check().map(|()| value).map_err(|error| error.to_string())
}

/// Reads the value of `--rate`.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    parse_with(text, |settings, rate| settings.rate = rate)
}

fn parse_threshold(text: &str) -> Result<f64, String> {
    parse_with(text, |settings, threshold| settings.threshold = Some(threshold))
}

fn parse_expected_unknown_share(text: &str) -> Result<f64, String> {
    parse_with(text, |settings, share| settings.expected_unknown_share = share)
}

impl SettingsAnswer {
    pub(crate) fn of(settings: GallerySettings) -> Self {
        let GallerySettings { rate, threshold, expected_unknown_share, .. } = settings;
        Self { rate, threshold, expected_unknown_share }
    }

    /// What is accepted, in a line.
    pub(crate) fn in_words(&self) -> String {
        match self.threshold {
            Some(threshold) => format!(
                "scores of {threshold} and more (threshold); the rate {} has no effect",
                self.rate
            ),
            None => format!("up to {} of unknown images (rate {})", rate(self.rate), self.rate),
        }
    }
}

impl AllSettings {
    pub(super) fn of(settings: GallerySettings) -> Self {
        let GallerySettings { keep_images, retention_days, .. } = settings;
        Self { accepted: SettingsAnswer::of(settings), keep_images, retention_days }
    }

    /// What is kept of images, in a line.
    pub(super) fn kept(&self) -> String {
        let what = match self.keep_images {
            KeepImages::Thumb => "a JPEG of at most 256 pixels on the long side",
            KeepImages::Original => "the bytes of the file",
            KeepImages::Off => "no image, only its embedding",
        };
        format!("images kept: {} ({what})", self.keep_images)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted = &self.settings.accepted;
        let threshold = accepted.threshold.map_or_else(|| "none".to_owned(), |z| z.to_string());
        writeln!(f, "rate                    {}", accepted.rate)?;
        writeln!(f, "threshold               {threshold}")?;
        writeln!(f, "expected unknown share  {}", accepted.expected_unknown_share)?;
        writeln!(f, "retention days          {}", self.settings.retention_days)?;
        writeln!(f, "accepted: {}", accepted.in_words())?;
        writeln!(f, "{}", self.settings.kept())
    }
}
