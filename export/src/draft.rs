//! Builds all files of a bundle in memory, before any of them is verified or written.

mod bundle;
mod completer;
mod knowledge;
mod recipe;
mod variant;

pub use bundle::{BACKBONE, BundleDraft};
pub use completer::{ATTRIBUTES, DraftCompleter, NETWORK};
pub use knowledge::DraftKnowledge;
pub(crate) use recipe::metadata;
pub use recipe::{CREATED_BY, Calibration, MAX_BATCH, Recipe};
pub use variant::DraftVariant;
