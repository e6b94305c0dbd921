//! `handful classify`: classifies image files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use edge::Recognizer;
use edge::classifier::Candidate;
use edge::device::{Device, StoreAccess};
use edge::embedder::Embedded;
use edge::explain::{AttributeWeight, Explanation};
use edge::recognizer::{self, Availability, ClassifyOptions, GallerySummary};
use few_shot::fusion::{Fusion, Setting};
use models::fault::{AnyFault, Message};
use models::image::Warning;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{FileError, ModelInfo, embed_file, open, report_errors};
use crate::text::{Align, bar, one_line, pad, progress, show};

const EXAMPLES: &str = "\
Examples:
  handful classify photo.jpg
  handful classify --top 3 holiday/*.jpg
  handful classify --explain photo.jpg
  handful classify --transductive box-1.jpg box-2.jpg box-3.jpg
  handful classify --json photo.jpg | jq -r '.results[0].label'";

/// Attributes that the text output lists at most.
const MAX_SHOWN: usize = 8;

/// Rank the enrolled classes for images; an image of an unknown thing gets the most similar one
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Image files: JPEG, PNG or WebP
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

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

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    results: Vec<FileAnswer>,
    errors: Vec<FileError>,
    fusion: Fusion,
    setting: Setting,
    model: ModelInfo,
}

#[derive(Debug, Serialize)]
struct FileAnswer {
    file: String,
    /// `accepted`, `rejected`, `ambiguous`, or `empty` if there is no candidate.
    decision: &'static str,
    /// That of the best candidate; null if the image is rejected.
    label: Option<String>,
    candidates: Vec<Ranked>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Why>,
    warnings: Vec<Noted>,
    timing_ms: TimingMs,
}

/// Explanation of the best candidate.
#[derive(Debug, Serialize)]
struct Why {
    attributes: Vec<Weighed>,
    nearest: Vec<Alike>,
}

#[derive(Debug, Serialize)]
struct Weighed {
    name: String,
    /// Its weight in the class's prototype; null if it has none.
    weight: Option<f32>,
}

#[derive(Debug, Serialize)]
struct Alike {
    example: String,
    similarity: f32,
}

#[derive(Debug, Serialize)]
struct Ranked {
    class: String,
    label: String,
    /// Cosine similarity of image and class prototype.
    similarity: f32,
    /// Added to the similarity for ranking (calibrated stacking).
    name_bias: f32,
    examples: usize,
    /// Share of the semantic prototype, 0 to 1.
    knowledge: f32,
    synset: Option<String>,
}

#[derive(Debug, Serialize)]
struct Noted {
    code: &'static str,
    detail: String,
}

#[derive(Debug, Serialize)]
struct TimingMs {
    decode: f64,
    preprocess: f64,
    embed: f64,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    // Checked before the bundle is opened and the engine starts.
    if options.transductive && options.files.len() < 2 {
        return Err(Message::input("--transductive needs at least 2 images, got 1").into());
    }
    // The store is read and closed again: its lock is not held while the network runs.
    let mut recognizer = open(device, StoreAccess::Snapshot)?;
    check_classes(&recognizer.summary(), &device.store_dir()?)?;
    let answer = answer(options, &mut recognizer)?;
    if let Availability::Failed(reason) = recognizer.attribute_weights() {
        eprintln!("warning: attribute weights: off ({})", one_line(reason));
    }
    // Good files are answered even if others failed; the exit code reports those.
    show(&answer, options.json);
    report_errors(&answer.errors, options.files.len(), "")
}

/// Refuses a gallery without a class that can be recognized: every answer would be empty.
fn check_classes(gallery: &GallerySummary, store: &Path) -> Result<(), Message> {
    let store = store.display();
    let what = match gallery {
        GallerySummary { classes: 0, .. } => format!("no class is enrolled in {store}"),
        GallerySummary { recognizable: 0, .. } => {
            format!("no class in {store} can be recognized yet: none has images or a known name")
        }
        _ => return Ok(()),
    };
    Err(Message::input(format!("{what}; enroll images with `handful enroll DIR`")))
}

fn answer(options: &Options, recognizer: &mut Recognizer) -> Result<Answer, AnyFault> {
    let model = ModelInfo::of(recognizer)?;
    let (files, images, errors) = embed(options, recognizer);
    // Files without an embedding do not count, so there may be too few now.
    if options.transductive && images.len() < 2 {
        report_errors(&errors, options.files.len(), "; --transductive needs at least 2 images")?;
    }
    let Options { top, explain, transductive, .. } = *options;
    let classified =
        recognizer.classify(&images, ClassifyOptions { top, explain, transductive, rate: None })?;
    let answers = files.into_iter().zip(images).zip(classified.answers);
    Ok(Answer {
        results: answers
            .map(|((file, image), answer)| FileAnswer::new(file, image, answer))
            .collect(),
        errors,
        fusion: classified.fusion,
        setting: classified.setting,
        model,
    })
}

/// The files that have an embedding, with it, and the errors of the others.
fn embed(
    options: &Options,
    recognizer: &mut Recognizer,
) -> (Vec<String>, Vec<Embedded>, Vec<FileError>) {
    let bar = progress("classifying", options.files.len(), options.json);
    let mut files = Vec::new();
    let mut images = Vec::new();
    let mut errors = Vec::new();
    for path in bar.wrap_iter(options.files.iter()) {
        // A file that cannot be used is reported at the end; the others still get their answer.
        match embed_file(recognizer, path) {
            Err(error) => errors.push(error),
            Ok(embedded) => {
                files.push(path.display().to_string());
                images.push(embedded);
            }
        }
    }
    bar.finish_and_clear();
    (files, images, errors)
}

impl Why {
    fn of(explanation: Explanation) -> Self {
        let attributes = explanation.attributes.into_iter();
        let nearest = explanation.nearest.into_iter();
        Self {
            attributes: attributes
                .map(|AttributeWeight { name, weight }| Weighed { name, weight })
                .collect(),
            nearest: nearest
                .map(|near| Alike {
                    example: near.example_id.to_string(),
                    similarity: near.similarity,
                })
                .collect(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes: Vec<_> =
            self.attributes.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
        if !attributes.is_empty() {
            writeln!(f, "  attributes    {}", attributes.join(", "))?;
        }
        let nearest: Vec<_> = self.nearest.iter().map(ToString::to_string).collect();
        if !nearest.is_empty() {
            writeln!(f, "  most similar  {}", nearest.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Weighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.weight.map_or(Ok(()), |weight| write!(f, " {weight:.2}"))
    }
}

impl fmt::Display for Alike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:.2})", self.example, self.similarity)
    }
}

impl FileAnswer {
    fn new(file: String, image: Embedded, answer: recognizer::Answer) -> Self {
        let label = answer.label().map(ToString::to_string);
        let timing = image.timing;
        Self {
            file,
            decision: answer.decision.as_str(),
            label,
            candidates: answer.candidates.into_iter().map(Ranked::of).collect(),
            explanation: answer.explanation.map(Why::of),
            warnings: image
                .warnings
                .into_iter()
                .map(|Warning { code, detail }| Noted { code, detail })
                .collect(),
            timing_ms: TimingMs {
                decode: milliseconds(timing.decode),
                preprocess: milliseconds(timing.preprocess),
                embed: milliseconds(timing.embed),
            },
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Ranked {
    fn of(candidate: Candidate) -> Self {
        Self {
            class: candidate.class_id.to_string(),
            label: candidate.label.to_string(),
            similarity: candidate.similarity,
            name_bias: candidate.name_bias,
            examples: candidate.examples,
            knowledge: candidate.knowledge,
            synset: candidate.meaning.map(|meaning| meaning.synset.to_string()),
        }
    }

    /// What the class was recognized from.
    fn source(&self) -> String {
        let examples = match self.examples {
            0 => return "from its name only".to_owned(),
            1 => "1 example".to_owned(),
            n => format!("{n} examples"),
        };
        match (100.0 * self.knowledge).round() {
            0.0 => examples,
            percent => format!("{examples}, {percent:.0} % from its name"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.results.iter().try_for_each(|result| write!(f, "{result}"))
    }
}

impl fmt::Display for FileAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.file)?;
        for Noted { detail, .. } in &self.warnings {
            writeln!(f, "  note: {detail}")?;
        }
        let width = self.candidates.iter().map(|c| c.label.width()).max().unwrap_or(0);
        for candidate in &self.candidates {
            let label = pad(&candidate.label, width, Align::Left);
            let bar = pad(&bar(candidate.similarity, 20), 20, Align::Left);
            let source = candidate.source();
            writeln!(f, "  {label}  {:>5.2}  {bar}  {source}", candidate.similarity)?;
        }
        if let Some(why) = &self.explanation {
            write!(f, "{why}")?;
        }
        Ok(())
    }
}
