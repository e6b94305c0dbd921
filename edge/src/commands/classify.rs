//! `handful classify`: what do these pictures show?

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use edge::classifier::{Candidate, Classifier};
use edge::embedder::{Embedded, Embedder};
use models::bundle::Bundle;
use models::picture::Warning;
use serde::Serialize;

use super::{FileError, ModelInfo, embed_file, report_errors};
use crate::failure::Failure;
use crate::settings::Context;
use crate::text::{Align, bar, pad, progress, show};

const EXAMPLES: &str = "\
Examples:
  handful classify photo.jpg
  handful classify --top 3 holiday/*.jpg
  handful classify --json photo.jpg | jq -r '.results[0].label'";

/// Names what pictures show, by the classes that were enrolled
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Pictures: JPEG, PNG or WebP
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Most answers for each picture
    #[arg(long, default_value_t = 5, value_name = "N")]
    top: usize,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    results: Vec<FileAnswer>,
    errors: Vec<FileError>,
    model: ModelInfo,
}

#[derive(Debug, Serialize)]
struct FileAnswer {
    file: String,
    decision: &'static str,
    label: String,
    candidates: Vec<Ranked>,
    warnings: Vec<Noted>,
    timing_ms: TimingMs,
}

#[derive(Debug, Serialize)]
struct Ranked {
    class: String,
    label: String,
    score: f32,
    examples: usize,
    /// The share of what the name tells, 0 to 1.
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

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let bundle = context.bundle(None)?;
    let classifier = enrolled(context, &bundle)?;
    let mut embedder = context.embedder(bundle)?;
    let answer = answer(options, &mut embedder, &classifier);
    show(&answer, options.json);
    report_errors(&answer.errors, options.files.len(), "")
}

/// The store is opened, read and closed: it is not held while the network runs.
fn enrolled(context: &Context, bundle: &Bundle) -> Result<Classifier, Failure> {
    let classes = context.existing_gallery(&bundle.manifest.space_id)?.classes()?;
    let classifier = Classifier::new(&classes, Context::knowledge(bundle).as_ref());
    if classifier.classes() > 0 {
        return Ok(classifier);
    }
    let store = context.store_dir()?;
    let store = store.display();
    Err(Failure::bad(format!("no class is enrolled in {store}; begin with `handful enroll DIR`")))
}

fn answer(options: &Options, embedder: &mut Embedder, classifier: &Classifier) -> Answer {
    let bar = progress("classifying", options.files.len(), options.json);
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for path in bar.wrap_iter(options.files.iter()) {
        match embed_file(embedder, path) {
            Err(error) => errors.push(error),
            Ok(embedded) => {
                let ranked = classifier.classify(&embedded.embedding, options.top.max(1));
                results.push(FileAnswer::new(path.display().to_string(), embedded, ranked));
            }
        }
    }
    bar.finish_and_clear();
    Answer { results, errors, model: ModelInfo::of(embedder) }
}

impl FileAnswer {
    fn new(file: String, embedded: Embedded, ranked: Vec<Candidate>) -> Self {
        let label = ranked.first().map(|best| best.label.to_string()).unwrap_or_default();
        let noted = |Warning { code, detail }| Noted { code, detail };
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let timing = embedded.timing;
        Self {
            file,
            decision: "accepted",
            label,
            candidates: ranked.into_iter().map(Ranked::of).collect(),
            warnings: embedded.warnings.into_iter().map(noted).collect(),
            timing_ms: TimingMs {
                decode: ms(timing.decode),
                preprocess: ms(timing.preprocess),
                embed: ms(timing.embed),
            },
        }
    }
}

impl Ranked {
    fn of(candidate: Candidate) -> Self {
        let Candidate { class_id, label, score, examples, meaning, knowledge } = candidate;
        let synset = meaning.map(|meaning| meaning.synset.to_string());
        let (class, label) = (class_id.to_string(), label.to_string());
        Self { class, label, score, examples, knowledge, synset }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.results.iter().try_for_each(|result| write!(f, "{result}"))
    }
}

impl fmt::Display for FileAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use unicode_width::UnicodeWidthStr;

        writeln!(f, "{}", self.file)?;
        for Noted { detail, .. } in &self.warnings {
            writeln!(f, "  note: {detail}")?;
        }
        let width = self.candidates.iter().map(|c| c.label.width()).max().unwrap_or(0);
        for Ranked { label, score, examples, knowledge, .. } in &self.candidates {
            let label = pad(label, width, Align::Left);
            let bar = pad(&bar(*score, 20), 20, Align::Left);
            let pictures = if *examples == 1 { "picture" } else { "pictures" };
            let source = match (examples, (100.0 * knowledge).round()) {
                (0, _) => "by its name alone".to_owned(),
                (_, 0.0) => format!("{examples} {pictures}"),
                (_, percent) => format!("{examples} {pictures}, {percent:.0} % by its name"),
            };
            writeln!(f, "  {label}  {score:>5.2}  {bar}  {source}")?;
        }
        Ok(())
    }
}
