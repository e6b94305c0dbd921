//! `handful classify`: classifies image files.

mod answer;
mod verdict;

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::embedder::Embedded;
use edge::recognizer::{Availability, ClassifyOptions};
use models::fault::{AnyFault, Message};
use models::image::Crop;
use terminal::note;

use super::embedding::{Purpose, embed_all};
use super::gallery::parse_rate;
use super::inputs::Inputs;
use super::{FileError, ModelInfo, check_classes, decision_off, open, report_errors};
use crate::text::{one_line, progress, show};
use answer::{Answer, FileAnswer};

const EXAMPLES: &str = "\
Examples:
  handful classify photo.jpg
  handful classify --top 3 holiday/*.jpg
  handful classify --json holiday/                      all images in a folder, or in a .zip
  ffmpeg … -f image2pipe - | handful classify -         one image from standard input
  handful classify --explain photo.jpg
  handful classify --transductive box-1.jpg box-2.jpg box-3.jpg
  handful classify --json photo.jpg | jq -r '.results[0].label'
  handful classify --rate 0.01 photo.jpg                accept 1 in 100 unknown images
  handful classify --fail-unknown photo.jpg && echo known
  handful classify --crop 0.25,0.1,0.5,0.5 photo.jpg    only this part of the image

The answer for an image that shows none of the classes is \"unknown\", with the most similar classes
below. `handful gallery settings` sets how many unknown images are accepted by mistake.

Exit codes: 0 every file has an answer; 1 something failed or, with --fail-unknown, an image is
unknown; 2 bad input, such as a file that is no image, whether or not an image is unknown.";

/// Say which enrolled class each image shows, or that it shows none of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Image files, folders and archives (.zip, .tar, .tar.gz, .tar.xz) of them, or - for an image
    /// on standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Candidates per image
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    top: usize,

    /// Classify all images of the call together (transductive inference); needs two images or more,
    /// and is more accurate if most of the images show enrolled classes
    #[arg(long)]
    transductive: bool,

    /// Also show the most similar examples and, for information only, parts of the best class
    #[arg(long)]
    explain: bool,

    /// Share of unknown images that may be accepted in this call, 0.001 to 0.5; replaces the rate
    /// or the threshold of the gallery
    #[arg(long, value_name = "R", allow_negative_numbers = true, value_parser = parse_rate)]
    rate: Option<f64>,

    /// Classify only this rectangle of every image: left, top, width and height of the upright
    /// image, as fractions (0.25,0.1,0.5,0.5) or in pixels (100,40,200,200)
    #[arg(long, value_name = "X,Y,W,H", allow_hyphen_values = true)]
    crop: Option<Crop>,

    /// Exit with code 1 if an image is unknown, after all answers are printed
    #[arg(long)]
    fail_unknown: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let inputs = Inputs::of(&options.paths, options.json);
    let total = inputs.images.len() + inputs.errors.len();
    // Checked before the bundle is opened and the engine starts.
    if options.transductive && total < 2 {
        return Err(Message::input("--transductive needs at least 2 images, got 1").into());
    }
    // The store is read and closed again: its lock is not held while the network runs.
    let mut recognizer = open(device, StoreAccess::Snapshot)?;
    check_classes(&recognizer.summary(), &device.store_dir()?)?;
    recognizer.check_space()?;
    check_decision(options, &recognizer)?;
    let answer = answer(options, inputs, &mut recognizer)?;
    if let Availability::Failed(reason) = recognizer.attribute_weights() {
        note!("warning: attribute weights: off ({})", one_line(reason));
    }
    // Good files are answered even if others failed; the exit code reports those.
    show(&answer, options.json)?;
    report_errors(&answer.errors, total, "")?;
    if options.fail_unknown { check_known(&answer.results) } else { Ok(()) }
}

/// With a bundle that rejects nothing, what only a rejection can give is refused.
fn check_decision(options: &Options, recognizer: &Recognizer) -> Result<(), Message> {
    let needs = options.rate.map(|_| "--rate").or(options.fail_unknown.then_some("--fail-unknown"));
    match (decision_off(recognizer), needs) {
        (Some(reason), Some(option)) => Err(Message::input(format!("{option}: {reason}"))),
        (Some(reason), None) => {
            note!("note: {reason}");
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

fn check_known(results: &[FileAnswer]) -> Result<(), AnyFault> {
    match results.iter().filter(|result| result.is_rejected()).count() {
        0 => Ok(()),
        unknown => {
            let total = results.len();
            let text = format!("{unknown} of {total} images unknown (--fail-unknown)");
            Err(Message::machine(text).into())
        }
    }
}

fn answer(
    options: &Options,
    inputs: Inputs,
    recognizer: &mut Recognizer,
) -> Result<Answer, AnyFault> {
    let model = ModelInfo::of(recognizer)?;
    let total = inputs.images.len() + inputs.errors.len();
    let EmbeddedInputs { files, images, errors } = embed(&inputs, recognizer, options);
    // Files without an embedding do not count, so there may be too few now.
    if options.transductive && images.len() < 2 {
        report_errors(&errors, total, "; --transductive needs at least 2 images")?;
    }
    let Options { top, explain, transductive, rate, .. } = *options;
    let asked = ClassifyOptions { top, explain, transductive, rate };
    let classified = recognizer.classify(&images, asked)?;
    let classes = recognizer.summary().recognizable;
    let answers = files.into_iter().zip(images).zip(classified.answers);
    Ok(Answer {
        results: answers
            .map(|((file, image), answer)| FileAnswer::new(file, image, answer, classes))
            .collect(),
        errors,
        left_out: inputs.left_out,
        fusion: classified.fusion,
        setting: classified.setting,
        model,
    })
}

/// The images that have an embedding, with their names, and the errors of the others.
struct EmbeddedInputs {
    files: Vec<String>,
    images: Vec<Embedded>,
    errors: Vec<FileError>,
}

fn embed(inputs: &Inputs, recognizer: &mut Recognizer, options: &Options) -> EmbeddedInputs {
    let bar = progress("classifying", inputs.images.len(), options.json);
    let errors = inputs.errors.clone();
    let mut embedded = EmbeddedInputs { files: Vec::new(), images: Vec::new(), errors };
    let purpose = Purpose { crop: options.crop, keep: None };
    embed_all(recognizer, &inputs.images, purpose, |input, image| {
        bar.inc(1);
        // A file that cannot be used is reported at the end; the others still get their answer.
        match image {
            Err(error) => embedded.errors.push(error),
            Ok(image) => {
                embedded.files.push(input.name());
                embedded.images.push(image);
            }
        }
    });
    bar.finish_and_clear();
    embedded
}
