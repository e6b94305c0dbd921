//! Which examples of a gallery are to be embedded anew, and what is known of each by now.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use models::image::{Crop, Region};
use sha2::{Digest, Sha256 as Hasher};

use super::change::{Change, Sha256, What};
use super::class::Example;
use super::id::{ChangeId, ExampleId};
use super::other_spaces::{Beside, EmbeddingState, EmbeddingStates};
use super::reembedded::{ReembedStatus, Reembedded};
use super::state::State;

/// The examples to embed anew, those that count first. It is made of the whole journal once, so
/// that the next images are found without it.
#[derive(Debug)]
pub(super) struct Worklist {
    revision: u64,
    space_id: String,
    targets: Vec<Target>,
    positions: HashMap<ExampleId, usize>,
    /// No target before it waits.
    first: usize,
}

/// An example that is to be embedded anew.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) example: ExampleId,
    sha256: Sha256,
    crop: Option<Region>,
    /// The change that enrolled it, its position there, and how many that change has.
    change: ChangeId,
    index: u8,
    of: u8,
    /// It belongs to a class or to the background set; others were removed and can be restored.
    counts: bool,
    state: Option<EmbeddingState>,
    /// `None` until it was looked up.
    image: Option<ImageKind>,
}

/// What is kept of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ImageKind {
    Missing,
    Thumbnail,
    Original,
}

/// The examples that would be left out of the new space.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub(super) without_image: usize,
    pub(super) unreadable: usize,
    /// Those that count, and others of the same image that could take the place of one that counts.
    pub(super) examples: Vec<ExampleId>,
}

impl Worklist {
    /// Of the gallery at this revision; `embedded` is what is there of the space. What `before`
    /// knows of images is taken over: they do not change.
    pub(super) fn new(
        revision: u64,
        space_id: &str,
        journal: &[Change],
        state: &State,
        embedded: &EmbeddingStates,
        before: Option<&Self>,
    ) -> Self {
        let (mut targets, others): (Vec<Target>, Vec<Target>) =
            all_targets(journal, state, embedded).into_iter().partition(|target| target.counts);
        targets.extend(others);
        if let Some(before) = before {
            for target in &mut targets {
                target.image = before.get(target.example).and_then(|known| known.image);
            }
        }
        let positions = targets.iter().enumerate().map(|(at, one)| (one.example, at)).collect();
        Self { revision, space_id: space_id.to_owned(), targets, positions, first: 0 }
    }

    /// Whether it is that of the gallery at this revision, for this space.
    pub(super) fn is_of(&self, revision: u64, space_id: &str) -> bool {
        self.revision == revision && self.space_id == space_id
    }

    fn get(&self, id: ExampleId) -> Option<&Target> {
        self.positions.get(&id).map(|at| &self.targets[*at])
    }

    /// The targets that wait, the first ones first.
    pub(super) fn waiting(&mut self) -> impl Iterator<Item = &mut Target> {
        while self.targets.get(self.first).is_some_and(|target| !target.waits()) {
            self.first += 1;
        }
        self.targets[self.first..].iter_mut().filter(|target| target.waits())
    }

    /// The targets whose images were not looked up, and of which [`Worklist::status`] needs it.
    pub(super) fn unknown(&mut self) -> impl Iterator<Item = &mut Target> {
        let unknown = self.targets.iter_mut().filter(|target| target.image.is_none());
        unknown.filter(|target| target.counts || target.state.is_none())
    }

    /// What is to be put beside, in the order of the changes; examples that were purged are passed
    /// over.
    pub(super) fn beside(&self, embedded: Vec<Reembedded>, precision: &str) -> Vec<Beside> {
        let known = embedded.into_iter().filter_map(|one| Some((self.get(one.example)?, one)));
        let beside = known.map(|(target, one)| Beside {
            id: target.example,
            change: target.change,
            index: target.index,
            of: target.of,
            example: one.embedding.map(|embedding| {
                let precision = precision.to_owned();
                let &Target { example: id, sha256, crop, .. } = target;
                Arc::new(Example { id, sha256: sha256.0, crop, embedding, precision })
            }),
        });
        let mut beside: Vec<Beside> = beside.collect();
        beside.sort_by_key(|one| (one.change, one.index));
        beside
    }

    /// Remembers what was put beside.
    pub(super) fn note(&mut self, beside: &[Beside]) {
        for one in beside {
            if let Some(at) = self.positions.get(&one.id) {
                self.targets[*at].state = Some(one.state());
            }
        }
    }

    /// How many examples are embedded in the new space.
    pub(super) fn n_embedded(&self) -> usize {
        self.targets.iter().filter(|target| target.is_embedded()).count()
    }

    /// The examples that would be left out if the new space were used from now on.
    pub(super) fn lost(&self, state: &State) -> Lost {
        let mut lost = Lost::default();
        for target in self.targets.iter().filter(|target| target.counts) {
            let same = state.same_as(target.example).into_iter();
            lost.examples
                .extend(same.filter(|id| self.get(*id).is_none_or(|one| !one.is_embedded())));
            if target.is_embedded() {
                continue;
            }
            match target.state {
                Some(_) => lost.unreadable += 1,
                None => lost.without_image += 1,
            }
            lost.examples.push(target.example);
        }
        lost
    }

    /// The counts, when all images that matter are known.
    pub(super) fn status(&self, from_space: &str) -> ReembedStatus {
        let mut status = ReembedStatus {
            from_space: from_space.to_owned(),
            to_space: self.space_id.clone(),
            examples: 0,
            embedded: 0,
            to_embed: self.targets.iter().filter(|target| target.waits()).count(),
            without_image: 0,
            unreadable: 0,
            originals: 0,
            thumbnails: 0,
        };
        for target in self.targets.iter().filter(|target| target.counts) {
            status.examples += 1;
            match target.state {
                Some(EmbeddingState::Embedded) => status.embedded += 1,
                Some(EmbeddingState::Unreadable) => status.unreadable += 1,
                None if target.image == Some(ImageKind::Missing) => status.without_image += 1,
                None => {}
            }
            match target.image {
                Some(ImageKind::Original) => status.originals += 1,
                Some(ImageKind::Thumbnail) => status.thumbnails += 1,
                Some(ImageKind::Missing) | None => {}
            }
        }
        status
    }
}

impl Target {
    /// Whether it is to be embedded yet. Its image may turn out to be missing.
    fn waits(&self) -> bool {
        self.state.is_none() && self.image != Some(ImageKind::Missing)
    }

    fn is_embedded(&self) -> bool {
        self.state == Some(EmbeddingState::Embedded)
    }

    /// The part of its kept image that it shows.
    pub(super) fn crop(&self) -> Option<Crop> {
        let crop = self.crop.filter(|_| self.image == Some(ImageKind::Original));
        crop.map(Crop::from)
    }

    /// Remembers what its kept image is; `None` if none is kept.
    pub(super) fn see(&mut self, image: Option<&[u8]>) {
        self.image = Some(match image {
            None => ImageKind::Missing,
            // A thumbnail is another file.
            Some(bytes) if <[u8; 32]>::from(Hasher::digest(bytes)) == self.sha256.0 => {
                ImageKind::Original
            }
            Some(_) => ImageKind::Thumbnail,
        });
    }
}

/// Every example that was enrolled and not purged, in the order of the journal.
fn all_targets(journal: &[Change], state: &State, embedded: &EmbeddingStates) -> Vec<Target> {
    let mut purged: HashSet<ExampleId> = HashSet::new();
    for change in journal {
        if let What::Purge { examples } = &change.what {
            purged.extend(examples);
        }
    }
    let mut targets = Vec::new();
    for change in journal {
        let What::Enroll { examples, .. } = &change.what else { continue };
        // A change has at most 16.
        let of = u8::try_from(examples.len()).unwrap_or(u8::MAX);
        for (index, new) in (0..of).zip(examples) {
            if purged.contains(&new.id) {
                continue;
            }
            targets.push(Target {
                example: new.id,
                sha256: new.sha256,
                crop: new.crop,
                change: change.id,
                index,
                of,
                counts: state.place_of(new.id).is_some(),
                state: embedded.get(&(change.id, index)).copied(),
                image: None,
            });
        }
    }
    targets
}
