//! What no single entry of an archive shows: that its embeddings and images belong to its journal.

use std::collections::HashSet;

use super::{EntryName, Manifest};
use crate::gallery::change::{Change, What};
use crate::gallery::error::ArchiveError;
use crate::gallery::id::ExampleId;

/// Checks what no single entry shows: embeddings and images belong to examples of the journal.
pub(super) fn check_contents(
    manifest: &Manifest,
    changes: &[Change],
    embedded: &HashSet<ExampleId>,
) -> Result<(), ArchiveError> {
    let mut enrolled = HashSet::new();
    for change in changes {
        if let What::Enroll { examples, .. } = &change.what {
            enrolled.extend(examples.iter().map(|new| new.id));
        }
    }
    for change in changes {
        if let What::Purge { examples } = &change.what {
            for id in examples {
                enrolled.remove(id);
            }
        }
    }
    for entry in &manifest.entries {
        let EntryName::Image(id) = entry.name else { continue };
        if !enrolled.contains(&id) {
            return Err(unknown(id, "an image"));
        }
    }
    if let Some(id) = embedded.iter().find(|id| !enrolled.contains(*id)) {
        return Err(unknown(*id, "an embedding"));
    }
    Ok(())
}

fn unknown(id: ExampleId, what: &str) -> ArchiveError {
    ArchiveError::Broken(format!("its journal has no example {id}, of which it has {what}"))
}
