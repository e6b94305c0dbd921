//! The networks of a recognizer: started when they are first needed.

use std::fmt::Display;

use models::bundle::{Bundle, Manifest, Precision};

use super::error::RecognizerError;
use crate::attention::Attention;
use crate::embedder::Embedder;
use crate::engine::{EngineChoice, EngineOptions, Provider, Rejection, SelectError};
use crate::slot::{EngineWatch, Tuning};

/// Whether a part of a bundle is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It is in use.
    Ready,
    /// The bundle does not have it.
    Absent,
    /// It is not in use, for this reason.
    Failed(String),
    /// It starts when it is first needed.
    NotStarted,
}

/// Whether a part that was opened is in use.
pub(super) fn availability<T, E: Display>(opened: &Result<Option<T>, E>) -> Availability {
    match opened {
        Ok(Some(_)) => Availability::Ready,
        Ok(None) => Availability::Absent,
        Err(error) => Availability::Failed(error.to_string()),
    }
}

/// The engine with which the backbone was started. Another one may have taken over since: see
/// [`EngineWatch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// The engine.
    pub provider: Provider,
    /// The arithmetic.
    pub precision: Precision,
    /// The engines that were tried before it, with the reason of each refusal.
    pub rejected: Vec<Rejection>,
}

/// Backbone and attention of a bundle.
pub(super) struct Networks {
    manifest: Manifest,
    /// What is needed to start a network; absent when both have started.
    source: Option<Source>,
    /// That of the backbone; absent before it has started.
    engine: Option<EngineInfo>,
    /// Absent before it has started, and after it was taken.
    embedder: Option<Embedder>,
    /// That of the backbone, also after it was taken.
    watch: Option<EngineWatch>,
    tuning: Option<Tuning>,
    attention: Option<Attention>,
    attribute_weights: Availability,
}

struct Source {
    bundle: Bundle,
    choice: EngineChoice,
    options: EngineOptions,
}

impl Networks {
    /// Nothing is started yet. Attention is of use only with name knowledge.
    pub(super) fn new(
        bundle: Bundle,
        choice: EngineChoice,
        options: EngineOptions,
        has_names: bool,
    ) -> Self {
        let attribute_weights =
            if has_names { Availability::NotStarted } else { Availability::Absent };
        let manifest = bundle.manifest.clone();
        let source = Some(Source { bundle, choice, options });
        Self {
            manifest,
            source,
            engine: None,
            embedder: None,
            watch: None,
            tuning: None,
            attention: None,
            attribute_weights,
        }
    }

    pub(super) fn tuned(self, tuning: Tuning) -> Self {
        Self { tuning: Some(tuning), ..self }
    }

    pub(super) fn watch(&self) -> Option<&EngineWatch> {
        self.watch.as_ref()
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Starts the backbone if it has not started.
    pub(super) fn start_backbone(&mut self) -> Result<&EngineInfo, SelectError> {
        if self.engine.is_none() {
            let Source { bundle, choice, options } = self.source();
            let embedder = match &self.tuning {
                Some(tuning) => Embedder::open_tuned(bundle, *choice, options, tuning)?,
                None => Embedder::open(bundle, *choice, options)?,
            };
            self.engine = Some(EngineInfo::of(&embedder));
            self.watch = Some(embedder.watch().clone());
            self.embedder = Some(embedder);
        }
        self.drop_source();
        Ok(self.engine.as_ref().expect("invariant: it has just started"))
    }

    /// The backbone, which is started if it has not started.
    pub(super) fn embedder(&mut self) -> Result<&mut Embedder, RecognizerError> {
        self.start_backbone()?;
        self.embedder.as_mut().ok_or(RecognizerError::EmbedderTaken)
    }

    /// Gives the backbone away, and starts it before if it has not started.
    pub(super) fn take_embedder(&mut self) -> Result<Embedder, RecognizerError> {
        self.start_backbone()?;
        self.embedder.take().ok_or(RecognizerError::EmbedderTaken)
    }

    /// Starts the attention if the bundle has it and it has not started.
    pub(super) fn attention(&mut self) -> Option<&mut Attention> {
        if self.attribute_weights == Availability::NotStarted {
            let Source { bundle, choice, options } = self.source();
            let opened = Attention::open(bundle, *choice, options);
            self.attribute_weights = availability(&opened);
            // A failure is not tried again: the availability keeps the reason.
            self.attention = opened.ok().flatten();
        }
        self.drop_source();
        self.attention.as_mut()
    }

    pub(super) fn engine(&self) -> Option<&EngineInfo> {
        self.engine.as_ref()
    }

    pub(super) fn attribute_weights(&self) -> &Availability {
        &self.attribute_weights
    }

    fn source(&self) -> &Source {
        self.source.as_ref().expect("invariant: kept until both networks have started")
    }

    /// The files of the networks are megabytes: they are dropped as soon as both have started.
    fn drop_source(&mut self) {
        if self.engine.is_some() && self.attribute_weights != Availability::NotStarted {
            self.source = None;
        }
    }
}

impl EngineInfo {
    fn of(embedder: &Embedder) -> Self {
        Self {
            provider: embedder.provider(),
            precision: embedder.precision(),
            rejected: embedder.rejected().to_vec(),
        }
    }
}
