//! What a recognizer computes from its gallery: valid for one revision.

use std::time::Duration;

use few_shot::fusion::{Fusion, Setting};

use crate::classifier::{Candidate, Classifier};
use crate::gallery::Gallery;
use crate::lexicon::NameKnowledge;

use super::values::{Answer, ClassInfo, Classification, ClassifyOptions, GallerySummary};

/// The classes of a gallery at one revision, with their prototypes.
pub(super) struct Snapshot {
    pub(super) revision: u64,
    pub(super) classes: Vec<ClassInfo>,
    classifier: Classifier,
}

impl Snapshot {
    pub(super) fn of(gallery: &Gallery, names: Option<&NameKnowledge>) -> Self {
        let classes = gallery.classes();
        Self {
            revision: gallery.revision(),
            classes: classes.iter().map(|class| ClassInfo::new(class, names)).collect(),
            classifier: Classifier::new(&classes, names),
        }
    }

    pub(super) fn summary(&self) -> GallerySummary {
        GallerySummary {
            fusion: self.classifier.fusion(),
            classes: self.classes.len(),
            examples: self.classes.iter().map(|class| class.examples).sum(),
            revision: self.revision,
        }
    }

    /// Ranks the classes for each raw embedding `[s]`; explains nothing and measures no time.
    pub(super) fn classify(
        &self,
        embeddings: &[&[f32]],
        options: ClassifyOptions,
    ) -> Classification {
        // The answer says how it was made: figures of the two settings must not be compared.
        if options.transductive {
            Classification {
                answers: answers(self.classifier.classify_together(embeddings, options.top)),
                fusion: Fusion::SoftKMeans,
                setting: Setting::Transductive,
                unlabeled: embeddings.len(),
                elapsed: Duration::ZERO,
            }
        } else {
            let ranked = embeddings.iter().map(|one| self.classifier.classify(one, options.top));
            Classification {
                answers: answers(ranked),
                fusion: self.classifier.fusion(),
                setting: Setting::Inductive,
                unlabeled: 0,
                elapsed: Duration::ZERO,
            }
        }
    }
}

fn answers(ranked: impl IntoIterator<Item = Vec<Candidate>>) -> Vec<Answer> {
    let ranked = ranked.into_iter();
    ranked.map(|candidates| Answer { candidates, explanation: None }).collect()
}
