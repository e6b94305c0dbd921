//! What builds leave that were stopped.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, SystemTime};

use models::disk;

/// How the names of folders begin in which an engine is built.
pub(super) const PREFIX: &str = ".new-";

/// The file that is locked while a build writes into its folder, and that of the folder of all
/// engines while one is removed or replaced.
pub(super) const LOCK: &str = ".lock";

/// A folder without a lock is left by a build that was stopped at its very start.
const YOUNG: Duration = Duration::from_secs(60);

/// Removes the folders of builds that were stopped. What cannot be removed is left for later.
pub(super) fn remove(root: &Path) {
    for path in disk::list(root).unwrap_or_default() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(PREFIX) && is_left(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether no process writes into a folder any more.
fn is_left(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)).map(|file| file.try_lock()) {
        Ok(Ok(())) => true,
        Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => false,
        Err(_) => {
            let modified = folder.metadata().and_then(|found| found.modified());
            let age = modified.map(|time| SystemTime::now().duration_since(time));
            matches!(age, Ok(Ok(age)) if age > YOUNG)
        }
    }
}
