//! Why a job has no result.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use edge::decoder::DecodeError;
use edge::embedder::EmbedError;
use edge::recognizer::RecognizerError;

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The client has as many images in the queue as it may have; it should retry.
    #[error("this address has its share of the {0} places in the queue")]
    QueueFull(usize),
    /// The client holds as much memory as it may; it should retry.
    #[error("this address has its share of the memory for bodies and answers")]
    NoMemory,
    /// The thread that does the work has ended.
    #[error("the service is stopping")]
    Stopped,
    /// A thread panicked.
    #[error("the job panicked: {0}")]
    Panicked(String),
    /// An image cannot be decoded.
    #[error("{error}")]
    Image {
        /// The file's name, if the body gave one.
        file: Option<String>,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The recognizer refused or failed.
    #[error(transparent)]
    Recognizer(#[from] RecognizerError),
}

impl JobError {
    /// Whether the engine of the request has failed and another one took over: the request can
    /// begin anew.
    pub(crate) fn is_replaced(&self) -> bool {
        matches!(self, Self::Recognizer(RecognizerError::Embed(EmbedError::Replaced)))
    }
}

/// The result of `work`; a panic in it is an error.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, JobError> {
    // A panic leaves the recognizer usable: a change is applied only after its commit, and a
    // gallery whose commit did not end reloads its store before the next change. Decoders keep
    // nothing.
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|panic| JobError::Panicked(panic_message(panic.as_ref())))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
