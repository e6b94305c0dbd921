//! The rows of a state: classes and examples.

use std::sync::Arc;

use models::image::Region;
use serde::{Deserialize, Serialize};

use crate::gallery::change::{Place, Sha256};
use crate::gallery::class::{ClassOverrides, ImageKey};
use crate::gallery::id::{ChangeId, ClassId, ExampleId};
use crate::gallery::label::Label;

/// A class, also one that is deleted or that became another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::gallery) struct ClassState {
    pub(in crate::gallery) label: Label,
    pub(in crate::gallery) overrides: ClassOverrides,
    pub(in crate::gallery) status: ClassStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::gallery) enum ClassStatus {
    Live,
    Deleted,
    /// The id is another name of this class, which may be one itself.
    AliasOf(ClassId),
}

/// An example, until it is removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::gallery) struct ExampleState {
    pub(in crate::gallery) sha256: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::gallery) crop: Option<Region>,
    /// Shared by the examples of a change, and by neighbors: it is nearly always the same.
    pub(in crate::gallery) precision: Arc<str>,
    /// The change that enrolled it, and its position there.
    pub(in crate::gallery) source: ChangeId,
    pub(in crate::gallery) index: u8,
    pub(in crate::gallery) status: ExampleStatus,
}

impl ExampleState {
    pub(in crate::gallery) fn image(&self) -> ImageKey {
        ImageKey { sha256: self.sha256.0, crop: self.crop }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::gallery) enum ExampleStatus {
    /// It counts.
    In(Place),
    /// The same image as another example of its place.
    SameAs(ExampleId),
    /// Its class was deleted.
    Dropped,
}
