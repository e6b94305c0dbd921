//! What a recognizer computes from its gallery: valid for one revision.

use std::sync::Arc;
use std::time::Duration;

use few_shot::decision::DecisionModel;
use few_shot::decision::gallery::Question;
use few_shot::fusion::{Fusion, Setting};

use crate::classifier::{Classifier, Ranking};
use crate::gallery::Gallery;
use crate::lexicon::NameKnowledge;

use super::values::{Answer, Classification, ClassifyOptions};

/// The classifier of a gallery, computed when it is first needed.
#[derive(Default)]
pub(super) struct Snapshot {
    revision: u64,
    classifier: Option<Classifier>,
    /// That of an earlier revision, until there is one of this revision.
    previous: Option<Classifier>,
}

impl Snapshot {
    pub(super) fn classifier(
        &mut self,
        gallery: &Gallery,
        names: Option<&NameKnowledge>,
        model: Option<&Arc<DecisionModel<f32>>>,
    ) -> &Classifier {
        self.move_to(gallery.revision());
        let previous = self.previous.take();
        self.classifier.get_or_insert_with(|| {
            let classifier = Classifier::after(previous.as_ref(), gallery.iter(), names);
            let Some(model) = model else { return classifier };
            let background = gallery.background();
            classifier.with_decision(model, gallery.iter(), background, previous.as_ref())
        })
    }

    /// Drops what was computed at another revision.
    fn move_to(&mut self, revision: u64) {
        // Name trust depends on all classes, so a change of one of them changes every prototype.
        if self.revision != revision {
            let previous = self.classifier.take().or_else(|| self.previous.take());
            *self = Self { revision, previous, ..Self::default() };
        }
    }
}

/// Ranks the classes for each raw embedding `[s]`; explains nothing and measures no time.
pub(super) fn classify(
    classifier: &Classifier,
    embeddings: &[&[f32]],
    options: ClassifyOptions,
    question: Question,
) -> Classification {
    // The answer says how it was made: figures of the two settings must not be compared.
    if options.transductive {
        Classification {
            answers: answers(classifier.classify_together(embeddings, options.top, question)),
            fusion: Fusion::SoftKMeans,
            setting: Setting::Transductive,
            unlabeled: embeddings.len(),
            elapsed: Duration::ZERO,
        }
    } else {
        let ranked = embeddings.iter().map(|one| classifier.classify(one, options.top, question));
        Classification {
            answers: answers(ranked),
            fusion: classifier.fusion(),
            setting: Setting::Inductive,
            unlabeled: 0,
            elapsed: Duration::ZERO,
        }
    }
}

fn answers(ranked: impl IntoIterator<Item = Ranking>) -> Vec<Answer> {
    ranked.into_iter().map(Answer::new).collect()
}
