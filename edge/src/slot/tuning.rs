//! How the engines of a backbone are tried in the background.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use models::bundle::Bundle;

use super::child::{Builder, Limits};
use super::remembered::Remembered;
use super::starter::{Starter, StartsEngines};
use crate::backbone::files;
use crate::engine::cache::EngineCache;
use crate::engine::{EngineChoice, EngineKind, EngineOptions};

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
pub(super) fn kinds(
    bundle: &Bundle,
    choice: EngineChoice,
    options: &EngineOptions,
) -> Vec<EngineKind> {
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

/// The fastest engine of an earlier run that starts at once.
pub(crate) fn remembered_first(
    bundle: &Bundle,
    choice: EngineChoice,
    options: &EngineOptions,
    tuning: &Tuning,
) -> Option<EngineKind> {
    let kinds = kinds(bundle, choice, options);
    let remembered = Remembered::read(tuning.cache.as_ref()?.root(), bundle, options);
    let at_once = kinds.into_iter().filter(|kind| !kind.provider.needs_build());
    let known = at_once.filter_map(|kind| Some((kind, remembered.ms(kind)?)));
    known.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(kind, _)| kind)
}
