//! The networks of a recognizer: started when they are first needed.

use std::fmt::Display;

use models::bundle::{Bundle, Manifest, Precision};

use crate::attention::Attention;
use crate::embedder::Embedder;
use crate::engine::{EngineChoice, EngineOptions, Provider, Rejection, SelectError};

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

/// The engine that runs the backbone.
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
    /// What is needed to start a network; absent when both have started.
    source: Option<Source>,
    embedder: Option<(Embedder, EngineInfo)>,
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
        let source = Some(Source { bundle, choice, options });
        Self { source, embedder: None, attention: None, attribute_weights }
    }

    pub(super) fn manifest(&self) -> &Manifest {
        match (&self.embedder, &self.source) {
            (Some((embedder, _)), _) => embedder.manifest(),
            (None, Some(source)) => &source.bundle.manifest,
            (None, None) => unreachable!("invariant: the source is dropped after the start"),
        }
    }

    /// Starts the backbone if it has not started.
    pub(super) fn embedder(&mut self) -> Result<&mut (Embedder, EngineInfo), SelectError> {
        if self.embedder.is_none() {
            let Source { bundle, choice, options } = self.source();
            let embedder = Embedder::open(bundle, *choice, options)?;
            let info = EngineInfo::of(&embedder);
            self.embedder = Some((embedder, info));
        }
        self.drop_source();
        Ok(self.embedder.as_mut().expect("invariant: it has just started"))
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
        self.embedder.as_ref().map(|(_, info)| info)
    }

    pub(super) fn attribute_weights(&self) -> &Availability {
        &self.attribute_weights
    }

    fn source(&self) -> &Source {
        self.source.as_ref().expect("invariant: kept until both networks have started")
    }

    /// The files of the networks are megabytes: they are dropped as soon as both have started.
    fn drop_source(&mut self) {
        if self.embedder.is_some() && self.attribute_weights != Availability::NotStarted {
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
