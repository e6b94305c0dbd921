//! Errors that the user can correct, and how an error is printed.

use few_shot::episode::EpisodeError;
use few_shot::evaluate::EvaluateError;
use few_shot::kernel::KernelError;
use few_shot::protocomnet::ProtoComNetError;
use few_shot::statistics::StatisticsError;
use models::checkpoint::CheckpointError;
use models::dataset::DatasetError;
use models::disk::DiskError;
use models::graph::ensemble::EnsembleError;
use models::image::ImageError;
use models::knowledge::attributes::KnowledgeError;
use models::knowledge::lexicon::LexiconError;
use models::knowledge::vectors::VectorsError;
use models::knowledge::wordnet::WordNetError;
use models::preprocess::PreprocessError;

use train::config::ConfigError;
use train::device::NoCuda;
use train::error::BadInput;
use train::stages::import::ImportError;

/// Whether an input is at fault (exit code 2) and not the machine (exit code 1).
pub(crate) fn is_bad_input(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<ConfigError>()
            || cause.is::<NoCuda>()
            || cause.is::<DatasetError>()
            || cause.is::<ImageError>()
            || cause.is::<CheckpointError>()
            || cause.is::<EnsembleError>()
            || cause.is::<EpisodeError>()
            || cause.is::<EvaluateError>()
            || cause.is::<KernelError>()
            || cause.is::<KnowledgeError>()
            || cause.is::<ProtoComNetError>()
            || cause.is::<LexiconError>()
            || cause.is::<PreprocessError>()
            || cause.is::<StatisticsError>()
            || cause.is::<VectorsError>()
            || cause.is::<WordNetError>()
            || cause.is::<ImportError>()
            || cause.downcast_ref::<DiskError>().is_some_and(is_unreadable)
    })
}

/// A file that cannot be read is the user's to correct; a failed write is not.
fn is_unreadable(error: &DiskError) -> bool {
    !matches!(error, DiskError::Io { action: "write", .. })
}

/// The error with its causes. A cause that an earlier text already contains is left out.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
