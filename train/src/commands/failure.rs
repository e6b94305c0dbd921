//! Errors that the user can correct, and how an error is printed.

use std::error::Error;

use few_shot::decision::file::DecisionError;
use few_shot::evaluation::accuracy::EvaluateError;
use few_shot::evaluation::episode::EpisodeError;
use few_shot::fit::decision_fit::DecisionFitError;
use few_shot::fit::statistics::StatisticsError;
use few_shot::kernel::KernelError;
use few_shot::protocomnet::ProtoComNetError;
use models::bundle::{BundleError, ManifestError};
use models::checkpoint::CheckpointError;
use models::dataset::DatasetError;
use models::disk::DiskError;
use models::fault::{Blame, Fault, Message};
use models::graph::{EnsembleError, GraphError};
use models::image::{CropError, ImageError};
use models::knowledge::attributes::KnowledgeError;
use models::knowledge::lexicon::LexiconError;
use models::knowledge::vectors::VectorsError;
use models::knowledge::wordnet::WordNetError;
use models::layout::{FormatError, LayoutError};
use models::preprocess::PreprocessError;
use models::split::{HalfError, SplitError};
use models::tensors::TensorsError;

use train::config::ConfigError;
use train::device::NoCuda;
use train::error::BadInput;
use train::stages::import::ImportError;

type BlameOf = fn(&(dyn Error + 'static)) -> Option<Blame>;

// `anyhow` forgets that an error is a `Fault`: every type that may be in a chain is tried. A test
// of `xtask` finds a type that is missing here.
const FAULTS: [BlameOf; 31] = [
    blame_of::<BadInput>,
    blame_of::<BundleError>,
    blame_of::<ConfigError>,
    blame_of::<NoCuda>,
    blame_of::<DatasetError>,
    blame_of::<ImageError>,
    blame_of::<CropError>,
    blame_of::<CheckpointError>,
    blame_of::<EnsembleError>,
    blame_of::<EpisodeError>,
    blame_of::<DecisionError>,
    blame_of::<DecisionFitError>,
    blame_of::<EvaluateError>,
    blame_of::<FormatError>,
    blame_of::<GraphError>,
    blame_of::<KernelError>,
    blame_of::<KnowledgeError>,
    blame_of::<LayoutError>,
    blame_of::<ManifestError>,
    blame_of::<Message>,
    blame_of::<ProtoComNetError>,
    blame_of::<LexiconError>,
    blame_of::<PreprocessError>,
    blame_of::<HalfError>,
    blame_of::<SplitError>,
    blame_of::<StatisticsError>,
    blame_of::<TensorsError>,
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
