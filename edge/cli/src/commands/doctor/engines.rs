//! Tries the engines of this machine with the networks of a bundle.

use std::time::Instant;

use edge::backbone::{BackboneFile, embed_batch, files, start};
use edge::engine::{EngineChoice, EngineOptions, Provider, Rejection};
use models::bundle::{Bundle, Manifest, self_test};
use serde::Serialize;

use crate::text::{Align, table};

#[derive(Debug, Serialize)]
pub(super) struct EngineState {
    provider: String,
    precision: String,
    works: bool,
    load_ms: Option<f64>,
    image_ms: Option<f64>,
    reason: Option<String>,
}

pub(super) fn try_engines(bundle: &Bundle, options: &EngineOptions) -> Vec<EngineState> {
    let states =
        Provider::ALL.into_iter().flat_map(|provider| try_engine(bundle, provider, options));
    states.collect()
}

/// One state per backbone file of the bundle that the engine may run.
fn try_engine(bundle: &Bundle, provider: Provider, options: &EngineOptions) -> Vec<EngineState> {
    match files(bundle, provider, options.precision) {
        Err(Rejection { reason, .. }) => {
            let rejected = EngineState::new(provider, options.precision.to_string());
            vec![EngineState { reason: Some(reason), ..rejected }]
        }
        Ok(candidates) => candidates
            .into_iter()
            .map(|candidate| EngineState::of(bundle, candidate, provider, options))
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
pub(super) fn best(engines: &[EngineState]) -> Option<Provider> {
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
        Self { works: true, load_ms: Some(load_ms), image_ms, ..state }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        let state = if self.works { "works" } else { "rejected" };
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
