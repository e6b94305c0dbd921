//! `handful doctor`: checks board, bundle, engines and store, and suggests what to do.

mod board;
mod engines;
mod fix;
mod report;
mod runtime;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use edge::board::{Board, LEAST_FREE_BYTES, NextStep, free_bytes};
use edge::decision;
use edge::device::{Device, DeviceSettings, StoreAccess, Threads};
use edge::engine::EngineOptions;
use edge::gallery::Gallery;
use edge::lexicon::NameKnowledge;
use models::bundle::{Bundle, Manifest};
use models::fault::{AnyFault, Blame, Fault, Message};
use serde::{Serialize, Serializer};
use terminal::note;

use crate::text::show;
use board::{BoardState, gigabytes};
use engines::{Built, CacheState, EngineState, better, chosen, engine_table, try_engines};
use runtime::Runtime;

const EXAMPLES: &str = "\
Examples:
  handful doctor
  handful doctor --json
  handful doctor --fix                  print how to get the next better engine on this board
  handful doctor --fix --yes            run these commands
  handful doctor --report report.json   write a report for a bug: without names and home folder
  handful doctor --root /mnt/jetson     read the board of a mounted disk

Exit codes: 0 no problem, 1 a problem of this machine (no engine works, the store is in use, its
disk is full), 2 only problems of the input (no such bundle).";

/// Look at the board, check the bundle, try every engine and inspect the store
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also write the answer to a file that can be given to others: JSON without the names of the
    /// user, of the machine and of galleries, and without the home folder
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Read the files of the board (JetPack, libraries, clocks) below this folder [default: /]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print only what to do for the next better engine on this board
    #[arg(long, conflicts_with_all = ["json", "report"])]
    fix: bool,
    /// With --fix: run the commands, up to the first step that is made by hand
    #[arg(long, requires = "fix", conflicts_with = "root")]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    board: BoardState,
    bundle: Option<BundleState>,
    #[serde(flatten)]
    runtime: Runtime,
    engines: Vec<EngineState>,
    engine_cache: Option<CacheState>,
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
    /// What to install so that a better engine works.
    #[serde(serialize_with = "as_text")]
    next_step: Option<NextStep>,
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
    /// Bytes that can still be written on its disk.
    free_bytes: Option<u64>,
}

pub(crate) fn run(
    options: &Options,
    device: &Device,
    settings: &DeviceSettings,
) -> Result<(), AnyFault> {
    let root = options.root.as_deref().unwrap_or(Path::new("/"));
    if !root.is_dir() {
        let text = format!("--root {} is no folder; name the root of a board", root.display());
        return Err(Message::input(text).into());
    }
    let answer = examine(device, settings, &Board::read(root));
    // Without a bundle no engine was tried: the problem is shown.
    if options.fix && answer.bundle.is_some() {
        return fix::fix(answer.next_step.as_ref(), device, options.yes);
    }
    show(&answer, options.json)?;
    if let Some(file) = &options.report {
        report::write(file, &answer, device, root)?;
        note!("the report is in {}; read it before you give it away", file.display());
    }
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

/// A step in JSON, as it is printed.
fn as_text<S: Serializer>(step: &Option<NextStep>, serializer: S) -> Result<S::Ok, S::Error> {
    step.as_ref().map(NextStep::to_string).serialize(serializer)
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

fn examine(device: &Device, settings: &DeviceSettings, board: &Board) -> Answer {
    // No part ends the examination, so that a user sees everything that is to be mended.
    let mut findings = Findings { hints: board::hints(board), ..Findings::default() };
    let library = device.onnxruntime();
    let is_library_usable = findings.problem_if_err(device.engine_options()).is_some();
    // Not those of the device, which has none if a named library is missing. All engines are tried,
    // not only those of `--engine`.
    let options = EngineOptions {
        onnxruntime: library.as_ref().ok().cloned(),
        threads: Some(settings.threads.map_or_else(Threads::for_engine, Threads::get)),
        precision: settings.precision.unwrap_or_default(),
        gpu: device.gpu_options(),
    };
    let runtime = library.as_deref().map(Runtime::of).unwrap_or_default();
    let Some(bundle) = findings.problem_if_err(device.bundle(None)) else {
        return Answer::without_bundle(board, runtime, findings);
    };
    let machine = board.machine(options.onnxruntime.as_deref());
    let built = Built { cache: device.engine_cache(), machine };
    let engines = try_engines(&bundle, &options, &built);
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
        board: BoardState::of(board),
        bundle: Some(BundleState::of(&bundle)),
        runtime,
        next_step: better(board, &engines),
        engines,
        engine_cache: built.cache.as_ref().map(CacheState::of),
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
    if let Some(free) = store.free_bytes.filter(|free| *free < LEAST_FREE_BYTES) {
        findings.add_problem(&Message::machine(format!(
            "the disk of the store is full: {free} bytes are left; remove files that are not needed"
        )));
    }
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
        Self {
            path: None,
            state,
            classes: 0,
            examples: 0,
            background: 0,
            revision: 0,
            free_bytes: None,
        }
    }
}

/// Opens the store if there is one; never creates one.
fn look_at_store(device: &Device, manifest: &Manifest) -> Result<StoreState, AnyFault> {
    let dir = device.store_dir()?;
    let path = Some(dir.display().to_string());
    let free_bytes = free_bytes(&dir);
    if !Gallery::store_exists(&dir) {
        let state = "will be created by the first enrollment".to_owned();
        return Ok(StoreState { path, state, free_bytes, ..StoreState::unknown() });
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
        free_bytes,
    })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.board)?;
        match &self.bundle {
            Some(bundle) => writeln!(f, "{bundle}")?,
            None => writeln!(f, "bundle   not usable (see the problems)")?,
        }
        writeln!(f, "{}", self.runtime)?;
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
        if let Some(cache) = self.engine_cache.as_ref().filter(|cache| cache.engines > 0) {
            writeln!(f, "built: {cache}")?;
        }
        if let Some(chosen) = &self.chosen {
            writeln!(f, "chosen: {chosen}")?;
        }
        if let Some(step) = &self.next_step {
            writeln!(f, "a better engine, {step}")?;
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
    fn without_bundle(board: &Board, runtime: Runtime, findings: Findings) -> Self {
        Self {
            board: BoardState::of(board),
            bundle: None,
            runtime,
            // What works is not known.
            next_step: None,
            lexicon: None,
            names_off: None,
            rejects_unknown: false,
            decision_off: None,
            engines: Vec::new(),
            engine_cache: None,
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
        let Self { path, state, classes, examples, background, revision, free_bytes } = self;
        let path = path.as_deref().unwrap_or("-");
        write!(f, "store    {path}: {state}")?;
        if *classes > 0 {
            write!(f, ", {classes} classes, {examples} examples, ")?;
            write!(f, "{background} background examples, revision {revision}")?;
        }
        match free_bytes {
            Some(free) => write!(f, ", {} free on its disk", gigabytes(*free)),
            None => Ok(()),
        }
    }
}
