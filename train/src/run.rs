//! The run folder and its files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use models::checkpoint::{self, Checkpoint, Golden};
use models::disk;
use models::knowledge::attributes::{self, Knowledge, Words};

use crate::error::BadInput;

/// The word vectors, next to `knowledge.json`.
pub const WORDS: &str = "knowledge.safetensors";

/// A RUN folder; `docs/formats.md` describes its files.
#[derive(Debug, Clone)]
pub struct Run {
    folder: PathBuf,
}

impl Run {
    /// A run in this folder, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Creates the folder.
    pub fn create(&self) -> Result<()> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The latest training state, for a resume.
    pub fn last(&self) -> PathBuf {
        self.file("last.safetensors")
    }

    /// The best checkpoint on the validation classes.
    pub fn best(&self) -> PathBuf {
        self.file("best.safetensors")
    }

    /// The name regressor.
    pub fn kernel(&self) -> PathBuf {
        self.file("kernel.safetensors")
    }

    /// The decision.
    pub fn decision(&self) -> PathBuf {
        self.file("decision.safetensors")
    }

    /// ProtoComNet.
    pub fn completer(&self) -> PathBuf {
        self.file("completer.safetensors")
    }

    /// Golden inputs and outputs of ProtoComNet.
    pub fn completer_golden(&self) -> PathBuf {
        self.file("golden-completer.safetensors")
    }

    /// The state of a meta-training.
    pub fn finetuning(&self) -> PathBuf {
        self.file("finetune.safetensors")
    }

    /// Copies the knowledge files of another run.
    pub fn copy_knowledge(&self, from: &Self) -> Result<()> {
        for name in ["knowledge.json", WORDS] {
            let bytes = disk::read(&from.file(name), attributes::MAX_BYTES)?;
            disk::write(&self.file(name), &bytes)?;
        }
        Ok(())
    }

    /// The knowledge that `handful-train knowledge` wrote into the run.
    pub fn knowledge(&self) -> Result<(Knowledge, Words)> {
        let path = self.file("knowledge.json");
        let shown = path.display();
        ensure!(
            path.exists(),
            BadInput(format!("{shown} does not exist: run handful-train knowledge --out {shown}"))
        );
        let json = disk::read(&path, attributes::MAX_BYTES)?;
        let words = disk::read(&self.file(WORDS), attributes::MAX_BYTES)?;
        // The words are checked against the hash of the JSON: they must be of the same classes.
        let parse = || anyhow::Ok((Knowledge::parse(&json)?, Words::parse(&words, &json)?));
        parse().with_context(|| format!("{shown} is not usable"))
    }

    /// Whether the folder holds a training.
    pub fn is_begun(&self) -> bool {
        self.last().exists() || self.best().exists()
    }

    /// Refuses a folder that already holds a run.
    pub fn check_new(&self) -> Result<()> {
        ensure!(
            !self.is_begun(),
            BadInput(format!("{} already holds a run; use another folder", self.folder.display()))
        );
        Ok(())
    }

    /// Reads a checkpoint.
    pub fn read(&self, path: &Path) -> Result<Checkpoint> {
        let bytes = disk::read(path, checkpoint::MAX_BYTES)?;
        Checkpoint::parse(&bytes)
            .with_context(|| format!("{} is not a usable checkpoint", path.display()))
    }

    /// Writes a checkpoint, whole or not at all.
    pub fn write(&self, path: &Path, checkpoint: &Checkpoint) -> Result<()> {
        // A larger file could be written, but no reader would take it.
        let bytes = checkpoint.to_bytes()?;
        ensure!(
            bytes.len() as u64 <= checkpoint::MAX_BYTES,
            BadInput(format!(
                "{} would have {} bytes, expected at most {}",
                path.display(),
                bytes.len(),
                checkpoint::MAX_BYTES
            ))
        );
        Ok(disk::write(path, &bytes)?)
    }

    /// Writes the best checkpoint and its golden inputs and outputs.
    pub fn keep_best(&self, best: &Checkpoint, golden: &Golden) -> Result<()> {
        // In this order every best checkpoint has its golden file, also after a power cut.
        disk::write(&self.file("golden.safetensors"), &golden.to_bytes("backbone")?)?;
        self.write(&self.best(), best)
    }
}
