//! Who may call the service.

use models::hex;

use super::secret::Hash;
use crate::Role;

/// Who may call the service; the key itself is not kept.
#[derive(Debug, Clone)]
pub struct Key {
    /// Of the program, device or person that has the key; unique.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The name or id of the only gallery that it is for; `None` for all of them.
    pub gallery: Option<String>,
    /// When it was made (RFC 3339, UTC).
    pub created_at: String,
    pub(super) hash: Hash,
}

impl Key {
    /// A text that no other key has, and that is another one if role or gallery are. A key that is
    /// made anew under the name of a revoked one is another key.
    #[must_use]
    pub fn identity(&self) -> String {
        let Self { role, gallery, hash, .. } = self;
        let gallery = gallery.as_deref().unwrap_or_default();
        // Hashed once more: what is kept of a key stays in its file.
        hex::sha256(format!("{} {role} {gallery}", hash.hex()).as_bytes())
    }
}
