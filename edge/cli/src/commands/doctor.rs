//! `handful doctor`: checks the bundle, the engines and the store, and suggests what to do.

mod engines;

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use edge::decision;
use edge::device::{Device, DeviceSettings, StoreAccess, Threads};
use edge::engine::EngineOptions;
use edge::gallery::Gallery;
use edge::lexicon::NameKnowledge;
use models::bundle::{Bundle, Manifest};
use models::fault::{AnyFault, Blame, Fault, Message};
use serde::Serialize;

use crate::text::show;
use engines::{EngineState, chosen, engine_table, try_engines};

const EXAMPLES: &str = "\
Examples:
  handful doctor
  handful doctor --json

Exit codes: 0 no problem, 1 a problem of this machine (no engine works, the store is in use), 2 only
problems of the input (no such bundle).";

/// Check the bundle, try every engine and inspect the store
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    bundle: Option<BundleState>,
    onnxruntime: Option<String>,
    engines: Vec<EngineState>,
    /// File of the lexicon that class names are looked up in.
    lexicon: Option<String>,
    /// Why there is no lexicon, if there is a bundle.
    #[serde(skip)]
    names_off: Option<String>,
    /// Whether the bundle can reject unknown images.
    rejects_unknown: bool,
    /// Why it cannot, if there is a bundle.
    #[serde(skip)]
    decision_off: Option<String>,
    /// The engine that `--engine` selects.
    chosen: Option<String>,
    store: StoreState,
    problems: Vec<Problem>,
    hints: Vec<String>,
}

/// What is to be mended.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Problem {
    text: String,
    #[serde(skip)]
    // For the exit code.
    blame: Blame,
}

#[derive(Debug, Serialize)]
struct BundleState {
    name: String,
    path: String,
    space_id: String,
    files: usize,
    bytes: u64,
    input_size: usize,
    embedding_size: usize,
    license: String,
}

#[derive(Debug, Serialize)]
struct StoreState {
    path: Option<String>,
    state: String,
    classes: usize,
    examples: usize,
    /// Examples of none of the classes.
    background: usize,
    revision: u64,
}

pub(crate) fn run(
    options: &Options,
    device: &Device,
    settings: &DeviceSettings,
) -> Result<(), AnyFault> {
    let answer = examine(device, settings);
    show(&answer, options.json)?;
    let problems = &answer.problems;
    let summary = match problems.len() {
        // Only problems fail the command: with a hint, everything still works.
        0 => return Ok(()),
        1 => "1 problem found".to_owned(),
        n => format!("{n} problems found"),
    };
    match problems.iter().all(|problem| problem.blame == Blame::Input) {
        true => Err(Message::input(summary).into()),
        false => Err(Message::machine(summary).into()),
    }
}

/// What an examination found besides the state of each part.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<Problem>,
    hints: Vec<String>,
}

impl Findings {
    fn add_problem(&mut self, fault: &dyn Fault) {
        self.problems.push(Problem { text: fault.to_string(), blame: fault.blame() });
    }

    /// The value, or none and a problem.
    fn problem_if_err<T, E: Fault>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|fault| self.add_problem(&fault)).ok()
    }
}

fn examine(device: &Device, settings: &DeviceSettings) -> Answer {
    // No part ends the examination, so that a user sees everything that is to be mended.
    let mut findings = Findings::default();
    let library = device.onnxruntime();
    let is_library_usable = findings.problem_if_err(device.engine_options()).is_some();
    // Not those of the device, which has none if a named library is missing. All engines are tried,
    // not only those of `--engine`.
    let options = EngineOptions {
        onnxruntime: library.as_ref().ok().cloned(),
        threads: settings.threads.map(Threads::get),
        precision: settings.precision.unwrap_or_default(),
    };
    let Some(bundle) = findings.problem_if_err(device.bundle(None)) else {
        return Answer::without_bundle(library.ok(), findings);
    };
    let engines = try_engines(&bundle, &options);
    let chosen = chosen(device.engine(), &engines);
    match (&library, &chosen) {
        (_, None) => {
            let text = format!("no engine works for --engine {}", device.engine());
            findings.add_problem(&match is_library_usable {
                true => Message::machine(text),
                // As in other commands, which end with the missing library.
                false => Message::input(text),
            });
        }
        // No problem: tract is part of the program.
        (Err(missing), _) => findings.hints.push(format!("only tract can run: {missing}")),
        (Ok(_), _) => {}
    }
    let store = examine_store(device, &bundle.manifest, &mut findings);
    let names = examine_names(&bundle, &mut findings);
    let decision = examine_decision(&bundle, &mut findings);
    Answer {
        names_off: names.as_ref().err().cloned(),
        lexicon: names.ok(),
        rejects_unknown: decision.is_ok(),
        decision_off: decision.err(),
        bundle: Some(BundleState::of(&bundle)),
        onnxruntime: library.ok().map(|path| path.display().to_string()),
        engines,
        chosen,
        store,
        problems: findings.problems,
        hints: findings.hints,
    }
}

fn examine_store(device: &Device, manifest: &Manifest, findings: &mut Findings) -> StoreState {
    let store = look_at_store(device, manifest);
    let store = store.unwrap_or_else(|fault| {
        findings.add_problem(&*fault);
        StoreState::unknown()
    });
    if store.path.is_some() && store.classes == 0 {
        let hint = "no class is enrolled; enroll some with `handful enroll DIR`";
        findings.hints.push(hint.to_owned());
    }
    store
}

/// The file of the lexicon, or why the names of classes are not looked up.
fn examine_names(bundle: &Bundle, findings: &mut Findings) -> Result<String, String> {
    let Some(knowledge) = &bundle.manifest.knowledge else {
        return Err("this bundle has no name knowledge".to_owned());
    };
    match NameKnowledge::open(bundle) {
        Ok(Some(names)) if names.name_bias().is_empty() => {
            findings.hints.push(NO_NAME_BIAS.to_owned());
        }
        Ok(_) => {}
        Err(error) => {
            let text = format!("names: off ({error})");
            findings.problems.push(Problem { text, blame: error.blame() });
            return Err(error.to_string());
        }
    }
    Ok(knowledge.lexicon.file.clone())
}

/// Why unknown images are not rejected, if they are not.
fn examine_decision(bundle: &Bundle, findings: &mut Findings) -> Result<(), String> {
    match decision::open(bundle) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => {
            findings.hints.push(NO_DECISION.to_owned());
            Err("this bundle has no decision".to_owned())
        }
        Err(error) => {
            findings.add_problem(&error);
            Err(error.to_string())
        }
    }
}

const NO_DECISION: &str = "every image is accepted: this bundle has no decision; run \
    `handful-export fit-decision` to add it";

const NO_NAME_BIAS: &str = "classes without images rank too low next to classes with images: this \
    bundle has no name bias; run `handful-train complete` and `handful-export` again to add it";

impl BundleState {
    fn of(bundle: &Bundle) -> Self {
        let Manifest { name, space_id, files, backbone, preprocess, licenses, .. } =
            &bundle.manifest;
        Self {
            name: name.clone(),
            path: bundle.path.display().to_string(),
            space_id: space_id.clone(),
            files: files.len(),
            bytes: files.values().map(|file| file.bytes).sum(),
            input_size: preprocess.size,
            embedding_size: backbone.embedding_size,
            license: licenses.weights.clone(),
        }
    }
}

impl StoreState {
    fn unknown() -> Self {
        let state = "not examined".to_owned();
        Self { path: None, state, classes: 0, examples: 0, background: 0, revision: 0 }
    }
}

/// Opens the store if there is one; never creates one.
fn look_at_store(device: &Device, manifest: &Manifest) -> Result<StoreState, AnyFault> {
    let dir = device.store_dir()?;
    let path = Some(dir.display().to_string());
    if !Gallery::store_exists(&dir) {
        let state = "will be created by the first enrollment".to_owned();
        return Ok(StoreState { path, state, ..StoreState::unknown() });
    }
    // Opened and not only looked at: opening checks every page, the space and the lock.
    let gallery = device.gallery(&manifest.space_id, StoreAccess::Existing)?;
    let classes = gallery.classes();
    Ok(StoreState {
        path,
        state: "ready".to_owned(),
        classes: classes.len(),
        examples: classes.iter().map(|class| class.examples.len()).sum(),
        background: gallery.background().len(),
        revision: gallery.revision(),
    })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bundle {
            Some(bundle) => writeln!(f, "{bundle}")?,
            None => writeln!(f, "bundle   not usable (see the problems)")?,
        }
        let library = self.onnxruntime.as_deref().unwrap_or("not found");
        writeln!(f, "library  ONNX Runtime: {library}")?;
        if let Some(lexicon) = &self.lexicon {
            writeln!(f, "names    on: lexicon {lexicon}")?;
        }
        if let Some(reason) = &self.names_off {
            writeln!(f, "names    off ({reason})")?;
        }
        match &self.decision_off {
            Some(reason) => writeln!(f, "unknown  off ({reason})")?,
            None if self.rejects_unknown => {
                writeln!(f, "unknown  on: unknown images are rejected")?
            }
            None => {}
        }
        writeln!(f, "{}", self.store)?;
        write!(f, "\n{}", engine_table(&self.engines))?;
        if let Some(chosen) = &self.chosen {
            writeln!(f, "chosen: {chosen}")?;
        }
        for problem in &self.problems {
            writeln!(f, "problem: {}", problem.text)?;
        }
        for hint in &self.hints {
            writeln!(f, "hint: {hint}")?;
        }
        Ok(())
    }
}

impl Answer {
    /// Engines and store need a bundle to be examined with.
    fn without_bundle(library: Option<PathBuf>, findings: Findings) -> Self {
        Self {
            bundle: None,
            onnxruntime: library.map(|path| path.display().to_string()),
            lexicon: None,
            names_off: None,
            rejects_unknown: false,
            decision_off: None,
            engines: Vec::new(),
            chosen: None,
            store: StoreState::unknown(),
            problems: findings.problems,
            hints: findings.hints,
        }
    }
}

impl fmt::Display for BundleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, files, input_size, embedding_size, .. } = self;
        let mb = self.bytes as f64 / 1e6;
        write!(f, "bundle   {name} in {path}: {files} files verified, {mb:.1} MB, ")?;
        write!(f, "input {input_size}x{input_size}, embedding of {embedding_size} values")
    }
}

impl fmt::Display for StoreState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, state, classes, examples, background, revision } = self;
        let path = path.as_deref().unwrap_or("-");
        write!(f, "store    {path}: {state}")?;
        match classes {
            0 => Ok(()),
            _ => {
                write!(f, ", {classes} classes, {examples} examples, ")?;
                write!(f, "{background} background examples, revision {revision}")
            }
        }
    }
}
