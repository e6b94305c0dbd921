//! Where the library of ONNX Runtime is.

use std::env::consts;
use std::path::{Path, PathBuf};

use super::{Environment, NotFound};
use crate::engine::{self, EngineChoice, EngineError, Provider};

/// The shared library of ONNX Runtime. The first of these counts: `wanted`, which the user set;
/// `ORT_DYLIB_PATH`; a library beside the executable; one in a wheel in [`Environment::wheels`], in
/// the `.venv` of the workspace, or where `pip3 install` puts wheels: in the user's folder, or in
/// that of the system.
///
/// # Errors
/// [`NotFound`] with every place that was looked at. If the user named a library that is no file,
/// no other place is looked at.
pub fn onnxruntime(wanted: Option<&Path>, environment: &Environment) -> Result<PathBuf, NotFound> {
    if let Some(named) = wanted.or(environment.ort_dylib_path.as_deref()) {
        let named = named.to_owned();
        return if named.is_file() { Ok(named) } else { Err(no_library(vec![named])) };
    }
    // Never the search path of the system linker: the error can list every place that counts.
    let folders = library_folders(environment);
    let found = folders.iter().find_map(|folder| library_in(folder));
    found.ok_or_else(|| no_library(folders))
}

/// What to do without a library of ONNX Runtime.
const NO_LIBRARY: &str = "name libonnxruntime.so with --onnxruntime or ORT_DYLIB_PATH";

fn no_library(looked_at: Vec<PathBuf>) -> NotFound {
    NotFound { what: "ONNX Runtime's library".to_owned(), looked_at, hint: NO_LIBRARY }
}

/// Why the library that the user names cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// It is no file.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// It is no library of ONNX Runtime that this program can load.
    #[error("{} cannot be used as ONNX Runtime's library: {reason}; {NO_LIBRARY}", .path.display())]
    Unusable {
        /// What the user named.
        path: PathBuf,
        /// What the library or the system reports.
        reason: EngineError,
    },
}

/// The library of ONNX Runtime for an engine, as [`onnxruntime`] finds it. `None` if the engine is
/// tract, which needs no library, or if the user named no library and none is found. A library that
/// the user named is loaded.
///
/// # Errors
/// [`LibraryError`] if the user named a library that is not there or cannot be loaded.
pub fn onnxruntime_for(
    engine: EngineChoice,
    wanted: Option<&Path>,
    environment: &Environment,
) -> Result<Option<PathBuf>, LibraryError> {
    if engine == EngineChoice::Only(Provider::Tract) {
        return Ok(None);
    }
    let found = onnxruntime(wanted, environment);
    if !names_library(wanted, environment) {
        return Ok(found.ok());
    }
    // Otherwise tract would run with `auto`, and the mistake would stay unseen.
    let path = found?;
    match engine::load_library(&path) {
        Ok(()) => Ok(Some(path)),
        Err(reason) => Err(LibraryError::Unusable { path, reason }),
    }
}

/// The engines to try: those of ONNX Runtime for `auto` where the user names a library.
#[must_use]
pub fn engine_for(
    engine: EngineChoice,
    wanted: Option<&Path>,
    environment: &Environment,
) -> EngineChoice {
    match engine {
        EngineChoice::Auto if names_library(wanted, environment) => EngineChoice::OnnxRuntime,
        other => other,
    }
}

fn names_library(wanted: Option<&Path>, environment: &Environment) -> bool {
    wanted.is_some() || environment.ort_dylib_path.is_some()
}

fn library_folders(environment: &Environment) -> Vec<PathBuf> {
    let Environment { executable_dir, workspace, home, system, .. } = environment;
    let mut folders: Vec<_> = executable_dir.iter().cloned().collect();
    folders.extend(environment.wheels().map(|wheels| wheels.join(IN_WHEEL)));
    let pythons = [
        (workspace, ".venv/lib", "site-packages"),
        (home, ".local/lib", "site-packages"),
        // The name that Debian, Ubuntu and JetPack give it.
        (system, "usr/local/lib", "dist-packages"),
    ];
    for (base, lib, packages) in pythons {
        let versions = base.as_ref().map(|base| entries(&base.join(lib), "python3"));
        let versions = versions.unwrap_or_default();
        folders.extend(versions.iter().map(|python| python.join(packages).join(IN_WHEEL)));
    }
    folders
}

/// The folder of the library in a wheel.
const IN_WHEEL: &str = "onnxruntime/capi";

/// The last one by name: `libonnxruntime.so.1.32.0` rather than a link without a version.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let prefix = format!("{}onnxruntime{}", consts::DLL_PREFIX, consts::DLL_SUFFIX);
    entries(folder, &prefix).into_iter().rfind(|path| path.is_file())
}

/// The entries of a folder whose names begin with `prefix`, sorted; none if it cannot be read.
fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut entries = models::disk::list(folder).unwrap_or_default();
    entries.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(prefix))
    });
    entries
}

#[cfg(test)]
mod tests {
    use super::super::tests::{environment, touch};
    use super::*;

    #[test]
    fn the_library_is_looked_for_in_order() {
        let root = tempfile::tempdir().unwrap();
        let mut here = environment(root.path());
        assert!(onnxruntime(None, &here).is_err());
        let capi = "workspace/.venv/lib/python3.11/site-packages/onnxruntime/capi";
        let venv = touch(&root.path().join(capi).join("libonnxruntime.so.1.32.0"));
        touch(&root.path().join(capi).join("libonnxruntime_providers_shared.so"));
        assert_eq!(onnxruntime(None, &here), Ok(venv.clone()));
        let beside = touch(&root.path().join("exe/libonnxruntime.so"));
        assert_eq!(onnxruntime(None, &here), Ok(beside));
        here.ort_dylib_path = Some(venv.clone());
        assert_eq!(onnxruntime(None, &here), Ok(venv));
        // What is named and absent is an error that names it and no other place.
        here.ort_dylib_path = Some(root.path().join("gone.so"));
        assert_eq!(onnxruntime(None, &here).unwrap_err().looked_at, [root.path().join("gone.so")]);
    }

    #[test]
    fn wheels_are_found_where_pip_puts_them() {
        let root = tempfile::tempdir().unwrap();
        let here = environment(root.path());
        // From the last place to the first.
        for folder in [
            "system/usr/local/lib/python3.10/dist-packages",
            "home/.local/lib/python3.10/site-packages",
            "data/handful/onnxruntime",
        ] {
            let library = "onnxruntime/capi/libonnxruntime.so.1.23.0";
            let library = touch(&root.path().join(folder).join(library));
            assert_eq!(onnxruntime(None, &here), Ok(library), "{folder}");
        }
    }

    #[test]
    fn only_a_named_library_must_be_there() {
        let nowhere = Environment::default();
        let gone = Some(Path::new("/gone.so"));
        assert_eq!(onnxruntime_for(EngineChoice::Auto, None, &nowhere).unwrap(), None);
        assert!(onnxruntime_for(EngineChoice::Auto, gone, &nowhere).is_err());
        let tract = EngineChoice::Only(Provider::Tract);
        assert_eq!(onnxruntime_for(tract, gone, &nowhere).unwrap(), None);
    }

    #[test]
    fn a_named_file_that_is_no_library_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let file = touch(&root.path().join("text.so"));
        let named = Environment { ort_dylib_path: Some(file.clone()), ..Environment::default() };
        let error = onnxruntime_for(EngineChoice::Auto, None, &named).unwrap_err().to_string();
        assert!(error.starts_with(&file.display().to_string()), "{error}");
        assert_eq!(engine_for(EngineChoice::Auto, None, &named), EngineChoice::OnnxRuntime);
        let tract = EngineChoice::Only(Provider::Tract);
        assert_eq!(engine_for(tract, Some(&file), &named), tract);
        assert_eq!(
            engine_for(EngineChoice::Auto, None, &Environment::default()),
            EngineChoice::Auto
        );
    }
}
