//! The name knowledge of a bundle: the name regressor, the completer, and the lexicon.

use std::collections::BTreeMap;
use std::path::Path;

use few_shot::kernel::NameRegressor;
use models::bundle::{FileEntry, KnowledgeFiles, NamedFile};
use models::disk::{self, DiskError};
use models::knowledge::lexicon::{self, Lexicon};

use super::completer::DraftCompleter;
use super::recipe::Recipe;
use crate::error::ExportError;
use crate::run::{Completer, NAME_REGRESSOR, Run};

/// The name knowledge of a bundle that is not yet verified.
#[derive(Debug, Clone)]
pub struct DraftKnowledge {
    name_regressor: Vec<u8>,
    pub(super) completer: Option<DraftCompleter>,
    lexicon: Vec<u8>,
}

impl DraftKnowledge {
    /// Checks that the run's name regressor, its completer and the recipe's lexicon belong
    /// together; `None` without a lexicon.
    ///
    /// # Errors
    /// [`ExportError`] names the file that does not fit.
    pub(super) fn new(
        run: &Run,
        recipe: &Recipe,
        space_id: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Option<Self>, ExportError> {
        let Some(lexicon) = &recipe.lexicon else { return Ok(None) };
        let bytes = run.name_regressor.as_ref().ok_or(ExportError::NoNameRegressor)?;
        let (regressor_space, regressor) = NameRegressor::parse(bytes)?;
        let dimension = Lexicon::parse(lexicon)?.header().dimension;
        // A name regressor predicts prototypes of one embedding space.
        expect_space("the name regressor's space", space_id, &regressor_space)?;
        expect_dimension(regressor.dimension(), dimension)?;
        if let Some(completer) = &run.completer {
            expect_space("the completer's space", space_id, &completer.space_id)?;
            expect_dimension(completer.network.network().word, dimension)?;
        }
        Ok(Some(Self {
            name_regressor: bytes.clone(),
            completer: run
                .completer
                .as_ref()
                .map(|Completer { network, .. }| {
                    DraftCompleter::new(network, recipe.storage, space_id, metadata)
                })
                .transpose()?,
            lexicon: lexicon.clone(),
        }))
    }

    /// The files inside the bundle.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![(NAME_REGRESSOR.to_owned(), self.name_regressor.clone())];
        files.extend(self.completer.iter().flat_map(DraftCompleter::files));
        files
    }

    /// The manifest's entry, without verification figures.
    pub(super) fn describe(&self) -> KnowledgeFiles {
        let FileEntry { sha256, bytes } = FileEntry::of(&self.lexicon);
        KnowledgeFiles {
            kernel: NAME_REGRESSOR.to_owned(),
            completer: self.completer.as_ref().map(DraftCompleter::describe),
            lexicon: NamedFile { file: file_name(&self.lexicon), sha256, bytes },
        }
    }

    /// Writes the lexicon next to the bundle at `out`, where the bundles of a folder share it.
    ///
    /// # Errors
    /// [`DiskError`] if it cannot be written.
    pub fn write_lexicon(&self, out: &Path) -> Result<(), DiskError> {
        let place = out.with_file_name(file_name(&self.lexicon));
        // Do not touch a file that running devices may have open.
        if disk::read(&place, lexicon::MAX_BYTES).is_ok_and(|found| found == self.lexicon) {
            return Ok(());
        }
        if let Some(folder) = place.parent() {
            disk::create_folder(folder)?;
        }
        disk::write(&place, &self.lexicon)
    }
}

/// The name contains a hash, so that a folder can hold several lexicons.
fn file_name(lexicon: &[u8]) -> String {
    format!("lexicon-{:.8}.bin", FileEntry::of(lexicon).sha256)
}

pub(super) fn expect_space(
    what: &'static str,
    expected: &str,
    got: &str,
) -> Result<(), ExportError> {
    if expected == got {
        return Ok(());
    }
    Err(ExportError::Mismatch {
        what,
        expected: expected.to_owned(),
        got: got.to_owned(),
        remedy: "run `handful-train complete` again for this checkpoint",
    })
}

fn expect_dimension(expected: usize, got: usize) -> Result<(), ExportError> {
    if expected == got {
        return Ok(());
    }
    Err(ExportError::Mismatch {
        what: "the length of the lexicon's word vectors",
        expected: expected.to_string(),
        got: got.to_string(),
        remedy: "run `handful-train complete` again, with the same word vectors as the lexicon",
    })
}
