//! The folder of one training: what lies where in it.

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
    /// The run in this folder, which need not exist yet.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes the folder.
    pub fn create(&self) -> Result<()> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The newest state, from which training goes on.
    pub fn last(&self) -> PathBuf {
        self.file("last.safetensors")
    }

    /// The state that was best on the validation classes.
    pub fn best(&self) -> PathBuf {
        self.file("best.safetensors")
    }

    /// The kernel completer.
    pub fn kernel(&self) -> PathBuf {
        self.file("kernel.safetensors")
    }

    /// The learned completer, ProtoComNet.
    pub fn completer(&self) -> PathBuf {
        self.file("completer.safetensors")
    }

    /// Inputs of ProtoComNet and what libtorch makes of them.
    pub fn completer_golden(&self) -> PathBuf {
        self.file("golden-completer.safetensors")
    }

    /// The state of a meta-training.
    pub fn finetuning(&self) -> PathBuf {
        self.file("finetune.safetensors")
    }

    /// Takes over what another run knows of its classes.
    pub fn copy_knowledge(&self, from: &Self) -> Result<()> {
        for name in ["knowledge.json", WORDS] {
            let bytes = disk::read(&from.file(name), attributes::MAX_BYTES)?;
            disk::write(&self.file(name), &bytes)?;
        }
        Ok(())
    }

    /// What words tell of the classes, as `handful-train knowledge` wrote it into the run.
    pub fn knowledge(&self) -> Result<(Knowledge, Words)> {
        let path = self.file("knowledge.json");
        let missing = || {
            let path = path.display();
            BadInput(format!(
                "{path} is not there: make it with handful-train knowledge --out {path}"
            ))
        };
        ensure!(path.exists(), missing());
        let json = disk::read(&path, attributes::MAX_BYTES)?;
        let words = disk::read(&self.file(WORDS), attributes::MAX_BYTES)?;
        let unusable = || format!("{} is not usable", path.display());
        let knowledge = Knowledge::parse(&json).with_context(unusable)?;
        Ok((knowledge, Words::parse(&words, &json).with_context(unusable)?))
    }

    /// Whether a training was begun here.
    pub fn is_begun(&self) -> bool {
        self.last().exists() || self.best().exists()
    }

    /// Refuses a folder that holds a run.
    pub fn check_new(&self) -> Result<()> {
        let text = || format!("{} already holds a run; name another folder", self.folder.display());
        ensure!(!self.is_begun(), BadInput(text()));
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
        let bytes = checkpoint.to_bytes()?;
        let (size, most) = (bytes.len(), checkpoint::MAX_BYTES);
        let text =
            || format!("{} would have {size} bytes, expected at most {most}", path.display());
        ensure!(size as u64 <= most, BadInput(text()));
        Ok(disk::write(path, &bytes)?)
    }

    /// Keeps a checkpoint as the best, with the proof that an export is checked against.
    pub fn keep_best(&self, best: &Checkpoint, golden: &Golden) -> Result<()> {
        disk::write(&self.file("golden.safetensors"), &golden.to_bytes("backbone")?)?;
        self.write(&self.best(), best)
    }
}
