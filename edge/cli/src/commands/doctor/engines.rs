//! Tries the engines of this machine with the networks of a bundle.

use std::fmt;
use std::time::Instant;

use edge::backbone::{BackboneFile, embed_batch, files, start};
use edge::board::{Board, NextStep, next_step};
use edge::built;
use edge::engine::cache::{EngineCache, Found, Machine};
use edge::engine::{
    EngineChoice, EngineFiles, EngineKind, EngineOptions, Provider, Rejection, check_provider,
};
use models::bundle::{Bundle, Manifest, self_test};
use serde::Serialize;

use crate::text::{Align, table};

#[derive(Debug, Serialize)]
pub(super) struct EngineState {
    provider: String,
    precision: String,
    works: bool,
    /// `measured`, `untried` (it is not built yet) or `refused`, as in the states of the service.
    state: &'static str,
    load_ms: Option<f64>,
    image_ms: Option<f64>,
    reason: Option<String>,
}

/// The engines that TensorRT has built for this machine.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) cache: Option<EngineCache>,
    pub(super) machine: Machine,
}

impl Built {
    /// The options with which an engine starts at once; `None` if it would have to be built.
    fn options(
        &self,
        bundle: &Bundle,
        kind: EngineKind,
        options: &EngineOptions,
    ) -> Option<EngineOptions> {
        let mut options = options.clone();
        if kind.provider != Provider::TensorRt {
            return Some(options);
        }
        let made_for = built::made_for(bundle, kind, &options, &self.machine).ok()?;
        let found = self.cache.as_ref().map(|cache| cache.open(&made_for.key()));
        match found {
            Some(Found::Whole(entry)) => options.gpu.files = EngineFiles::Built(entry.folder),
            // Where it cannot be built, its start gives the reason at once.
            _ if check_provider(kind.provider, &options).is_ok() => return None,
            _ => {}
        }
        Some(options)
    }
}

/// Tries every engine that starts at once: nothing is built, which would take minutes.
pub(super) fn try_engines(
    bundle: &Bundle,
    options: &EngineOptions,
    built: &Built,
) -> Vec<EngineState> {
    let states =
        Provider::ALL.into_iter().flat_map(|provider| try_engine(bundle, provider, options, built));
    states.collect()
}

/// What to install for a better engine; nothing if one has only to be built.
pub(super) fn better(board: &Board, engines: &[EngineState]) -> Option<NextStep> {
    next_step(board, best(engines)).filter(|_| engines.iter().all(|one| one.state != UNTRIED))
}

const UNTRIED: &str = "untried";

const NOT_BUILT: &str = "it is not built yet: handful-server builds it behind its answers, and \
    `handful engines build` does it ahead";

/// One state per backbone file of the bundle that the engine may run.
fn try_engine(
    bundle: &Bundle,
    provider: Provider,
    options: &EngineOptions,
    built: &Built,
) -> Vec<EngineState> {
    match files(bundle, provider, options.precision) {
        Err(Rejection { reason, .. }) => {
            let rejected = EngineState::new(provider, options.precision.to_string());
            vec![EngineState { reason: Some(reason), ..rejected }]
        }
        Ok(candidates) => candidates
            .into_iter()
            .map(|candidate| {
                let kind = EngineKind { provider, precision: candidate.precision };
                match built.options(bundle, kind, options) {
                    Some(options) => EngineState::of(bundle, candidate, provider, &options),
                    None => EngineState {
                        reason: Some(NOT_BUILT.to_owned()),
                        state: UNTRIED,
                        ..EngineState::new(provider, candidate.precision.to_string())
                    },
                }
            })
            .collect(),
    }
}

/// The first working engine of the choice, and its precision unless it is the usual one.
pub(super) fn chosen(choice: EngineChoice, engines: &[EngineState]) -> Option<String> {
    let wanted: Vec<_> = choice.providers().iter().map(Provider::to_string).collect();
    // Engines are listed in the order in which they are preferred.
    let mut working = engines.iter().filter(|e| e.works && wanted.contains(&e.provider));
    working.next().map(|engine| match engine.precision.as_str() {
        // The usual precision, which is not mentioned.
        "fp32" => engine.provider.clone(),
        precision => format!("{} in {precision}", engine.provider),
    })
}

/// The best engine that works.
fn best(engines: &[EngineState]) -> Option<Provider> {
    let mut working = engines.iter().filter(|engine| engine.works);
    let name = &working.next()?.provider;
    Provider::ALL.into_iter().find(|provider| provider.to_string() == *name)
}

impl EngineState {
    fn new(provider: Provider, precision: String) -> Self {
        Self {
            provider: provider.to_string(),
            precision,
            works: false,
            state: "refused",
            load_ms: None,
            image_ms: None,
            reason: None,
        }
    }

    fn of(
        bundle: &Bundle,
        candidate: BackboneFile<'_>,
        provider: Provider,
        options: &EngineOptions,
    ) -> Self {
        let state = Self::new(provider, candidate.precision.to_string());
        let before = Instant::now();
        let mut engine = match start(bundle, candidate, provider, options) {
            Ok(engine) => engine,
            Err(rejection) => return Self { reason: Some(rejection.reason), ..state },
        };
        let load_ms = before.elapsed().as_secs_f64() * 1e3;
        let Manifest { self_test, preprocess, .. } = &bundle.manifest;
        // `start` has run the self-test, so the time is that of a warm engine.
        let input = self_test::input(self_test.seed, preprocess.size);
        let before = Instant::now();
        if let Err(error) = embed_batch(engine.as_mut(), &bundle.manifest, input.view()) {
            return Self { reason: Some(error.to_string()), ..state };
        }
        let image_ms = Some(before.elapsed().as_secs_f64() * 1e3);
        Self { works: true, state: "measured", load_ms: Some(load_ms), image_ms, ..state }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let state = match self.state {
            UNTRIED => "not built",
            _ if self.works => "works",
            _ => "rejected",
        };
        vec![
            self.provider.clone(),
            self.precision.clone(),
            state.to_owned(),
            milliseconds(self.load_ms),
            milliseconds(self.image_ms),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

fn milliseconds(time: Option<f64>) -> String {
    time.map(|time| format!("{time:.1}")).unwrap_or_default()
}

const COLUMNS: [(&str, Align); 6] = [
    ("engine", Align::Left),
    ("precision", Align::Left),
    ("state", Align::Left),
    ("load ms", Align::Right),
    ("image ms", Align::Right),
    ("reason", Align::Left),
];

/// A line for each engine and precision.
pub(super) fn engine_table(engines: &[EngineState]) -> String {
    let rows: Vec<_> = engines.iter().map(EngineState::row).collect();
    table(&COLUMNS, &rows)
}

/// The engines that are built.
#[derive(Debug, Serialize)]
pub(super) struct CacheState {
    path: String,
    pub(super) engines: usize,
    bytes: u64,
    max_bytes: u64,
}

impl CacheState {
    pub(super) fn of(cache: &EngineCache) -> Self {
        // One that cannot be read has none for this user.
        let listed = cache.list().unwrap_or_default();
        Self {
            path: cache.root().display().to_string(),
            engines: listed.len(),
            bytes: listed.iter().map(|one| one.bytes).sum(),
            max_bytes: cache.max_bytes(),
        }
    }
}

impl fmt::Display for CacheState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, engines, bytes, max_bytes } = self;
        let word = if *engines == 1 { "engine" } else { "engines" };
        let mb = *bytes as f64 / 1e6;
        let most = *max_bytes as f64 / 1e6;
        write!(f, "{engines} {word}, {mb:.1} MB of at most {most:.0} MB, in {path}")
    }
}
