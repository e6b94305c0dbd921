//! How large a gallery may become.

use super::change::What;
use super::error::GalleryError;
use super::state::State;

/// The most that a gallery may hold. One that holds more can be opened, and does not grow. The size
/// of the whole store has a limit of its own:
/// [`Galleries::set_max_store_bytes`](super::Galleries::set_max_store_bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GalleryLimits {
    /// Classes, with and without examples.
    pub classes: usize,
    /// Examples of all classes and of the background set.
    pub examples: usize,
}

impl Default for GalleryLimits {
    /// 20,000 classes and 200,000 examples.
    fn default() -> Self {
        Self { classes: 20_000, examples: 200_000 }
    }
}

impl GalleryLimits {
    /// Refuses a call that makes the gallery too large.
    pub(super) fn check(&self, state: &State, changes: &[What]) -> Result<(), GalleryError> {
        let mut classes = 0;
        let mut examples = 0;
        for change in changes {
            match change {
                What::CreateClass { .. } => classes += 1,
                What::Enroll { examples: new, .. } => examples += new.len(),
                _ => {}
            }
        }
        check("classes", state.n_classes(), classes, self.classes)?;
        check("examples", state.n_examples(), examples, self.examples)
    }

    /// Refuses a state that is larger than these limits and than the state `before`.
    pub(super) fn check_growth(&self, before: &State, after: &State) -> Result<(), GalleryError> {
        let classes = after.n_classes().saturating_sub(before.n_classes());
        let examples = after.n_examples().saturating_sub(before.n_examples());
        check("classes", before.n_classes(), classes, self.classes)?;
        check("examples", before.n_examples(), examples, self.examples)
    }
}

fn check(what: &'static str, count: usize, new: usize, limit: usize) -> Result<(), GalleryError> {
    // What does not grow is never refused: a gallery may be larger than its limits already.
    if new > 0 && count.saturating_add(new) > limit {
        return Err(GalleryError::LimitReached { what, count, new, limit });
    }
    Ok(())
}
