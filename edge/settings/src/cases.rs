//! Command lines and files for the tests.

use std::fs;

use clap::Parser;

use crate::{Device, Flags, Service, SettingsError, SettingsFile};

/// Both parts, as the service offers them.
#[derive(Parser)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) service: Flags<Service>,
    #[command(flatten)]
    pub(crate) device: Flags<Device>,
}

/// What the service reads of a file and a command line.
pub(crate) fn both(text: &str, args: &[&str]) -> Result<(Service, Device), SettingsError> {
    let program = std::iter::once("handful-server");
    let arguments = Arguments::try_parse_from(program.chain(args.iter().copied())).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("handful.toml");
    fs::write(&path, text).unwrap();
    let file = SettingsFile::read(&path)?;
    Ok((arguments.service.over(Some(&file))?, arguments.device.over(Some(&file))?))
}

/// What the command reads of a file.
pub(crate) fn device(text: &str) -> Result<Device, SettingsError> {
    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        device: Flags<Device>,
    }

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("handful.toml");
    fs::write(&path, text).unwrap();
    let file = SettingsFile::read(&path)?;
    Command::parse_from(["handful"]).device.over(Some(&file))
}
