//! The program that is measured, its bundle and its store.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use edge::embedder::Embedder;
use edge::engine::EngineOptions;
use edge::gallery::{ClassOverrides, Gallery, Label, NewExample};
use edge::locate::{self, Environment};
use models::bundle::{Bundle, BundleLimits};
use serde_json::Value;
use tempfile::TempDir;

use crate::service::{Service, knowing_bundle, program};

/// More than the classes that are enrolled: no two of their embeddings have the same direction.
const PRIME: usize = 1009;

/// The program that is measured, and how.
pub(crate) struct Target {
    program: PathBuf,
    bundle: PathBuf,
    engine: &'static str,
    /// True for the program of this workspace: another one is measured and not judged.
    pub(crate) is_ours: bool,
    /// True for the long form.
    pub(crate) is_full: bool,
}

impl Target {
    /// The long form measures a real network, the short one a tiny bundle with name knowledge.
    pub(crate) fn new(is_full: bool) -> Self {
        let other = env::var_os("HANDFUL_ATTACK_SERVER").map(PathBuf::from);
        let bundle = env::var_os("HANDFUL_ATTACK_BUNDLE").map(PathBuf::from);
        let real =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/efficientnet-lite0");
        let has_runtime = env::var_os("ORT_DYLIB_PATH").is_some();
        Self {
            is_ours: other.is_none(),
            program: other.unwrap_or_else(|| env!("CARGO_BIN_EXE_handful-server").into()),
            bundle: bundle.unwrap_or(if is_full { real } else { knowing_bundle() }),
            engine: if is_full && has_runtime { "cpu" } else { "tract" },
            is_full,
        }
    }

    /// Adds `n` classes that are known by name to a store that no program uses.
    // Over HTTP, thousands of them would take minutes.
    pub(crate) fn add_classes(&self, store: &Path, n: usize, overrides: &ClassOverrides) {
        let mut gallery = open(store, &self.manifest());
        for n in 0..n {
            let label = Label::parse(&format!("mug {n}")).unwrap();
            gallery.define(&label, overrides.clone()).unwrap();
        }
    }

    /// Adds `n` classes of the same names, each with an example of a different direction, to a
    /// store that no program uses.
    pub(crate) fn enroll_classes(&self, store: &Path, n: usize) {
        let manifest = self.manifest();
        let size = manifest["backbone"]["embedding_size"].as_u64().unwrap() as usize;
        let mut gallery = open(store, &manifest);
        for n in 0..n {
            let label = Label::parse(&format!("mug {n}")).unwrap();
            let mut sha256 = [0; 32];
            sha256[..8].copy_from_slice(&(n as u64).to_le_bytes());
            let values = (0..size).map(|at| (at * (n + 1) % PRIME) as f32 / PRIME as f32 - 0.5);
            let embedding = values.collect();
            let precision = "fp32".to_owned();
            let example = NewExample { sha256, crop: None, embedding, precision, image: None };
            gallery.enroll(&label, vec![example], true).unwrap();
        }
    }

    fn manifest(&self) -> Value {
        let manifest = fs::read(self.bundle.join("manifest.json")).unwrap();
        serde_json::from_slice(&manifest).unwrap()
    }

    /// The network of the bundle in this process, on the engine of the program.
    pub(crate) fn embedder(&self, threads: usize) -> Embedder {
        let bundle = Bundle::open(&self.bundle, &BundleLimits::default()).unwrap();
        let onnxruntime = locate::onnxruntime(None, &Environment::read()).ok();
        let options =
            EngineOptions { onnxruntime, threads: Some(threads), ..EngineOptions::default() };
        Embedder::open(&bundle, self.engine.parse().unwrap(), &options).unwrap()
    }

    /// The program on this store with default limits.
    pub(crate) fn start(&self, store: &Path) -> Service {
        let settings =
            ["--listen", "127.0.0.1:0", "--log", "error", "--precision", "auto", "--engine"];
        let mut command = program(&self.program, &settings);
        command.arg(self.engine).arg("--bundle").arg(&self.bundle).arg("--store").arg(store);
        Service::run(&mut command)
    }
}

/// A store is bound to the space of the bundle's embeddings.
fn open(store: &Path, manifest: &Value) -> Gallery {
    Gallery::open(store, manifest["space_id"].as_str().unwrap()).unwrap()
}

/// The number in the environment variable `name`.
pub(crate) fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: expected a whole number")))
}

/// The socket address of a service.
pub(crate) fn socket_address(service: &Service) -> SocketAddr {
    service.address.parse().unwrap()
}

/// A copy of a store that no program uses.
pub(crate) fn copy(store: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(store).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}
