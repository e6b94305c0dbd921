//! `handful doctor`: checks the bundle, the engines and the store, and suggests what to do.

use std::fmt;
use std::time::Instant;

use clap::Args;
use edge::embedder::{embed_batch, start};
use edge::engine::{EngineChoice, EngineOptions, Provider, Rejection};
use edge::gallery::{Gallery, RedbGallery};
use edge::knowledge::Knowledge;
use edge::precision::{Candidate, candidates};
use models::bundle::{Bundle, Manifest, self_test};
use models::fault::{AnyFault, Message};
use serde::Serialize;

use crate::settings::Context;
use crate::text::{Align, show, table};

/// Check the bundle, try every engine and inspect the store
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  handful doctor\n  handful doctor --json")]
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
    /// The engine that `--engine` selects.
    chosen: Option<String>,
    store: StoreState,
    problems: Vec<String>,
    hints: Vec<String>,
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
struct EngineState {
    provider: String,
    precision: String,
    works: bool,
    load_ms: Option<f64>,
    image_ms: Option<f64>,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct StoreState {
    path: Option<String>,
    state: String,
    classes: usize,
    examples: usize,
    revision: u64,
}

pub(crate) fn run(options: &Options, context: &Context) -> Result<(), AnyFault> {
    let answer = examine(context);
    show(&answer, options.json);
    match answer.problems.len() {
        0 => Ok(()),
        1 => Err(Message::machine("1 problem found").into()),
        n => Err(Message::machine(format!("{n} problems found")).into()),
    }
}

fn examine(context: &Context) -> Answer {
    let (mut problems, mut hints) = (Vec::new(), Vec::new());
    let library = context.onnxruntime();
    let options = context.engine_options().unwrap_or_else(|fault| {
        problems.push(fault.to_string());
        EngineOptions::default()
    });
    // All engines are tried, not only those of `--engine`.
    let options = EngineOptions { onnxruntime: library.as_ref().ok().cloned(), ..options };
    let bundle = context.bundle(None).map_err(|fault| problems.push(fault.to_string())).ok();
    let engines = bundle.as_ref().map(|bundle| try_engines(bundle, &options)).unwrap_or_default();
    let chosen = chosen(context.engine(), &engines);
    if let (Err(missing), Some(_)) = (&library, &chosen) {
        hints.push(format!("only tract can run: {missing}"));
    }
    if bundle.is_some() && chosen.is_none() {
        problems.push(format!("no engine works for --engine {}", context.engine()));
    }
    let store = bundle.as_ref().map_or_else(StoreState::unknown, |bundle| {
        look_at_store(context, &bundle.manifest).unwrap_or_else(|fault| {
            problems.push(fault.to_string());
            StoreState::unknown()
        })
    });
    if store.path.is_some() && store.classes == 0 {
        hints.push("no class is enrolled; enroll some with `handful enroll DIR`".to_owned());
    }
    let lexicon = bundle.as_ref().and_then(|bundle| {
        let knowledge = bundle.manifest.knowledge.as_ref()?;
        let unusable = |error| problems.push(format!("names: off ({error})"));
        let opened = Knowledge::open(bundle).map_err(unusable).ok()??;
        if opened.name_bias().is_empty() {
            hints.push("classes without images rank too low next to classes with images: this bundle has no name bias; run `handful-train complete` and `handful-export` again to add it".to_owned());
        }
        Some(knowledge.lexicon.file.clone())
    });
    let onnxruntime = library.ok().map(|path| path.display().to_string());
    let bundle = bundle.as_ref().map(BundleState::of);
    Answer { bundle, onnxruntime, lexicon, engines, chosen, store, problems, hints }
}

fn try_engines(bundle: &Bundle, options: &EngineOptions) -> Vec<EngineState> {
    let states = |provider: Provider| match candidates(bundle, provider, options.precision) {
        Err(Rejection { reason, .. }) => {
            let refused = EngineState::new(provider, options.precision.to_string());
            vec![EngineState { reason: Some(reason), ..refused }]
        }
        Ok(candidates) => {
            let state = |file| EngineState::of(bundle, file, provider, options);
            candidates.into_iter().map(state).collect()
        }
    };
    Provider::ALL.into_iter().flat_map(states).collect()
}

fn chosen(choice: EngineChoice, engines: &[EngineState]) -> Option<String> {
    let wanted: Vec<_> = choice.providers().iter().map(Provider::to_string).collect();
    let mut working = engines.iter().filter(|e| e.works && wanted.contains(&e.provider));
    working.next().map(|engine| match engine.precision.as_str() {
        "fp32" => engine.provider.clone(),
        precision => format!("{} in {precision}", engine.provider),
    })
}

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

impl EngineState {
    fn new(provider: Provider, precision: String) -> Self {
        let (provider, works) = (provider.to_string(), false);
        Self { provider, precision, works, load_ms: None, image_ms: None, reason: None }
    }

    fn of(
        bundle: &Bundle,
        candidate: Candidate<'_>,
        provider: Provider,
        options: &EngineOptions,
    ) -> Self {
        let new = || Self::new(provider, candidate.precision.to_string());
        let before = Instant::now();
        let mut engine = match start(bundle, candidate, provider, options) {
            Ok(engine) => engine,
            Err(refused) => return Self { reason: Some(refused.reason), ..new() },
        };
        let load_ms = before.elapsed().as_secs_f64() * 1e3;
        let Manifest { self_test, preprocess, .. } = &bundle.manifest;
        let input = self_test::input(self_test.seed, preprocess.size);
        let before = Instant::now();
        if let Err(error) = embed_batch(engine.as_mut(), &bundle.manifest, input.view()) {
            return Self { reason: Some(error.to_string()), ..new() };
        }
        let image_ms = Some(before.elapsed().as_secs_f64() * 1e3);
        Self { works: true, load_ms: Some(load_ms), image_ms, ..new() }
    }
}

impl StoreState {
    fn unknown() -> Self {
        Self { path: None, state: "not examined".to_owned(), classes: 0, examples: 0, revision: 0 }
    }
}

/// Opens the store if there is one; never creates one.
fn look_at_store(context: &Context, manifest: &Manifest) -> Result<StoreState, AnyFault> {
    let dir = context.store_dir()?;
    let path = Some(dir.display().to_string());
    if !RedbGallery::exists(&dir) {
        let state = "will be created by the first enrollment".to_owned();
        return Ok(StoreState { path, state, ..StoreState::unknown() });
    }
    let gallery = context.gallery(&manifest.space_id)?;
    let classes = gallery.classes()?;
    Ok(StoreState {
        path,
        state: "ready".to_owned(),
        classes: classes.len(),
        examples: classes.iter().map(|class| class.examples.len()).sum(),
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
        match &self.lexicon {
            Some(lexicon) => writeln!(f, "names    on: lexicon {lexicon}")?,
            None if self.bundle.is_none() => {}
            None => writeln!(f, "names    off (this bundle has no name knowledge)")?,
        }
        writeln!(f, "{}", self.store)?;
        write!(f, "\n{}", self.engine_table())?;
        if let Some(chosen) = &self.chosen {
            writeln!(f, "chosen: {chosen}")?;
        }
        let lines = |f: &mut fmt::Formatter<'_>, kind: &str, texts: &[String]| {
            texts.iter().try_for_each(|text| writeln!(f, "{kind}: {text}"))
        };
        lines(f, "problem", &self.problems)?;
        lines(f, "hint", &self.hints)
    }
}

impl Answer {
    fn engine_table(&self) -> String {
        let ms = |time: Option<f64>| time.map(|ms| format!("{ms:.1}")).unwrap_or_default();
        let row = |engine: &EngineState| {
            let state = if engine.works { "works" } else { "rejected" };
            let reason = engine.reason.clone().unwrap_or_default();
            let times = [ms(engine.load_ms), ms(engine.image_ms)];
            let words = [engine.provider.as_str(), &engine.precision, state].map(str::to_owned);
            [words.to_vec(), times.to_vec(), vec![reason]].concat()
        };
        let rows: Vec<_> = self.engines.iter().map(row).collect();
        let (left, right) = (Align::Left, Align::Right);
        let times = [("load ms", right), ("image ms", right)];
        let words = [("engine", left), ("precision", left), ("state", left)];
        let columns = [&words[..], &times, &[("reason", left)]];
        table(&columns.concat(), &rows)
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
        let Self { path, state, classes, examples, revision } = self;
        let path = path.as_deref().unwrap_or("-");
        write!(f, "store    {path}: {state}")?;
        match classes {
            0 => Ok(()),
            _ => write!(f, ", {classes} classes, {examples} examples, revision {revision}"),
        }
    }
}
