//! ONNX Runtime as `handful doctor` shows it.

use std::fmt;
use std::path::Path;

use edge::engine::{Provider, built_providers, library_version};
use serde::Serialize;

/// ONNX Runtime.
#[derive(Debug, Default, Serialize)]
pub(super) struct Runtime {
    /// The path of its library.
    onnxruntime: Option<String>,
    onnxruntime_version: Option<String>,
    /// The engines that it was built with; whether they work is in `engines`.
    onnxruntime_providers: Vec<&'static str>,
}

impl Runtime {
    pub(super) fn of(library: &Path) -> Self {
        // One that cannot be loaded has none; the engines state why.
        let built = built_providers(library).unwrap_or_default();
        Self {
            onnxruntime: Some(library.display().to_string()),
            onnxruntime_version: library_version(library),
            onnxruntime_providers: built.into_iter().map(Provider::word).collect(),
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(library) = &self.onnxruntime else {
            return write!(f, "library  ONNX Runtime: not found");
        };
        write!(f, "library  ONNX Runtime")?;
        if let Some(version) = &self.onnxruntime_version {
            write!(f, " {version}")?;
        }
        match self.onnxruntime_providers.is_empty() {
            true => write!(f, ": {library}"),
            false => write!(f, " with {}: {library}", self.onnxruntime_providers.join(", ")),
        }
    }
}
