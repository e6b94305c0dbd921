//! How the engines of a backbone are tried in the background.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use models::bundle::Bundle;

use super::child::{Builder, Limits};
use super::remembered::Remembered;
use super::starter::{Starter, StartsEngines};
use crate::backbone::files;
use crate::engine::cache::{EngineCache, Machine};
use crate::engine::{EngineChoice, EngineKind, EngineOptions, Provider};

/// How the engines of a backbone are tried in the background.
#[derive(Clone)]
pub struct Tuning {
    /// Built engines, and in its folder what was measured; `None` keeps nothing.
    pub cache: Option<EngineCache>,
    /// The process that builds and measures.
    pub builder: Builder,
    /// What it may use.
    pub limits: Limits,
    /// The pause before a failed build is tried again; the next one is [`Tuning::PAUSE_GROWTH`]
    /// times as long.
    pub pause: Duration,
    /// How long no request has run when an engine is measured.
    pub quiet: Duration,
    /// Whether anything is tried; otherwise only what earlier runs found is used.
    pub is_active: bool,
    /// Starts engines in this process.
    pub starter: Arc<dyn Starter>,
}

impl Tuning {
    /// How often a failed build is tried for one network and machine.
    pub const MAX_TRIES: u32 = 3;

    /// How much longer the next pause is.
    pub const PAUSE_GROWTH: u32 = 10;

    /// The part of the time of the engine in use that another one may take to replace it.
    pub const SWITCH_AT: f64 = 0.8;

    /// With this process and folder, and limits that suit a small board.
    #[must_use]
    pub fn new(builder: Builder, cache: Option<EngineCache>) -> Self {
        Self {
            cache,
            builder,
            limits: Limits::default(),
            pause: Duration::from_secs(60),
            quiet: Duration::from_millis(500),
            is_active: true,
            starter: Arc::new(StartsEngines),
        }
    }

    /// The same without trying anything: for a program that ends soon.
    #[must_use]
    pub fn known(self) -> Self {
        Self { is_active: false, ..self }
    }
}

impl fmt::Debug for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tuning").field("cache", &self.cache).finish_non_exhaustive()
    }
}

/// Every engine that `choice` leaves open: first those that start at once, then those that are
/// built, each in the order of preference.
fn kinds(bundle: &Bundle, choice: EngineChoice, options: &EngineOptions) -> Vec<EngineKind> {
    if !choice.is_open() {
        return Vec::new();
    }
    let mut kinds = Vec::new();
    for provider in choice.providers() {
        let files = files(bundle, provider, options.precision).unwrap_or_default();
        kinds.extend(files.iter().map(|file| EngineKind { provider, precision: file.precision }));
    }
    kinds.sort_by_key(|kind| kind.provider.needs_build());
    kinds
}

/// What is known of the engines of a backbone before one is started.
#[derive(Debug, Default)]
pub(crate) struct TuningFacts {
    /// Those that the choice leaves open.
    pub(super) kinds: Vec<EngineKind>,
    /// The providers that the library has.
    pub(super) built: Vec<Provider>,
    /// What built engines depend on.
    pub(super) machine: Machine,
    /// What earlier runs found.
    pub(super) remembered: Remembered,
}

impl TuningFacts {
    pub(crate) fn read(
        bundle: &Bundle,
        choice: EngineChoice,
        options: &EngineOptions,
        tuning: &Tuning,
    ) -> Self {
        let kinds = kinds(bundle, choice, options);
        if kinds.is_empty() {
            return Self::default();
        }
        let built = tuning.starter.built(options);
        // Nothing depends on it without such a provider, and looking takes a while.
        let machine = match built.iter().any(|provider| provider.needs_build()) {
            true => tuning.starter.machine(options),
            false => Machine::default(),
        };
        let cache = tuning.cache.as_ref();
        let remembered = cache.map(|cache| Remembered::read(cache, bundle, options, &machine));
        Self { kinds, built, machine, remembered: remembered.unwrap_or_default() }
    }

    /// The fastest engine of an earlier run that starts at once.
    pub(crate) fn first(&self) -> Option<EngineKind> {
        let at_once = self.kinds.iter().filter(|kind| !kind.provider.needs_build());
        let known = at_once.filter_map(|kind| Some((*kind, self.remembered.ms(*kind)?)));
        known.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(kind, _)| kind)
    }
}
