//! Reads weights as `torch.save` writes them (`.pth`, `.pt`): a pickle and flat storages, in a zip
//! file or, before PyTorch 1.6, one after another.
//!
//! Nothing is executed and PyTorch is not needed: `archive` and `legacy` slice the file, `pickle`
//! interprets the description, `tensor` follows strides and offsets. Hostile bytes end in an error.
//! Memory stays below about eight times the file size plus a million pickled values.

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

/// Whether bytes start like a file of `torch.save`, in the old or the new format.
pub fn is_pth(bytes: &[u8]) -> bool {
    bytes.starts_with(&ZIP_MAGIC) || bytes.starts_with(&legacy::MAGIC)
}

/// The names of the entries of a zip file, also of one that `torch.save` did not write. `None` if
/// its directory is damaged or needs zip64.
pub fn zip_entries(bytes: &[u8]) -> Option<Vec<&str>> {
    archive::entry_names(bytes)
}

/// Reads all tensors of a file. Keys of nested dicts are joined with dots. Half and double
/// precision become f32, integers become i64. Other numbers and texts are skipped.
///
/// # Errors
/// [`PthError`]. A class or function that no `state_dict` needs is refused by name.
pub fn read(bytes: &[u8]) -> Result<TensorFile, PthError> {
    // The magic number is the first pickle of the old format.
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

/// Copies the tensors of a pickle out of their storages, at most `limit` numbers.
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

/// Files before PyTorch 2.1 have no byte order entry; they are little-endian.
fn check_byte_order(archive: &Archive<'_>, root: &str) -> Result<(), PthError> {
    match archive.entry(&format!("{root}byteorder")) {
        Ok(b"little") | Err(_) => Ok(()),
        Ok(other) => Err(PthError::ByteOrder {
            got: String::from_utf8_lossy(other).chars().take(20).collect(),
        }),
    }
}

/// Checks the total size before anything is copied. Views may repeat numbers of a storage. A valid
/// file has at least two bytes per number, so one byte per number leaves room for shared weights.
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
