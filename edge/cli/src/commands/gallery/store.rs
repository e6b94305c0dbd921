//! Opens the store for commands that need one that exists.

use edge::Recognizer;
use edge::device::{Device, StoreAccess};
use edge::gallery::Gallery;
use models::fault::{AnyFault, Message};

use crate::commands::open;

/// Opens the store that is there: to change it, or to read its history or its images, which a
/// snapshot does not have.
pub(super) fn open_existing(device: &Device) -> Result<Recognizer, AnyFault> {
    let store = device.store_dir()?;
    if !Gallery::store_exists(&store) {
        let store = store.display();
        return Err(Message::input(format!(
            "there is no store in {store} yet; enroll images first with `handful enroll DIR`"
        ))
        .into());
    }
    open(device, StoreAccess::Existing)
}
