//! The release of Jetson Linux, which NVIDIA also calls L4T.

use std::fmt;
use std::path::Path;

use super::files;

/// A release of Jetson Linux (L4T), the system below JetPack: `36.4.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct L4t {
    /// The first number, which changes with the system's Ubuntu.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number, or 0.
    pub patch: u16,
}

impl L4t {
    /// The release of these three numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `36.4.3`, `36.4`, or a package's `36.4.3-20250107174145`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let release = text.split('-').next()?;
        let mut numbers = release.trim().split('.').map(str::parse);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        let patch = numbers.next().transpose().ok()?.unwrap_or(0);
        Some(Self { major, minor, patch })
    }
}

impl fmt::Display for L4t {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The release in the file that Jetson Linux has for it.
pub(super) fn read(root: &Path) -> Option<L4t> {
    of_release_file(&files::text(root, "etc/nv_tegra_release")?)
}

/// Reads `# R36 (release), REVISION: 4.3, GCID: …`.
fn of_release_file(text: &str) -> Option<L4t> {
    let (_, rest) = text.split_once("# R")?;
    let (major, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once("REVISION: ")?;
    let revision = rest.split(',').next()?;
    L4t::parse(&format!("{major}.{}", revision.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_ordered() {
        assert_eq!(L4t::parse("36.4"), Some(L4t::new(36, 4, 0)));
        assert_eq!(L4t::parse("35.4.1-20230801124926"), Some(L4t::new(35, 4, 1)));
        for wrong in ["", "36", "36.x", "36.4.x", "-36.4", "99999.1"] {
            assert_eq!(L4t::parse(wrong), None, "{wrong}");
        }
        assert!(L4t::new(36, 4, 3) < L4t::new(36, 5, 0));
        assert_eq!(L4t::new(36, 4, 0).to_string(), "36.4.0");
    }

    #[test]
    fn the_file_of_each_age_is_read() {
        for (text, expected) in [
            ("# R32 (release), REVISION: 6.1, GCID: 27863751, BOARD: t210ref", (32, 6, 1)),
            ("# R38 (release), REVISION: 2.0, GCID: 1, BOARD: generic\n# more", (38, 2, 0)),
            ("# R36 (release), REVISION: 4", (36, 4, 0)),
        ] {
            let (major, minor, patch) = expected;
            assert_eq!(of_release_file(text), Some(L4t::new(major, minor, patch)), "{text}");
        }
        for wrong in ["", "# R", "# R36", "# R36 (release)", "# Rx (release), REVISION: 4.3,"] {
            assert_eq!(of_release_file(wrong), None, "{wrong}");
        }
    }
}
