//! Errors of reading a `.pth` file.

use super::archive::ArchiveError;
use super::pickle::PickleError;

/// The protocol version of files before PyTorch 1.6.
pub(super) const PROTOCOL: i64 = 1001;

/// Why bytes are not a usable `.pth` file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PthError {
    /// The container is broken.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The container of PyTorch before 1.6 is broken.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// The description is broken or asks for more than tensors.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// Written on a machine with the other order of bytes.
    #[error(
        "the file's byte order is `{}`, expected `little`; save it on a little-endian machine",
        got.escape_debug()
    )]
    ByteOrder {
        /// What the file says.
        got: String,
    },
    /// Nested deeper, or with more or longer names, than any network.
    #[error(
        "the dicts in the file are nested too deeply or have too many or too long names; expected a state_dict"
    )]
    Nesting,
    /// A dict's key is neither a text nor a number.
    #[error(
        "a dict in the file has a key that is neither a text nor a number; expected a state_dict"
    )]
    Key,
    /// A tensor's view of its storage makes no sense.
    #[error("the tensor `{}` is broken: {reason}", name.escape_debug())]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Two tensors have one name.
    #[error("the file has two tensors named `{}`", name.escape_debug())]
    Twice {
        /// The name.
        name: String,
    },
    /// The tensors together are larger than the file can honestly hold.
    #[error("the tensors have more than {limit} numbers, more than a file of this size can hold")]
    TooLarge {
        /// The most numbers that are read.
        limit: usize,
    },
}

/// Why bytes that begin like a file from before PyTorch 1.6 are not a whole one.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum LegacyError {
    /// Another version of the format.
    #[error(
        "the .pth file has another protocol than {PROTOCOL}; save it anew with a later PyTorch"
    )]
    Protocol,
    /// The list of storages is something else.
    #[error("the .pth file's list of storages is broken; copy or download it again")]
    Keys,
    /// A storage is listed that no tensor needs, so that nobody knows its numbers' type.
    #[error("the storage `{key}` is listed, but no tensor lies in it: the file is damaged")]
    Unused {
        /// Its key.
        key: String,
    },
    /// A storage is listed twice.
    #[error("the file has two storages `{key}`")]
    Twice {
        /// Its key.
        key: String,
    },
    /// A storage has another size than its tensors say.
    #[error("the storage `{key}` has {got} numbers, expected {expected}: the file is damaged")]
    Size {
        /// Its key.
        key: String,
        /// What its tensors say.
        expected: usize,
        /// What stands before it.
        got: u64,
    },
    /// The file ends too early.
    #[error("the file ends in the storage `{key}`: it is cut short; copy or download it again")]
    Cut {
        /// The storage's key.
        key: String,
    },
    /// A tensor's storage is not there.
    #[error("the file has no storage `{key}`, in which a tensor lies: the file is damaged")]
    Missing {
        /// Its key.
        key: String,
    },
}
