//! A write before it is done: what a call plans, and what a journal makes durable.

use super::class::{ClassOverrides, Example};
use super::id::{ClassId, ExampleId};
use super::label::Label;
use super::settings::GallerySettings;

/// One write, decided and not yet done.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::gallery) struct Change {
    /// The revision after it.
    pub(in crate::gallery) revision: u64,
    pub(in crate::gallery) kind: ChangeKind,
}

/// What a write changes.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::gallery) enum ChangeKind {
    /// Adds these examples, in this order, to the class, which is created if it does not exist.
    Enroll {
        class: ClassId,
        label: Label,
        examples: Vec<Example>,
    },
    /// Replaces the overrides of the class, which is created if it does not exist.
    Define {
        class: ClassId,
        label: Label,
        overrides: ClassOverrides,
    },
    Rename {
        class: ClassId,
        label: Label,
    },
    Delete {
        class: ClassId,
    },
    /// Adds these examples, in this order, to the background set.
    EnrollBackground(Vec<Example>),
    RemoveBackground(ExampleId),
    /// Replaces all settings.
    Settings(GallerySettings),
}

/// A call that is decided: the change if there is one, and what the call answers.
pub(in crate::gallery) struct Plan<T> {
    pub(in crate::gallery) change: Option<Change>,
    pub(in crate::gallery) answer: T,
}
