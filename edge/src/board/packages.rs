//! What the package manager has installed of JetPack.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::files::short;
use super::l4t::L4t;

/// More than the file of a full JetPack has, which is some megabytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

const STATUS: &str = "var/lib/dpkg/status";

/// Releases, by the versions of installed packages.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Packages {
    /// That of `nvidia-jetpack`, without the number of the build.
    pub(super) jetpack: Option<String>,
    /// That of `nvidia-l4t-core`.
    pub(super) l4t: Option<L4t>,
}

/// The fields of one package that count.
#[derive(Default)]
struct Fields {
    name: String,
    version: String,
    is_installed: bool,
}

/// Reads the list of packages.
pub(super) fn read(root: &Path) -> Packages {
    let file = File::open(root.join(STATUS)).ok();
    let lines = file.map(|file| BufReader::new(file.take(MAX_BYTES)));
    lines.map(of_status).unwrap_or_default()
}

/// Reads paragraphs of fields, `Package: nvidia-jetpack`, with an empty line after each.
fn of_status(status: impl BufRead) -> Packages {
    let mut packages = Packages::default();
    let mut fields = Fields::default();
    for line in status.split(b'\n').map_while(Result::ok) {
        match line.is_empty() {
            true => packages.add(std::mem::take(&mut fields)),
            false => fields.add(&String::from_utf8_lossy(&line)),
        }
    }
    packages.add(fields);
    packages
}

impl Fields {
    fn add(&mut self, line: &str) {
        match line.split_once(": ") {
            Some(("Package", name)) => self.name = name.to_owned(),
            Some(("Version", version)) => self.version = version.to_owned(),
            Some(("Status", status)) => self.is_installed = status.ends_with(" installed"),
            _ => {}
        }
    }
}

impl Packages {
    fn add(&mut self, Fields { name, version, is_installed }: Fields) {
        match name.as_str() {
            // A removed package stays in the list.
            _ if !is_installed => {}
            "nvidia-jetpack" => self.jetpack = version.split(['-', '+']).next().map(short),
            "nvidia-l4t-core" => self.l4t = L4t::parse(&version),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_installed_packages_are_read() {
        let status = "Package: bash\nStatus: install ok installed\nVersion: 5.1\n\n\
            Package: nvidia-jetpack\nStatus: install ok installed\nDescription: meta\n more: text\n\
            Version: 6.2.1+b38\n\n\
            Package: nvidia-l4t-core\nStatus: hold ok installed\nVersion: 36.4.4-20250616\n";
        let found = of_status(status.as_bytes());
        let jetpack = Some("6.2.1".to_owned());
        assert_eq!(found, Packages { jetpack, l4t: Some(L4t::new(36, 4, 4)) });
    }

    #[test]
    fn a_removed_package_does_not_count() {
        let status = "Package: nvidia-jetpack\nStatus: deinstall ok config-files\n\
            Version: 5.1.2-b104\n";
        assert_eq!(of_status(status.as_bytes()), Packages::default());
        assert_eq!(of_status(&b"\n\xFF\xFE: \n\n"[..]), Packages::default());
    }
}
