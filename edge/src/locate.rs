//! Where things are: the bundle, ONNX Runtime's library, the store.
//!
//! What the user names is used, or it is an error; no other place is tried. A relative path starts
//! at the current folder. What the user does not name is searched in a fixed list of places. The
//! current folder is not one of them: whoever can write there could otherwise choose what runs. No
//! path is compiled in.
//!
//! Only this file of the crate reads the environment, once, into [`Environment`].
//!
//! # Examples
//! ```
//! use std::path::Path;
//!
//! use edge::locate::{self, Environment};
//!
//! let named = Path::new("tests/fixtures/tiny-bundle");
//! assert_eq!(locate::bundle(Some(named), &Environment::default())?, named);
//! // Without a name the default bundle is searched, here in no place at all.
//! let error = locate::bundle(None, &Environment::default()).unwrap_err();
//! assert!(error.looked_at.is_empty());
//! assert!(error.to_string().contains("--bundle"));
//! # Ok::<(), edge::locate::NotFound>(())
//! ```

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

mod library;

pub use library::{LibraryError, engine_for, onnxruntime, onnxruntime_for};

/// The bundle that is used when none is named.
pub const DEFAULT_BUNDLE: &str = "efficientnet-lite0";

/// What a program knows of the place where it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The folder of the executable.
    pub executable_dir: Option<PathBuf>,
    /// The user's data folder: `$XDG_DATA_HOME`, else `~/.local/share`.
    pub data_home: Option<PathBuf>,
    /// The folder that the service manager made for the cache of this service:
    /// `$CACHE_DIRECTORY`.
    pub service_cache: Option<PathBuf>,
    /// The user's cache folder: `$XDG_CACHE_HOME`, else `~/.cache`.
    pub cache_home: Option<PathBuf>,
    /// The program that builds engines in place of this one, for tests.
    pub engine_builder: Option<PathBuf>,
    /// The source workspace, when cargo runs the program or has built it there.
    pub workspace: Option<PathBuf>,
    /// The root of the system's files, below which Python's packages are: `/`.
    pub system: Option<PathBuf>,
    /// `$ORT_DYLIB_PATH`: the library of ONNX Runtime that the user names.
    pub ort_dylib_path: Option<PathBuf>,
}

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    pub fn read() -> Self {
        let package = absolute("CARGO_MANIFEST_DIR");
        let home = absolute("HOME");
        let local = home.as_ref().map(|home| home.join(".local/share"));
        let cache = home.as_ref().map(|home| home.join(".cache"));
        let executable = env::current_exe().ok();
        let cargo = package.as_deref().and_then(workspace_of);
        Self {
            workspace: cargo.or_else(|| workspace_of_build(executable.as_deref()?)),
            executable_dir: executable.and_then(|exe| Some(exe.parent()?.to_owned())),
            service_cache: absolute("CACHE_DIRECTORY").map(|list| first(&list)),
            cache_home: absolute("XDG_CACHE_HOME").or(cache),
            data_home: absolute("XDG_DATA_HOME").or(local),
            engine_builder: absolute("HANDFUL_TEST_ENGINE_BUILDER"),
            home,
            system: Some(PathBuf::from("/")),
            ort_dylib_path: variable("ORT_DYLIB_PATH"),
        }
    }

    /// The folders that may hold bundles, in order.
    #[must_use]
    pub fn bundle_folders(&self) -> Vec<PathBuf> {
        let places = [
            (&self.executable_dir, "bundles"),
            (&self.data_home, "handful/bundles"),
            (&self.workspace, "models/bundles"),
        ];
        let joined = places.map(|(base, folder)| Some(base.as_ref()?.join(folder)));
        joined.into_iter().flatten().collect()
    }

    /// The folder into which `handful doctor --fix` installs a wheel of ONNX Runtime; `None`
    /// without a data or home folder.
    #[must_use]
    pub fn wheels(&self) -> Option<PathBuf> {
        self.data_home.as_ref().map(|home| home.join("handful/onnxruntime"))
    }

    /// The gallery's folder when none is named; `None` without a data or home folder.
    #[must_use]
    pub fn default_store(&self) -> Option<PathBuf> {
        self.data_home.as_ref().map(|home| home.join("handful/store"))
    }

    /// The folder of built engines when none is named: that of the service manager, else
    /// `handful/engines` in the user's cache folder; `None` without either.
    #[must_use]
    pub fn engine_cache(&self) -> Option<PathBuf> {
        let service = self.service_cache.as_ref().map(|folder| folder.join("engines"));
        service.or_else(|| Some(self.cache_home.as_ref()?.join("handful/engines")))
    }
}

/// The path in an environment variable, if it is set.
fn variable(name: &str) -> Option<PathBuf> {
    // The XDG Base Directory specification: an empty variable counts as not set.
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The same without a relative path, which would start at the current folder.
fn absolute(name: &str) -> Option<PathBuf> {
    // The same specification: a relative path is ignored.
    variable(name).filter(|path| path.is_absolute())
}

/// The first folder of a list with colons: systemd names all that a unit asks for in one variable.
fn first(list: &Path) -> PathBuf {
    let text = list.to_str().unwrap_or_default();
    text.split(':').next().map_or_else(|| list.to_owned(), PathBuf::from)
}

/// The workspace of a package: the nearest folder above it with a `Cargo.lock`.
fn workspace_of(package: &Path) -> Option<PathBuf> {
    // Not the package itself: a package that is a workspace of its own lies in no other.
    package.ancestors().skip(1).find(|dir| dir.join("Cargo.lock").is_file()).map(Path::to_owned)
}

/// The workspace in whose folder `target` an executable was built.
fn workspace_of_build(executable: &Path) -> Option<PathBuf> {
    let target = executable.ancestors().find(|dir| dir.file_name() == Some("target".as_ref()))?;
    let workspace = target.parent()?;
    let is_workspace = workspace.join("Cargo.lock").is_file() && is_as_safe(workspace, target);
    is_workspace.then(|| workspace.to_owned())
}

/// Whether only those who can replace the programs in `target` can write in `workspace`.
// `target` may lie in a folder like `/tmp`, where everybody can add a library beside it.
#[cfg(unix)]
fn is_as_safe(workspace: &Path, target: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    const WRITABLE_BY_OTHERS: u32 = 0o002;
    let (Ok(workspace), Ok(target)) = (workspace.metadata(), target.metadata()) else {
        return false;
    };
    workspace.uid() == target.uid() && workspace.mode() & WRITABLE_BY_OTHERS == 0
}

#[cfg(not(unix))]
fn is_as_safe(_: &Path, _: &Path) -> bool {
    false
}

/// A file or folder was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} was not found; looked at {}; {hint}", Places(.looked_at))]
pub struct NotFound {
    /// What was looked for.
    pub what: String,
    /// Every place that was tried, in order.
    pub looked_at: Vec<PathBuf>,
    /// What the user can do.
    pub hint: &'static str,
}

struct Places<'a>(&'a [PathBuf]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.0.iter().map(|place| place.display().to_string()).collect();
        f.write_str(&if places.is_empty() { "no place".to_owned() } else { places.join(", ") })
    }
}

/// The folder of the bundle. `wanted` is what the user set: a folder, or a name that is searched in
/// [`Environment::bundle_folders`]. Without it [`DEFAULT_BUNDLE`] is searched.
///
/// # Errors
/// [`NotFound`] with every place that was looked at.
pub fn bundle(wanted: Option<&Path>, environment: &Environment) -> Result<PathBuf, NotFound> {
    let name = wanted.unwrap_or(Path::new(DEFAULT_BUNDLE));
    // `..` is one component as well, but it has no file name.
    let is_bare =
        name.components().count() == 1 && !name.is_absolute() && name.file_name().is_some();
    let mut candidates = Vec::new();
    candidates.extend(wanted.map(Path::to_owned));
    if is_bare {
        candidates.extend(environment.bundle_folders().iter().map(|folder| folder.join(name)));
    }
    let found = candidates.iter().find(|dir| dir.join(models::bundle::MANIFEST).is_file());
    found.cloned().ok_or_else(|| NotFound {
        what: format!("the bundle {}", name.display()),
        looked_at: candidates.clone(),
        hint: "name a bundle's folder with --bundle or HANDFUL_BUNDLE",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    pub(super) fn touch(path: &Path) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
        path.to_owned()
    }

    pub(super) fn environment(root: &Path) -> Environment {
        Environment {
            home: Some(root.join("home")),
            executable_dir: Some(root.join("exe")),
            data_home: Some(root.join("data")),
            service_cache: None,
            cache_home: Some(root.join("cache")),
            engine_builder: None,
            workspace: Some(root.join("workspace")),
            system: Some(root.join("system")),
            ort_dylib_path: None,
        }
    }

    #[test]
    fn a_bundle_is_looked_for_in_order() {
        let root = tempfile::tempdir().unwrap();
        let here = environment(root.path());
        let error = bundle(None, &here).unwrap_err().to_string();
        let places = ["exe/bundles", "data/handful/bundles", "workspace/models/bundles"];
        for place in places.iter().rev() {
            let dir = root.path().join(place).join(DEFAULT_BUNDLE);
            assert!(error.contains(&dir.display().to_string()), "{error}");
            touch(&dir.join("manifest.json"));
            assert_eq!(bundle(None, &here), Ok(dir));
        }
    }

    #[test]
    fn engines_are_cached_where_the_service_manager_says() {
        let root = Path::new("/x");
        let mut here = environment(root);
        assert_eq!(here.engine_cache(), Some(root.join("cache/handful/engines")));
        here.service_cache = Some(first(Path::new("/var/cache/handful:/var/cache/other")));
        assert_eq!(here.engine_cache(), Some("/var/cache/handful/engines".into()));
        assert_eq!(Environment::default().engine_cache(), None);
    }

    #[test]
    fn a_bundle_is_named_by_path_or_by_name() {
        let root = tempfile::tempdir().unwrap();
        let here = environment(root.path());
        let other = root.path().join("data/handful/bundles/other");
        touch(&other.join("manifest.json"));
        assert_eq!(bundle(Some(Path::new("other")), &here), Ok(other.clone()));
        assert_eq!(bundle(Some(&other), &here), Ok(other));
        // What is named is not replaced by another one.
        touch(&root.path().join("exe/bundles").join(DEFAULT_BUNDLE).join("manifest.json"));
        let error = bundle(Some(&root.path().join("gone")), &here).unwrap_err();
        assert_eq!(error.looked_at, [root.path().join("gone")]);
        assert!(bundle(Some(Path::new("..")), &here).is_err());
    }

    #[test]
    fn without_surroundings_no_place_is_looked_at() {
        // In particular not the current folder.
        let nowhere = Environment::default();
        assert!(onnxruntime(None, &nowhere).unwrap_err().looked_at.is_empty());
        assert!(bundle(None, &nowhere).unwrap_err().looked_at.is_empty());
    }

    #[test]
    fn the_workspace_of_a_nested_package_is_found() {
        let root = tempfile::tempdir().unwrap();
        touch(&root.path().join("Cargo.lock"));
        for package in ["edge", "edge/cli"] {
            let workspace = workspace_of(&root.path().join(package));
            assert_eq!(workspace.as_deref(), Some(root.path()), "{package}");
        }
    }

    #[test]
    fn a_program_finds_the_workspace_that_it_was_built_in() {
        let root = tempfile::tempdir().unwrap();
        let programs = ["target/release/handful", "target/aarch64-unknown-linux-gnu/debug/deps/it"];
        for program in programs {
            assert_eq!(workspace_of_build(&root.path().join(program)), None, "no checkout");
        }
        touch(&root.path().join("Cargo.lock"));
        fs::create_dir(root.path().join("target")).unwrap();
        for program in programs {
            let workspace = workspace_of_build(&root.path().join(program));
            assert_eq!(workspace.as_deref(), Some(root.path()), "{program}");
        }
        assert_eq!(workspace_of_build(&root.path().join("bin/handful")), None);
    }
}
