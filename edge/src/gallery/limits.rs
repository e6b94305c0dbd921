//! How large a gallery may become.

use super::change::ChangeKind;
use super::error::GalleryError;
use super::facts::Facts;

/// The most that a gallery may hold. A store that holds more can be opened, and does not grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GalleryLimits {
    /// Classes, with and without examples.
    pub classes: usize,
    /// Examples of all classes and of the background set.
    pub examples: usize,
}

impl Default for GalleryLimits {
    /// No limits.
    fn default() -> Self {
        Self { classes: usize::MAX, examples: usize::MAX }
    }
}

impl GalleryLimits {
    /// Refuses a change that makes the gallery too large.
    pub(super) fn check(&self, facts: &Facts, change: &ChangeKind) -> Result<(), GalleryError> {
        let is_new_class = match change {
            ChangeKind::Enroll { class, .. } | ChangeKind::Define { class, .. } => {
                !facts.has_class(*class)
            }
            _ => false,
        };
        let new_examples = match change {
            ChangeKind::Enroll { examples, .. } | ChangeKind::EnrollBackground(examples) => {
                examples.len()
            }
            _ => 0,
        };
        if is_new_class && facts.n_classes() >= self.classes {
            return Err(GalleryError::LimitReached { what: "classes", limit: self.classes });
        }
        // Only then, because counting looks at every class.
        if new_examples > 0 && facts.n_examples().saturating_add(new_examples) > self.examples {
            return Err(GalleryError::LimitReached { what: "examples", limit: self.examples });
        }
        Ok(())
    }
}
