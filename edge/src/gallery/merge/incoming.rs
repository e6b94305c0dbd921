//! Changes whose embeddings and images are in memory, as simulated devices exchange them. An import
//! reads these from its file instead.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Merged;
use crate::gallery::Gallery;
use crate::gallery::change::{Change, NewlyEnrolled, What};
use crate::gallery::class::Example;
use crate::gallery::commit::Data;
use crate::gallery::error::GalleryError;
use crate::gallery::id::{ChangeId, ExampleId};

/// A change of another device, with what lies beside its journal.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::gallery) struct Incoming {
    /// The change.
    pub(in crate::gallery) change: Change,
    /// The raw embedding `[s]` of each example that it enrolls; an example that was purged there
    /// has none.
    pub(in crate::gallery) embeddings: HashMap<ExampleId, Vec<f32>>,
    /// The kept images of these examples.
    pub(in crate::gallery) images: HashMap<ExampleId, Vec<u8>>,
}

impl Gallery {
    /// Takes changes of other devices over, all or none. Those that this gallery has already are
    /// skipped.
    pub(in crate::gallery) fn merge(
        &mut self,
        incoming: Vec<Incoming>,
    ) -> Result<Merged, GalleryError> {
        self.begin()?;
        self.check_own_space()?;
        let embeddings = incoming.iter().flat_map(|one| one.embeddings.values());
        self.check_embeddings(embeddings.map(Vec::as_slice))?;
        let journal = self.journal.changes()?;
        let given = incoming.iter().map(|one| one.change.clone()).collect();
        let plan = self.plan_merge(&journal, given)?;
        let mut new: HashSet<ChangeId> = plan.changes.iter().map(|change| change.id).collect();
        let mut data = Data::default();
        for one in incoming {
            // A change may be given twice.
            if new.remove(&one.change.id) {
                data.add(one, &plan.purged);
            }
        }
        self.take_over(plan, data)
    }
}

impl Data {
    /// Takes over what a change enrolls and nobody has purged.
    fn add(&mut self, incoming: Incoming, purged: &HashSet<ExampleId>) {
        let Incoming { change, mut embeddings, mut images } = incoming;
        let What::Enroll { precision, examples, .. } = &change.what else { return };
        for new in examples.iter().filter(|new| !purged.contains(&new.id)) {
            if let Some(embedding) = embeddings.remove(&new.id) {
                let precision = precision.clone();
                let NewlyEnrolled { id, sha256, crop } = *new;
                let example = Example { id, sha256: sha256.0, crop, embedding, precision };
                self.examples.insert(new.id, Arc::new(example));
                self.images.extend(images.remove(&new.id).map(|image| (new.id, image)));
            }
        }
    }
}
