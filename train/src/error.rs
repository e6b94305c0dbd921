//! Which errors are the user's to mend.

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

use crate::config::ConfigError;
use crate::device::NoCuda;
use crate::stages::import::ImportError;

/// Something that was given cannot be used; the text says what, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// Whether the cause lies in what was given (exit code 2) rather than in this machine (exit code 1).
pub fn is_bad_input(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let unreadable = |e: &DiskError| !matches!(e, DiskError::Io { action: "write", .. });
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
            || cause.downcast_ref::<DiskError>().is_some_and(unreadable)
    })
}
