//! Weights as `torch.save` writes them (`.pth`, `.pt`): a pickle and flat storages, in a zip file or, before PyTorch
//! 1.6, one behind the other.
//!
//! Read without PyTorch and without executing anything: `archive` and `legacy` slice the file, `pickle`
//! interprets the description, `tensor` follows strides and offsets. Hostile bytes end in an error; memory
//! stays within about eight times the file's size, plus what a million pickled values take.

mod archive;
mod error;
mod legacy;
mod pickle;
mod tensor;
mod walk;

use models::tensors::TensorFile;

use archive::Archive;
pub use archive::ArchiveError;
pub use error::{LegacyError, PthError};
use legacy::Legacy;
use pickle::Pickle;
pub use pickle::PickleError;
use tensor::{StoredTensor, Values};

const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";

/// Whether bytes start like a file of `torch.save`, old or new.
pub fn is_pth(bytes: &[u8]) -> bool {
    bytes.starts_with(&ZIP_MAGIC) || bytes.starts_with(&legacy::MAGIC)
}

/// All tensors of a file's bytes, nested dicts' keys joined with dots. Half precision is widened and double
/// precision narrowed to f32; integers become i64. Numbers and texts beside the tensors are passed over.
///
/// # Errors
/// [`PthError`]; a class or function other than those of a `state_dict` is refused by name.
pub fn read(bytes: &[u8]) -> Result<TensorFile, PthError> {
    if let Some(behind_magic) = bytes.strip_prefix(&legacy::MAGIC) {
        let file = Legacy::open(behind_magic)?;
        return collect(&file.saved, bytes.len(), |key| Ok(file.storage(key)?));
    }
    let archive = Archive::open(bytes)?;
    let root = archive.root()?;
    check_byte_order(&archive, root)?;
    let pickle = Pickle::load(archive.entry(&format!("{root}data.pkl"))?)?;
    collect(&pickle, bytes.len(), |key| Ok(archive.entry(&format!("{root}data/{key}"))?))
}

/// Copies the tensors that a pickle describes out of their storages, at most `limit` numbers.
fn collect<'a>(
    pickle: &Pickle<'_>,
    limit: usize,
    storage: impl Fn(&str) -> Result<&'a [u8], PthError>,
) -> Result<TensorFile, PthError> {
    let tensors = walk::tensors(pickle)?;
    check_total(tensors.iter().map(|(_, tensor)| *tensor), limit)?;
    let mut file = TensorFile::default();
    for (name, tensor) in tensors {
        insert(&mut file, name, tensor, storage(tensor.storage.key)?)?;
    }
    Ok(file)
}

/// Files from before PyTorch 2.1 do not say; they come from little-endian machines.
fn check_byte_order(archive: &Archive<'_>, root: &str) -> Result<(), PthError> {
    match archive.entry(&format!("{root}byteorder")) {
        Ok(b"little") | Err(_) => Ok(()),
        Ok(other) => Err(PthError::ByteOrder {
            got: String::from_utf8_lossy(other).chars().take(20).collect(),
        }),
    }
}

/// Views may repeat their storage's numbers. An honest file has at least two bytes for each number, so one
/// byte for each leaves room for weights that are shared.
fn check_total<'t>(
    tensors: impl Iterator<Item = &'t StoredTensor<'t>>,
    limit: usize,
) -> Result<(), PthError> {
    let mut elements = tensors.map(StoredTensor::elements);
    let total = elements.try_fold(0usize, |sum, elements| sum.checked_add(elements?));
    total.filter(|&total| total <= limit).map(drop).ok_or(PthError::TooLarge { limit })
}

fn insert(
    file: &mut TensorFile,
    name: String,
    tensor: &StoredTensor<'_>,
    data: &[u8],
) -> Result<(), PthError> {
    if file.floats.contains_key(&name) || file.integers.contains_key(&name) {
        return Err(PthError::Twice { name });
    }
    match tensor.read(data) {
        Ok(Values::Floats(values)) => file.floats.insert(name, values).map(drop),
        Ok(Values::Integers(values)) => file.integers.insert(name, values).map(drop),
        Err(reason) => return Err(PthError::Tensor { name, reason }),
    };
    Ok(())
}
