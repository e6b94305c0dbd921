//! What engines are built from and for, and where they are kept.

use std::path::Path;

use edge::board::Board;
use edge::built;
use edge::device::Device;
use edge::engine::EngineOptions;
use edge::engine::cache::{EngineCache, Key, Machine, MadeFor};
use models::bundle::Bundle;
use models::fault::{AnyFault, Message};

/// The cache, which needs a folder.
pub(super) fn cache(device: &Device) -> Result<EngineCache, Message> {
    device.engine_cache().ok_or_else(|| {
        let text = "there is no cache or home folder; name one with --engine-cache";
        Message::input(text)
    })
}

/// What engines are built from and for.
pub(super) struct Place {
    pub(super) cache: EngineCache,
    pub(super) bundle: Bundle,
    pub(super) options: EngineOptions,
    pub(super) board: Board,
    pub(super) machine: Machine,
}

impl Place {
    pub(super) fn new(device: &Device, cache: EngineCache) -> Result<Self, AnyFault> {
        let bundle = device.bundle(None)?;
        let options = EngineOptions {
            // Also where `--engine` names one that needs no library.
            onnxruntime: device.onnxruntime().ok(),
            ..device.engine_options()?
        };
        let board = Board::read(Path::new("/"));
        let machine = board.machine(options.onnxruntime.as_deref());
        Ok(Self { cache, bundle, options, board, machine })
    }

    /// The keys of all engines that the bundle uses here.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.used().iter().map(MadeFor::key).collect()
    }

    /// What all engines that the bundle uses here are built for.
    fn used(&self) -> Vec<MadeFor> {
        let kinds = built::kinds(&self.bundle, &self.options);
        let made = kinds
            .into_iter()
            .map(|kind| built::made_for(&self.bundle, kind, &self.options, &self.machine));
        made.filter_map(Result::ok).collect()
    }
}

/// What the bundle uses on this machine.
pub(super) struct Used {
    pub(super) bundle: String,
    pub(super) made_for: Vec<MadeFor>,
}

/// What the bundle uses on this machine, or why there is no bundle, which a list does not need.
pub(super) fn used(device: &Device, cache: &EngineCache) -> Result<Result<Used, String>, AnyFault> {
    if let Err(error) = device.bundle(None) {
        return Ok(Err(error.to_string()));
    }
    let place = Place::new(device, cache.clone())?;
    Ok(Ok(Used { made_for: place.used(), bundle: place.bundle.manifest.name }))
}
