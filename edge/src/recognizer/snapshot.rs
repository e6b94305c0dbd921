//! A gallery at one revision, as its readers see it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use few_shot::decision::DecisionModel;
use few_shot::fusion::{Fusion, Setting};

use crate::classifier::{Classifier, Ranking};
use crate::doctor::{self, DoctorReport};
use crate::gallery::{Gallery, GallerySettings};
use crate::lexicon::NameKnowledge;

use super::error::RecognizerError;
use super::values::{Answer, Classification, ClassifyOptions};

/// The fewest images of a transductive classification, in which the images inform each other's
/// answers.
const MIN_TRANSDUCTIVE: usize = 2;

/// What answers are computed from: the classes and the settings of a gallery at one revision.
///
/// It stays as it is while the gallery changes, and shares with the next one what has not changed.
/// A thread that has one classifies and waits for nobody.
#[derive(Debug)]
pub struct Snapshot {
    revision: u64,
    settings: GallerySettings,
    classifier: Classifier,
    /// Computed when it is first asked for.
    doctor: OnceLock<DoctorReport>,
}

impl Snapshot {
    /// That of a gallery; `previous` is an earlier one.
    fn new(
        gallery: &Gallery,
        names: Option<&NameKnowledge>,
        model: Option<&Arc<DecisionModel<f32>>>,
        previous: Option<&Self>,
    ) -> Self {
        let previous = previous.map(|previous| &previous.classifier);
        let classifier = Classifier::after(previous, gallery.iter(), names);
        let classifier = match model {
            Some(model) => classifier.with_decision(model, gallery.background(), previous),
            None => classifier,
        };
        Self {
            revision: gallery.revision(),
            settings: *gallery.settings(),
            classifier,
            doctor: OnceLock::new(),
        }
    }

    /// The revision of the gallery.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The prototypes of the gallery, and what rejects unknown images.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Checks the gallery. The first call takes this thread up to some seconds; later ones return
    /// the same report.
    pub fn doctor(&self) -> &DoctorReport {
        self.doctor.get_or_init(|| doctor::check(&self.classifier))
    }

    /// The report of [`Snapshot::doctor`], if the gallery was checked already.
    #[must_use]
    pub fn checked(&self) -> Option<&DoctorReport> {
        self.doctor.get()
    }

    /// Ranks the classes for each raw embedding `[s]`; explains nothing.
    ///
    /// # Errors
    /// [`RecognizerError::TooFewImages`] for a transductive classification of fewer than two
    /// images.
    pub fn classify(
        &self,
        embeddings: &[&[f32]],
        options: ClassifyOptions,
    ) -> Result<Classification, RecognizerError> {
        if options.transductive && embeddings.len() < MIN_TRANSDUCTIVE {
            return Err(RecognizerError::TooFewImages(embeddings.len()));
        }
        let start = Instant::now();
        let question = options.question(&self.settings);
        let top = options.top;
        // The answer says how it was made: figures of the two settings must not be compared.
        let found = if options.transductive {
            Classification {
                answers: answers(self.classifier.classify_together(embeddings, top, question)),
                fusion: Fusion::SoftKMeans,
                setting: Setting::Transductive,
                unlabeled: embeddings.len(),
                elapsed: Duration::ZERO,
            }
        } else {
            let each = embeddings.iter();
            Classification {
                answers: answers(each.map(|one| self.classifier.classify(one, top, question))),
                fusion: self.classifier.fusion(),
                setting: Setting::Inductive,
                unlabeled: 0,
                elapsed: Duration::ZERO,
            }
        };
        Ok(Classification { elapsed: start.elapsed(), ..found })
    }
}

/// The snapshot of a gallery, computed when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    latest: Option<Arc<Snapshot>>,
}

impl Snapshots {
    /// That of the gallery as it is now.
    pub(super) fn current(
        &mut self,
        gallery: &Gallery,
        names: Option<&NameKnowledge>,
        model: Option<&Arc<DecisionModel<f32>>>,
    ) -> &Arc<Snapshot> {
        let revision = gallery.revision();
        let latest = self.latest.take();
        self.latest.insert(match latest {
            Some(latest) if latest.revision == revision => latest,
            before => Arc::new(Snapshot::new(gallery, names, model, before.as_deref())),
        })
    }

    /// The last one that was computed, of this revision of the gallery or an earlier one.
    pub(super) fn latest(&self) -> Option<&Snapshot> {
        self.latest.as_deref()
    }
}

fn answers(ranked: impl IntoIterator<Item = Ranking>) -> Vec<Answer> {
    ranked.into_iter().map(Answer::new).collect()
}
