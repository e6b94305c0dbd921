//! Opens the store for commands that need one that exists.

use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use models::fault::AnyFault;

use crate::commands::{check_store, open};

/// Opens the store that is there: to change it, or to read its history or its images, which a
/// snapshot does not have.
pub(super) fn open_existing(device: &Device) -> Result<Recognizer, AnyFault> {
    check_store(device)?;
    open(device, StoreAccess::Existing)
}
