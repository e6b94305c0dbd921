//! `handful-train` as a process, in a fresh folder with tiny data.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::support::{tiny_config, tiny_data};

/// A folder with `data` and `config.toml`.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        tiny_data(&folder.path().join("data"));
        std::fs::write(folder.path().join("config.toml"), tiny_config().to_toml().unwrap())
            .unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handful-train"));
        command.current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn pretrain(&self, more: &[&str]) -> Output {
        let arguments = ["pretrain", "--config", "config.toml", "--data", "data", "--out", "run"];
        self.run(&[&arguments, more].concat())
    }

    pub(crate) fn evaluate(&self, more: &[&str]) -> Output {
        let arguments = [
            "evaluate",
            "run",
            "--data",
            "data",
            "--n-way",
            "2",
            "--n-query",
            "5",
            "--episodes",
            "100",
        ];
        self.run(&[&arguments, more].concat())
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
pub(crate) fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}
