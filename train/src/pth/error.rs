//! Errors of reading a `.pth` file.

use super::archive::ArchiveError;
use super::pickle::PickleError;

/// The protocol version of files before PyTorch 1.6.
pub(super) const PROTOCOL: i64 = 1001;

/// Why a `.pth` file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PthError {
    /// The container is broken.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The container of PyTorch before 1.6 is broken.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// The pickle is broken or refers to more than tensors.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// Written on a big-endian machine.
    #[error(
        "the file's byte order is `{}`, expected `little`; save it on a little-endian machine",
        got.escape_debug()
    )]
    ByteOrder {
        /// The byte order in the file.
        got: String,
    },
    /// Nested too deeply, or too many or too long names for a network.
    #[error(
        "the dicts in the file are nested too deeply or have too many or too long names; expected a state_dict"
    )]
    Nesting,
    /// A dict key that is neither a text nor a number.
    #[error(
        "a dict in the file has a key that is neither a text nor a number; expected a state_dict"
    )]
    Key,
    /// An invalid view of a storage.
    #[error("the tensor `{}` is broken: {reason}", name.escape_debug())]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Two tensors with the same name.
    #[error("the file has two tensors named `{}`", name.escape_debug())]
    Twice {
        /// The name.
        name: String,
    },
    /// More numbers than a file of this size can contain.
    #[error("the tensors have more than {limit} numbers, more than a file of this size can hold")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// Why a file of PyTorch before 1.6 cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum LegacyError {
    /// Another protocol version.
    #[error(
        "the .pth file has another protocol than {PROTOCOL}; save it again with a later PyTorch"
    )]
    Protocol,
    /// The list of storages is broken.
    #[error("the .pth file's list of storages is broken; copy or download it again")]
    Keys,
    /// A storage that no tensor uses, so that its number type is unknown.
    #[error("the storage `{key}` is listed, but no tensor uses it: the file is damaged")]
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
    /// A storage of another size than its description.
    #[error("the storage `{key}` has {got} numbers, expected {expected}: the file is damaged")]
    Size {
        /// Its key.
        key: String,
        /// The size in the description.
        expected: usize,
        /// The size before the storage.
        got: u64,
    },
    /// The file ends too early.
    #[error("the file ends in the storage `{key}`: it is cut short; copy or download it again")]
    Cut {
        /// The storage's key.
        key: String,
    },
    /// The storage of a tensor is missing.
    #[error("the file has no storage `{key}`, which a tensor uses: the file is damaged")]
    Missing {
        /// Its key.
        key: String,
    },
}
