//! What callers name: ids, whole or short, and labels.

use super::error::GalleryError;
use super::label::MAX_LABEL_CHARS;

/// The only id that is left, if any.
pub(super) fn the_one<T>(
    mut found: impl Iterator<Item = T>,
    text: &str,
) -> Result<Option<T>, GalleryError> {
    let first = found.next();
    match found.count() {
        0 => Ok(first),
        more => Err(GalleryError::AmbiguousId { text: shortened(text), count: more + 1 }),
    }
}

/// A hostile name may be long; the answer need not be.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(MAX_LABEL_CHARS).collect()
}
