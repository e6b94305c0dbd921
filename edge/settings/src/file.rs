//! The TOML file, which both programs read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use confique::meta::Field;
use confique::{Config, Layer};
use models::disk;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::device::Device;
use crate::error::SettingsError;
use crate::service::Service;

/// The most bytes of a settings file.
const MAX_BYTES: u64 = 1 << 20;

/// The TOML file of the service and the command. Each reads its own keys of it.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl SettingsFile {
    /// Reads a file whose keys are settings of one of the programs. Their values are read by
    /// [`Flags::over`](crate::Flags::over).
    ///
    /// # Errors
    /// [`SettingsError::Disk`] if it cannot be read; [`SettingsError::File`] if it is no TOML or
    /// has an unknown key.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let bytes = disk::read(path, MAX_BYTES)?;
        let file = Self { path: path.to_owned(), bytes };
        file.check_keys()?;
        Ok(file)
    }

    /// The settings of one program; keys of others are ignored.
    pub(crate) fn layer<L: Layer>(&self) -> Result<L, SettingsError> {
        self.parsed()
    }

    fn check_keys(&self) -> Result<(), SettingsError> {
        let entries: BTreeMap<String, IgnoredAny> = self.parsed()?;
        match entries.keys().find(|key| !fields().any(|field| field.name == key.as_str())) {
            None => Ok(()),
            Some(key) => Err(self.error(format!(
                "`{key}` is no setting; `handful-server --print-config` lists all keys"
            ))),
        }
    }

    fn parsed<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        toml::from_slice(&self.bytes).map_err(|error| self.error(one_line(&error)))
    }

    fn error(&self, reason: String) -> SettingsError {
        SettingsError::File { path: self.path.clone(), reason }
    }
}

/// What may stand in the file.
fn fields() -> impl Iterator<Item = &'static Field> {
    Service::META.fields.iter().chain(Device::META.fields)
}

/// TOML's errors draw the place over several lines.
fn one_line(error: &impl Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use crate::cases::{both, device};

    #[test]
    fn both_programs_read_one_file() {
        let file =
            "store = \"line\"\nmax_pixels = 7\nmax_files = 3\nlisten = \"unix:/run/h.sock\"\n";
        let (service, of_service) = both(file, &[]).unwrap();
        let of_command = device(file).unwrap();
        assert_eq!((service.max_files, service.listen.to_string()), (3, "unix:/run/h.sock".into()));
        for device in [of_service, of_command] {
            assert_eq!((device.store, device.max_pixels), (Some("line".into()), 7));
        }
        // A key of the service is no concern of the command, whatever its value.
        assert!(device("listen = 3\n").is_ok() && both("listen = 3\n", &[]).is_err());
    }

    #[test]
    fn an_unknown_key_is_named_by_both() {
        for file in ["max_fils = 3", "config = \"other.toml\"", "[limits]\nmax_files = 3"] {
            let key = file.trim_start_matches('[').split([' ', ']']).next().unwrap();
            let errors = [both(file, &[]).map(drop), device(file).map(drop)];
            for error in errors.map(|result| result.unwrap_err().to_string()) {
                assert!(error.contains(&format!("`{key}`")), "{error}");
                assert!(error.contains("handful.toml") && !error.contains('\n'), "{error}");
            }
        }
    }

    #[test]
    fn an_error_has_the_line_of_the_value() {
        for (file, expected) in [
            ("store = \"a\"\nthreads = 999999", "line 2"),
            ("\n\nmax_files = \"many\"", "line 3"),
            ("log = \"loud\"", "line 1"),
            ("trusted_proxy = [\"proxy\"]", "`proxy` is no proxy"),
            ("base_path = \"handful\"", "`handful` is no base path"),
            ("max_files", "TOML parse error"),
        ] {
            let error = both(file, &[]).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
    }
}
