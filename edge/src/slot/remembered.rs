//! What earlier runs found of the engines: a small JSON file for each bundle, machine and library.

use std::fs;
use std::path::PathBuf;
use std::thread::available_parallelism;

use models::bundle::{Bundle, Precision};
use models::{disk, hex};
use serde::{Deserialize, Serialize};

use crate::engine::cache::{EngineCache, Machine};
use crate::engine::{EngineKind, EngineOptions, library_version};

/// More than the file has.
const MAX_BYTES: u64 = 64 * 1024;

/// What earlier runs found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remembered {
    #[serde(skip)]
    file: Option<PathBuf>,
    /// The engines that are right, with their times.
    measured: Vec<Measured>,
    /// The engines that failed or were refused.
    refused: Vec<Refused>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    provider: String,
    precision: Precision,
    ms: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    provider: String,
    precision: Precision,
    reason: String,
    tries: u32,
}

impl Remembered {
    /// Reads the file of a bundle on this machine beside the engines; nothing if there is none, or
    /// if it cannot be read: then everything is measured again.
    pub(super) fn read(
        cache: &EngineCache,
        bundle: &Bundle,
        options: &EngineOptions,
        machine: &Machine,
    ) -> Self {
        let key = key(bundle, options, machine);
        let file = cache.root().join(format!("choice-{}.json", &key[..32]));
        let bytes = disk::read(&file, MAX_BYTES).unwrap_or_default();
        let read = serde_json::from_slice(&bytes).unwrap_or_default();
        Self { file: Some(file), ..read }
    }

    /// The time of an image on an engine, if it was measured.
    pub(super) fn ms(&self, kind: EngineKind) -> Option<f64> {
        let mut found = self.measured.iter().filter(|one| is(kind, &one.provider, one.precision));
        found.next().map(|one| one.ms).filter(|ms| ms.is_finite())
    }

    /// How often an engine failed.
    pub(super) fn tries(&self, kind: EngineKind) -> u32 {
        self.refusal(kind).map_or(0, |(_, tries)| tries)
    }

    /// Why an engine was refused, and how often it was tried.
    pub(super) fn refusal(&self, kind: EngineKind) -> Option<(&str, u32)> {
        let mut found = self.refused.iter().filter(|one| is(kind, &one.provider, one.precision));
        found.next().map(|one| (one.reason.as_str(), one.tries))
    }

    pub(super) fn measure(&mut self, EngineKind { provider, precision }: EngineKind, ms: f64) {
        self.forget(EngineKind { provider, precision });
        self.measured.push(Measured { provider: provider.word().to_owned(), precision, ms });
        self.write();
    }

    pub(super) fn refuse(&mut self, kind: EngineKind, reason: &str, tries: u32) {
        self.forget(kind);
        self.refused.push(Refused {
            provider: kind.provider.word().to_owned(),
            precision: kind.precision,
            reason: reason.to_owned(),
            tries,
        });
        self.write();
    }

    fn forget(&mut self, kind: EngineKind) {
        self.measured.retain(|one| !is(kind, &one.provider, one.precision));
        self.refused.retain(|one| !is(kind, &one.provider, one.precision));
    }

    /// A disk that is full or read-only costs the next start a measurement, nothing else.
    fn write(&self) {
        let Some(file) = &self.file else { return };
        let Ok(text) = serde_json::to_vec_pretty(self) else { return };
        let _ = file.parent().map(fs::create_dir_all);
        let _ = disk::write(file, &text);
    }
}

/// Keeps the time of an image on an engine that was built ahead, so that the next start of a
/// service takes it also if one was refused before.
pub fn remember_built(
    cache: &EngineCache,
    bundle: &Bundle,
    kind: EngineKind,
    options: &EngineOptions,
    machine: &Machine,
    ms: f64,
) {
    Remembered::read(cache, bundle, options, machine).measure(kind, ms);
}

fn is(kind: EngineKind, provider: &str, precision: Precision) -> bool {
    kind.provider.word() == provider && kind.precision == precision
}

/// Identifies what a measurement depends on.
fn key(bundle: &Bundle, options: &EngineOptions, machine: &Machine) -> String {
    let library = options.onnxruntime.as_deref().and_then(library_version).unwrap_or_default();
    let facts = [
        env!("CARGO_PKG_VERSION").to_owned(),
        library,
        std::env::consts::ARCH.to_owned(),
        processor(),
        available_parallelism().map_or(0, usize::from).to_string(),
        // It has the hashes of all files.
        bundle.manifest.sha256(),
        format!("{:?} {:?} {:?}", options.threads, options.gpu.batch, options.gpu.dla_core),
        format!("{machine:?}"),
    ];
    hex::sha256(facts.join("\n").as_bytes())
}

/// The name of the processor; empty where Linux does not say it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut lines = text.lines();
    lines.find(|line| line.starts_with("model name")).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use models::bundle::BundleLimits;

    use super::*;
    use crate::engine::GpuOptions;

    #[test]
    fn what_a_measurement_depends_on_is_in_the_key() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bundle");
        let bundle = Bundle::open(&folder, &BundleLimits::default()).unwrap();
        let mut other = bundle.clone();
        other.manifest.files.values_mut().for_each(|file| file.sha256 = "0".repeat(64));
        let machine = Machine::default();
        let updated = Machine { driver: Some("36.3.0".to_owned()), ..Machine::default() };
        let none = EngineOptions::default();
        let threads = EngineOptions { threads: Some(2), ..EngineOptions::default() };
        let gpu = GpuOptions { batch: Some(2), ..GpuOptions::default() };
        let batch = EngineOptions { gpu, ..EngineOptions::default() };
        let gpu = GpuOptions { dla_core: Some(2), ..GpuOptions::default() };
        let dla = EngineOptions { gpu, ..EngineOptions::default() };
        let mut keys = vec![
            key(&bundle, &none, &machine),
            key(&other, &none, &machine),
            key(&bundle, &none, &updated),
            key(&bundle, &threads, &machine),
            key(&bundle, &batch, &machine),
            key(&bundle, &dla, &machine),
        ];
        // The memory that is free now changes nothing that is kept.
        let gpu = GpuOptions { free_memory: Some(1 << 30), ..GpuOptions::default() };
        let memory = EngineOptions { gpu, ..EngineOptions::default() };
        assert_eq!(key(&bundle, &memory, &machine), keys[0]);
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 6);
    }
}
