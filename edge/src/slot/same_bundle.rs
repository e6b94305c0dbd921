//! The bundle in use, which is opened again while engines are tried.

use std::path::PathBuf;

use models::bundle::{Bundle, BundleLimits};
use serde::{Deserialize, Serialize};

/// The bundle in use. An update may put another one in its folder, whose engines must not run under
/// this manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SameBundle {
    /// Its folder.
    folder: PathBuf,
    /// The hash of its manifest.
    manifest: String,
}

impl SameBundle {
    /// The bundle as it was opened.
    #[must_use]
    pub fn of(bundle: &Bundle) -> Self {
        Self { folder: bundle.path.clone(), manifest: bundle.manifest.sha256() }
    }

    /// Opens it again.
    ///
    /// # Errors
    /// The reason in one line, if the folder has another bundle or none now.
    pub fn open(&self) -> Result<Bundle, String> {
        let opened = Bundle::open(&self.folder, &BundleLimits::default());
        let opened = opened.map_err(|error| error.to_string())?;
        if opened.manifest.sha256() == self.manifest {
            return Ok(opened);
        }
        let folder = self.folder.display();
        Err(format!("{folder} has another bundle now: start again to use it, or put the one back"))
    }
}
