//! The power mode of a Jetson, which limits cores and clocks.

use std::fmt;
use std::path::Path;

use super::files::{short, text};

/// A power mode, as `nvpmodel` numbers and names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerMode {
    /// Its number: `sudo nvpmodel -m 0`.
    pub id: u32,
    /// Its name: `15W`, `MAXN`.
    pub name: Option<String>,
}

impl fmt::Display for PowerMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (mode {})", self.id),
            None => write!(f, "mode {}", self.id),
        }
    }
}

/// The mode that was set last, or the one that the configuration starts with.
pub(super) fn read(root: &Path) -> Option<PowerMode> {
    let status = text(root, "var/lib/nvpmodel/status");
    let configuration = text(root, "etc/nvpmodel.conf").unwrap_or_default();
    let set = status.and_then(|status| status.strip_prefix("pmode:")?.trim().parse().ok());
    let id = set.or_else(|| default(&configuration))?;
    Some(PowerMode { id, name: name(&configuration, id) })
}

/// The mode of the line `< PM_CONFIG DEFAULT=2 >`.
fn default(configuration: &str) -> Option<u32> {
    let line = lines(configuration, "PM_CONFIG").next()?;
    value(line, "DEFAULT=")?.parse().ok()
}

/// The name in the line `< POWER_MODEL ID=0 NAME=MAXN >` of a mode.
fn name(configuration: &str, id: u32) -> Option<String> {
    let id = id.to_string();
    let mut modes = lines(configuration, "POWER_MODEL");
    let mode = modes.find(|line| value(line, "ID=") == Some(id.as_str()))?;
    Some(short(value(mode, "NAME=")?))
}

fn lines<'a>(configuration: &'a str, kind: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = configuration.lines().filter_map(|line| line.trim().strip_prefix('<'));
    lines.filter_map(move |line| line.trim_start().strip_prefix(kind))
}

fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|word| word.strip_prefix(key))
}
