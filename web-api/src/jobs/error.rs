//! Why a job has no result.

use edge::decoder::DecodeError;
use edge::recognizer::RecognizerError;

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A queue is full; the client should retry.
    #[error("all {0} places in the queue are in use")]
    QueueFull(usize),
    /// The engine thread has ended.
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
