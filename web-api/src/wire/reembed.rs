//! The re-embedding of a gallery of another model.

use edge::Recognizer;
use edge::recognizer::{self, RecognizerError, ReembedStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::jobs::reembed::Phase;

/// What to do with the new embeddings.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReembedRequest {
    /// Use the new embeddings as soon as all images are embedded. Without it the job is `ready`
    /// then, and a second call with `swap` uses them.
    #[serde(default)]
    pub swap: bool,
    /// Leave out the examples whose image is not kept or cannot be read. Without it they stand in
    /// the way of the swap.
    #[serde(default)]
    pub leave_out: bool,
}

/// How far the job is: `none` (there is none), `running`, `ready` (all images are embedded and
/// compared), `done` (the gallery has the new embeddings) or `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReembedState {
    /// There is no job.
    None,
    /// It embeds or compares.
    Running,
    /// All images are embedded and compared.
    Ready,
    /// The gallery has the new embeddings.
    Done,
    /// It ended before that.
    Failed,
}

/// The re-embedding of a gallery: how far it is, and what it changes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reembed {
    /// How far the job is.
    pub state: ReembedState,
    /// True if the images of the gallery were embedded with another model; false if there is
    /// nothing to do.
    pub other_space: bool,
    /// Identifies the model that the embeddings in use were made with.
    #[schema(
        max_length = 128,
        example = "41d1fc20a8ba21b48fac1f1af2d1c3ba7c4d1e62ea4b5b1f0ad4b7c0cbb5b3a0"
    )]
    pub from_space: String,
    /// Identifies the model of this service.
    #[schema(
        max_length = 128,
        example = "0c8be5a1934f69e1e6122cee05359097bd2e093b1ccbdf6dc0c397994eb5717a"
    )]
    pub to_space: String,
    /// Number of examples, also of the background set.
    pub examples: usize,
    /// Examples that have a new embedding.
    pub embedded: usize,
    /// Images that are to be embedded yet, also of examples that were removed and can be restored.
    pub to_embed: usize,
    /// Examples of which no image is kept. They are lost with the swap.
    pub without_image: usize,
    /// Examples whose image cannot be read. They are lost with the swap.
    pub unreadable: usize,
    /// Examples of which the file is kept.
    pub originals: usize,
    /// Examples of which a thumbnail is kept, which shows less than the file did.
    pub thumbnails: usize,
    /// What the new embeddings change; null before the job is `ready`.
    pub comparison: Option<ReembedComparison>,
    /// Why the job failed, or why the new embeddings are not used although that was asked for; null
    /// otherwise.
    #[schema(max_length = 2000)]
    pub error: Option<String>,
    /// The gallery's revision.
    pub revision: u64,
    /// The id of the change that made the swap, by which it is undone, if the state is `done`; null
    /// otherwise.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
    /// The gallery's revision after the swap, if the state is `done`; null otherwise. The gallery
    /// has changed since if its `revision` is another one.
    #[schema(example = 62)]
    pub swap_revision: Option<u64>,
}

/// What the new embeddings change, measured with the examples of the gallery: each is left out and
/// compared with the means of the classes.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ReembedComparison {
    /// Number of examples that were left out, one by one.
    pub compared: usize,
    /// How many of them have another nearest class with the new embeddings.
    pub nearest_changes: usize,
    /// Classes with one example, which cannot be left out.
    pub single_example_classes: usize,
    /// The share of them whose nearest class is their own, with the embeddings in use; null if none
    /// was left out.
    #[schema(minimum = 0, maximum = 1, example = 0.91)]
    pub accuracy_before: Option<f64>,
    /// The same with the new embeddings.
    #[schema(minimum = 0, maximum = 1, example = 0.94)]
    pub accuracy_after: Option<f64>,
    /// True if not all examples were compared.
    pub sampled: bool,
}

/// The response to the end of a re-embedding without a swap.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ReembedForgotten {
    /// How many new embeddings were forgotten.
    pub forgotten: usize,
    /// How many new embeddings are kept, since the gallery was once of this model: an undo or a
    /// redo needs them. Nothing is forgotten then.
    pub kept: usize,
    /// The gallery's revision.
    pub revision: u64,
}

impl Reembed {
    /// That of the selected gallery of a recognizer, without its job.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be read.
    pub fn new(recognizer: &Recognizer) -> Result<Self, RecognizerError> {
        let status = match recognizer.is_other_space() {
            true => recognizer.reembed_status()?,
            false => nothing_to_do(recognizer),
        };
        Ok(Self {
            state: ReembedState::None,
            other_space: recognizer.is_other_space(),
            from_space: status.from_space,
            to_space: status.to_space,
            examples: status.examples,
            embedded: status.embedded,
            to_embed: status.to_embed,
            without_image: status.without_image,
            unreadable: status.unreadable,
            originals: status.originals,
            thumbnails: status.thumbnails,
            comparison: None,
            error: None,
            revision: recognizer.revision(),
            change: None,
            swap_revision: None,
        })
    }

    /// The same with its job, if there is one.
    #[must_use]
    pub fn with(self, phase: Option<Phase>) -> Self {
        match phase {
            // Also between the swap and the end of the job.
            Some(Phase::Running) => Self { state: ReembedState::Running, ..self },
            Some(Phase::Done { change, revision }) if !self.other_space => Self {
                state: ReembedState::Done,
                change: change.map(|change| change.to_string()),
                swap_revision: Some(revision),
                ..self
            },
            // What a job did for a gallery that is of this model again does not count.
            _ if !self.other_space => self,
            // The swap was undone.
            None | Some(Phase::Done { .. }) => self,
            Some(Phase::Ready { comparison, error }) => {
                let comparison = Some(ReembedComparison::from(&comparison));
                Self { state: ReembedState::Ready, comparison, error, ..self }
            }
            Some(Phase::Failed(error)) => {
                Self { state: ReembedState::Failed, error: Some(error), ..self }
            }
        }
    }
}

fn nothing_to_do(recognizer: &Recognizer) -> ReembedStatus {
    let summary = recognizer.summary();
    let examples = summary.examples + summary.background;
    let space = &recognizer.manifest().space_id;
    ReembedStatus {
        from_space: space.clone(),
        to_space: space.clone(),
        examples,
        embedded: examples,
        to_embed: 0,
        without_image: 0,
        unreadable: 0,
        originals: 0,
        thumbnails: 0,
    }
}

impl From<&recognizer::ReembedComparison> for ReembedComparison {
    fn from(found: &recognizer::ReembedComparison) -> Self {
        let is_measured = found.compared > 0;
        Self {
            compared: found.compared,
            nearest_changes: found.nearest_changes,
            single_example_classes: found.single_example_classes,
            accuracy_before: is_measured.then_some(found.accuracy_before),
            accuracy_after: is_measured.then_some(found.accuracy_after),
            sampled: found.sampled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(compared: usize) -> recognizer::ReembedComparison {
        recognizer::ReembedComparison {
            compared,
            nearest_changes: 0,
            single_example_classes: 1,
            accuracy_before: 0.0,
            accuracy_after: 0.0,
            sampled: false,
        }
    }

    #[test]
    fn an_accuracy_of_nothing_is_null() {
        let nothing = ReembedComparison::from(&compared(0));
        assert_eq!((nothing.accuracy_before, nothing.accuracy_after), (None, None));
        let all_wrong = ReembedComparison::from(&compared(2));
        assert_eq!((all_wrong.accuracy_before, all_wrong.accuracy_after), (Some(0.0), Some(0.0)));
    }
}
