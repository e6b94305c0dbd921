//! Errors that the user can correct, and how an error is printed.

use std::error::Error;

use few_shot::evaluation::accuracy::EvaluateError;
use few_shot::evaluation::episode::EpisodeError;
use few_shot::fit::statistics::StatisticsError;
use few_shot::kernel::KernelError;
use few_shot::protocomnet::ProtoComNetError;
use models::checkpoint::CheckpointError;
use models::dataset::DatasetError;
use models::disk::DiskError;
use models::fault::{Blame, Fault};
use models::graph::EnsembleError;
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

type BlameOf = fn(&(dyn Error + 'static)) -> Option<Blame>;

// `anyhow` forgets that an error is a `Fault`: every type that may be in a chain is tried.
const FAULTS: [BlameOf; 19] = [
    blame_of::<BadInput>,
    blame_of::<ConfigError>,
    blame_of::<NoCuda>,
    blame_of::<DatasetError>,
    blame_of::<ImageError>,
    blame_of::<CheckpointError>,
    blame_of::<EnsembleError>,
    blame_of::<EpisodeError>,
    blame_of::<EvaluateError>,
    blame_of::<KernelError>,
    blame_of::<KnowledgeError>,
    blame_of::<ProtoComNetError>,
    blame_of::<LexiconError>,
    blame_of::<PreprocessError>,
    blame_of::<StatisticsError>,
    blame_of::<VectorsError>,
    blame_of::<WordNetError>,
    blame_of::<ImportError>,
    blame_of::<DiskError>,
];

fn blame_of<T: Fault + 'static>(cause: &(dyn Error + 'static)) -> Option<Blame> {
    cause.downcast_ref::<T>().map(Fault::blame)
}

/// The error of a command. The input is at fault if it is for one of the causes.
#[derive(Debug, thiserror::Error)]
#[error("{}", with_causes(.0))]
pub(crate) struct Failed(pub(crate) anyhow::Error);

impl Fault for Failed {
    fn blame(&self) -> Blame {
        match self.0.chain().any(is_bad_input) {
            true => Blame::Input,
            false => Blame::Machine,
        }
    }
}

fn is_bad_input(cause: &(dyn Error + 'static)) -> bool {
    FAULTS.iter().any(|blame_of| blame_of(cause) == Some(Blame::Input))
}

/// The error with its causes. A cause that an earlier text already contains is left out.
fn with_causes(error: &anyhow::Error) -> String {
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
