//! `handful gallery settings`: shows and changes what the gallery accepts.

use std::fmt;

use clap::Args;
use edge::device::{Device, StoreAccess};
use edge::gallery::{Gallery, GallerySettings};
use edge::recognizer::Precondition;
use models::fault::{AnyFault, Message};
use serde::Serialize;
use terminal::note;

use crate::commands::{decision_off, open};
use crate::text::{rate, show};

const EXAMPLES: &str = "\
Examples:
  handful gallery settings                               show the settings
  handful gallery settings --rate 0.02                   accept 2 in 100 unknown images
  handful gallery settings --threshold 0.3               accept scores from 0.3 on
  handful gallery settings --no-threshold                use the rate again
  handful gallery settings --expected-unknown-share 0.9  where most images are unknown

`handful calibrate` lists the thresholds of several rates. The expected unknown share changes
probabilities, not what is accepted.";

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
}

/// What the gallery accepts.
#[derive(Debug, Serialize)]
pub(crate) struct SettingsAnswer {
    rate: f64,
    /// Null: the rate counts.
    threshold: Option<f64>,
    expected_unknown_share: f64,
}

#[derive(Debug, Serialize)]
struct Answer {
    settings: SettingsAnswer,
    revision: u64,
}

pub(super) fn run(options: &Options, json: bool, device: &Device) -> Result<(), AnyFault> {
    let access = if options.changes() { StoreAccess::Existing } else { StoreAccess::Snapshot };
    let store = device.store_dir()?;
    if options.changes() && !Gallery::store_exists(&store) {
        let store = store.display();
        return Err(Message::input(format!(
            "there is no store in {store} yet; enroll images first with `handful enroll DIR`"
        ))
        .into());
    }
    let mut recognizer = open(device, access)?;
    if let Some(reason) = decision_off(&recognizer) {
        note!("note: the settings have no effect: {reason}");
    }
    let mut settings = *recognizer.settings();
    if options.changes() {
        settings = recognizer.set_settings(options.applied_to(settings), Precondition::Anything)?;
    }
    let settings = SettingsAnswer::of(settings);
    show(&Answer { settings, revision: recognizer.revision() }, json)
}

impl Options {
    fn changes(&self) -> bool {
        let Self { rate, threshold, no_threshold, expected_unknown_share } = self;
        *no_threshold || [rate, threshold, expected_unknown_share].iter().any(|one| one.is_some())
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
        let GallerySettings { rate, threshold, expected_unknown_share } = settings;
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

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let threshold = settings.threshold.map_or_else(|| "none".to_owned(), |z| z.to_string());
        writeln!(f, "rate                    {}", settings.rate)?;
        writeln!(f, "threshold               {threshold}")?;
        writeln!(f, "expected unknown share  {}", settings.expected_unknown_share)?;
        writeln!(f, "accepted: {}", self.settings.in_words())
    }
}
