//! `handful classify`: classifies image files.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use edge::attention::Attention;
use edge::classifier::{Candidate, Classifier, Neighbor};
use edge::embedder::{Embedded, Embedder};
use edge::explain::{AttributeWeight, explain};
use edge::gallery::Class;
use edge::lexicon::NameKnowledge;
use few_shot::fusion::{Fusion, Setting};
use models::bundle::Bundle;
use models::fault::{AnyFault, Message};
use models::image::Warning;
use serde::Serialize;

use super::{FileError, ModelInfo, embed_file, report_errors};
use crate::settings::Context;
use crate::text::{Align, bar, pad, progress, show};

const EXAMPLES: &str = "\
Examples:
  handful classify photo.jpg
  handful classify --top 3 holiday/*.jpg
  handful classify --explain photo.jpg
  handful classify --transductive box-1.jpg box-2.jpg box-3.jpg
  handful classify --json photo.jpg | jq -r '.results[0].label'";

/// Attributes that the text output lists at most.
const MAX_SHOWN: usize = 8;

/// Classify images by the enrolled classes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Image files: JPEG, PNG or WebP
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Candidates per image
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    top: usize,

    /// Refine the class prototypes with all images of the call (transductive inference); helps when most of them show enrolled classes
    #[arg(long)]
    transductive: bool,

    /// Explain each answer: attributes of the class and the most similar examples
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
    decision: &'static str,
    label: String,
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
    /// Cosine similarity to the class prototype.
    similarity: f32,
    /// What ranking adds: 0 for a class with examples.
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

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), AnyFault> {
    let bundle = context.bundle(None)?;
    if options.transductive && options.files.len() < 2 {
        return Err(Message::input("--transductive needs at least 2 images, got 1").into());
    }
    let knowledge = Context::knowledge(&bundle);
    let (classes, classifier) = enrolled(context, &bundle, knowledge.as_ref())?;
    let mut reasons = match options.explain {
        true => Some(Reasons { attention: context.attention(&bundle)?, knowledge }),
        false => None,
    };
    let mut embedder = context.embedder(bundle)?;
    let answer = answer(options, &mut embedder, &classes, &classifier, reasons.as_mut())?;
    show(&answer, options.json);
    report_errors(&answer.errors, options.files.len(), "")
}

/// Opens the store, reads it and closes it: the lock is not held while the network runs.
fn enrolled(
    context: &Context,
    bundle: &Bundle,
    knowledge: Option<&NameKnowledge>,
) -> Result<(Vec<Class>, Classifier), AnyFault> {
    let classes = context.existing_gallery(&bundle.manifest.space_id)?.classes();
    let classifier = Classifier::new(&classes, knowledge);
    if classifier.classes() > 0 {
        return Ok((classes, classifier));
    }
    let store = context.store_dir()?;
    let store = store.display();
    Err(Message::input(format!(
        "no class is enrolled in {store}; enroll some with `handful enroll DIR`"
    ))
    .into())
}

fn answer(
    options: &Options,
    embedder: &mut Embedder,
    classes: &[Class],
    classifier: &Classifier,
    mut reasons: Option<&mut Reasons>,
) -> Result<Answer, AnyFault> {
    let bar = progress("classifying", options.files.len(), options.json);
    let (mut read, mut errors) = (Vec::new(), Vec::new());
    for path in bar.wrap_iter(options.files.iter()) {
        match embed_file(embedder, path) {
            Err(error) => errors.push(error),
            Ok(embedded) => read.push((path.display().to_string(), embedded)),
        }
    }
    bar.finish_and_clear();
    if options.transductive && read.len() < 2 {
        report_errors(&errors, options.files.len(), "; --transductive needs at least 2 images")?;
    }
    let embeddings: Vec<&[f32]> = read.iter().map(|(_, e)| e.embedding.as_slice()).collect();
    let top = options.top.max(1);
    let ranked = match options.transductive {
        true => classifier.classify_together(&embeddings, top),
        false => embeddings.iter().map(|e| classifier.classify(e, top)).collect(),
    };
    let answers = read.into_iter().zip(ranked).map(|((file, embedded), ranked)| {
        let best = ranked.first().zip(reasons.as_deref_mut());
        let why = best.map(|(best, reasons)| reasons.why(best, classes, &embedded.embedding));
        Ok(FileAnswer::new(file, embedded, ranked, why.transpose()?))
    });
    let results = answers.collect::<Result<Vec<_>, AnyFault>>()?;
    let setting = if options.transductive { Setting::Transductive } else { Setting::Inductive };
    let fusion = if options.transductive { Fusion::SoftKMeans } else { classifier.fusion() };
    Ok(Answer { results, errors, fusion, setting, model: ModelInfo::of(embedder) })
}

/// What an explanation is computed from.
struct Reasons {
    knowledge: Option<NameKnowledge>,
    attention: Option<Attention>,
}

impl Reasons {
    fn why(
        &mut self,
        best: &Candidate,
        classes: &[Class],
        embedding: &[f32],
    ) -> Result<Why, AnyFault> {
        let class = classes.iter().find(|class| class.id == best.class_id);
        let class = class.expect("invariant: candidates are enrolled classes");
        let (knowledge, attention) = (self.knowledge.as_ref(), self.attention.as_mut());
        let found = explain(best, class, embedding, knowledge, attention)?;
        let weighed = |AttributeWeight { name, weight }| Weighed { name, weight };
        let alike = |near: Neighbor| Alike {
            example: near.example_id.to_string(),
            similarity: near.similarity,
        };
        Ok(Why {
            attributes: found.attributes.into_iter().map(weighed).collect(),
            nearest: found.nearest.into_iter().map(alike).collect(),
        })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weighed = |Weighed { name, weight }: &Weighed| match weight {
            Some(weight) => format!("{name} {weight:.2}"),
            None => name.clone(),
        };
        let attributes: Vec<String> = self.attributes.iter().take(MAX_SHOWN).map(weighed).collect();
        if !attributes.is_empty() {
            writeln!(f, "  attributes    {}", attributes.join(", "))?;
        }
        let alike = |Alike { example, similarity }: &Alike| format!("{example} ({similarity:.2})");
        let nearest: Vec<String> = self.nearest.iter().map(alike).collect();
        if !nearest.is_empty() {
            writeln!(f, "  most similar  {}", nearest.join(", "))?;
        }
        Ok(())
    }
}

impl FileAnswer {
    fn new(
        file: String,
        embedded: Embedded,
        ranked: Vec<Candidate>,
        explanation: Option<Why>,
    ) -> Self {
        let label = ranked.first().map(|best| best.label.to_string()).unwrap_or_default();
        let noted = |Warning { code, detail }| Noted { code, detail };
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let timing = embedded.timing;
        Self {
            file,
            decision: "accepted",
            label,
            candidates: ranked.into_iter().map(Ranked::of).collect(),
            explanation,
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
        let Candidate { class_id, label, similarity, name_bias, examples, meaning, knowledge } =
            candidate;
        let synset = meaning.map(|meaning| meaning.synset.to_string());
        let (class, label) = (class_id.to_string(), label.to_string());
        Self { class, label, similarity, name_bias, examples, knowledge, synset }
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
        for Ranked { label, similarity, name_bias, examples, knowledge, .. } in &self.candidates {
            let label = pad(label, width, Align::Left);
            let score = (similarity + name_bias).min(1.0);
            let bar = pad(&bar(score, 20), 20, Align::Left);
            let noun = if *examples == 1 { "example" } else { "examples" };
            let source = match (examples, (100.0 * knowledge).round()) {
                (0, _) => "from its name only".to_owned(),
                (_, 0.0) => format!("{examples} {noun}"),
                (_, percent) => format!("{examples} {noun}, {percent:.0} % from its name"),
            };
            writeln!(f, "  {label}  {score:>5.2}  {bar}  {source}")?;
        }
        if let Some(why) = &self.explanation {
            write!(f, "{why}")?;
        }
        Ok(())
    }
}
