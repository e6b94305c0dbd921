//! The command in a fresh home, with the bundles that `edge`'s tests have.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use edge::locate::{self, Environment};
use models::bundle::{Bundle, BundleLimits};
use serde_json::Value;

use crate::files::draw_classes;
use crate::rejecting::make_bundle;

/// `edge/tests/fixtures`, written by export's tests.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

pub(crate) fn tiny_bundle_dir() -> PathBuf {
    folder().join("tiny-bundle")
}

pub(crate) fn tiny_bundle() -> Bundle {
    Bundle::open(&tiny_bundle_dir(), &BundleLimits::default()).unwrap()
}

/// ONNX Runtime's library, or a line that says what is skipped without it.
pub(crate) fn onnxruntime(test: &str) -> Option<PathBuf> {
    let found = locate::onnxruntime(None, &Environment::read());
    found.map_err(|missing| eprintln!("skipped: {test}: {missing}")).ok()
}

/// A fresh home, working folder and store.
pub(crate) struct Sandbox {
    root: tempfile::TempDir,
    bundle: PathBuf,
}

/// Exit code and output of a finished command.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), bundle: tiny_bundle_dir() }
    }

    /// With a bundle that rejects unknown images, and the three drawn classes with `images` each.
    pub(crate) fn rejecting(images: u32) -> Self {
        let mut sandbox = Self::new();
        sandbox.bundle = sandbox.path("bundle");
        make_bundle(&sandbox.bundle);
        draw_classes(&sandbox.path("things"), images);
        sandbox.ok(&["enroll", "things"]);
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The command with nothing of this process's environment that it reads.
    pub(crate) fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handful"));
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"HANDFUL_") {
                command.env_remove(name);
            }
        }
        for name in ["ORT_DYLIB_PATH", "CARGO_MANIFEST_DIR", "XDG_CACHE_HOME", "CACHE_DIRECTORY"] {
            command.env_remove(name);
        }
        command.env("HOME", self.root.path()).env("XDG_DATA_HOME", self.path("data"));
        command.current_dir(self.root.path()).args(args);
        command
    }

    /// The command with the sandbox's bundle and the engine that is always there.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        command.env("HANDFUL_BUNDLE", &self.bundle).env("HANDFUL_ENGINE", "tract");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        Outcome::of(&self.command(args).output().unwrap())
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, 0, "{args:?}: {outcome:?}");
        outcome.out
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }
}

impl Outcome {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let code = output.status.code().unwrap_or(-1);
        Self { code, out: text(&output.stdout), err: text(&output.stderr) }
    }
}
