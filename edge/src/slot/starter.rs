//! What starts engines. Tests have one of their own.

use std::path::Path;

use models::bundle::Bundle;

use crate::backbone::start_kind;
use crate::board::Board;
use crate::engine::cache::Machine;
use crate::engine::{Engine, EngineKind, EngineOptions, Provider, Rejection, built_providers};

/// Starts the engines of a backbone.
pub trait Starter: Send + Sync {
    /// The providers that the library was built with.
    fn built(&self, options: &EngineOptions) -> Vec<Provider>;

    /// What built engines depend on.
    fn machine(&self, options: &EngineOptions) -> Machine;

    /// Starts one, and runs its self-test.
    ///
    /// # Errors
    /// [`Rejection`] with the reason in one line.
    fn start(
        &self,
        bundle: &Bundle,
        kind: EngineKind,
        options: &EngineOptions,
    ) -> Result<Box<dyn Engine>, Rejection>;
}

/// Starts the engines of this crate.
#[derive(Debug, Clone, Copy, Default)]
pub struct StartsEngines;

impl Starter for StartsEngines {
    fn built(&self, options: &EngineOptions) -> Vec<Provider> {
        let library = options.onnxruntime.as_deref();
        let mut built = library.and_then(|path| built_providers(path).ok()).unwrap_or_default();
        built.push(Provider::Tract);
        built
    }

    fn machine(&self, options: &EngineOptions) -> Machine {
        Board::read(Path::new("/")).machine(options.onnxruntime.as_deref())
    }

    fn start(
        &self,
        bundle: &Bundle,
        kind: EngineKind,
        options: &EngineOptions,
    ) -> Result<Box<dyn Engine>, Rejection> {
        start_kind(bundle, kind, options)
    }
}
