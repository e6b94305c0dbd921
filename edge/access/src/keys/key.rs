//! Who may call the service.

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
