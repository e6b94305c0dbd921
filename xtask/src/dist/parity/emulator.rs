//! Starts programs of ARM in an emulator, with the libraries of a clean root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::dist::check;
use crate::dist::files;
use crate::process;

/// The processor of a Raspberry Pi 5, with the instructions of a Jetson Orin.
const PROCESSOR: &str = "cortex-a76";

/// An emulator of ARM.
pub(super) struct Emulator {
    qemu: PathBuf,
    root: PathBuf,
}

impl Emulator {
    /// With the libraries of a root that is in an archive.
    pub(super) fn new(work: &Path, archive: &Path, into: &Path) -> Result<Self> {
        let root = into.join("root");
        files::make_empty(&root)?;
        process::run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&root))?;
        Ok(Self { qemu: check::qemu(work)?, root })
    }

    /// The start of a command.
    pub(super) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.qemu);
        command.args(["-cpu", PROCESSOR, "-L"]).arg(&self.root).arg(program);
        command
    }
}
