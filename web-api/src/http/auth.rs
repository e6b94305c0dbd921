//! What the key of a request allows.

use std::fmt::Display;
use std::sync::Arc;

use access::Role;
use access::keys::Key;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use edge::gallery::GalleryId;
use models::label::folded;

use super::problem::{Code, Problem};
use crate::keys::KeyRefusal;
use crate::metrics::Metrics;

/// What a request may do. The text of its key is in no field.
#[derive(Debug, Clone)]
pub struct Access(Option<Arc<Holder>>);

#[derive(Debug)]
struct Holder {
    name: Arc<str>,
    role: Role,
    gallery: Option<String>,
    identity: String,
}

impl Access {
    /// Everything: no key was ever made.
    #[must_use]
    pub fn open() -> Self {
        Self(None)
    }

    /// That of a key.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        let gallery = key.gallery.clone();
        let identity = key.identity();
        let name = key.name.as_str().into();
        Self(Some(Arc::new(Holder { name, role: key.role, gallery, identity })))
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.0.as_ref().map_or(Role::Admin, |holder| holder.role)
    }

    /// The name of the key; `None` if none is needed.
    #[must_use]
    pub fn key_name(&self) -> Option<&str> {
        self.0.as_ref().map(|holder| &*holder.name)
    }

    /// What no other key has, also none of the same name; `None` if no key is needed.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.0.as_ref().map(|holder| holder.identity.as_str())
    }

    /// The name or id of the only gallery that the key is for.
    #[must_use]
    pub fn gallery(&self) -> Option<&str> {
        self.0.as_ref().and_then(|holder| holder.gallery.as_deref())
    }

    /// Whether a gallery, also a deleted one, may be shown.
    #[must_use]
    pub fn allows(&self, id: GalleryId, name: &str) -> bool {
        let Some(gallery) = self.gallery() else { return true };
        match gallery.parse::<GalleryId>() {
            Ok(allowed) => allowed == id,
            Err(_) => folded(gallery) == folded(name),
        }
    }

    /// The actor whose changes only may be taken back; `None` for those of all.
    #[must_use]
    pub fn only_own(&self) -> Option<Arc<str>> {
        let holder = self.0.as_ref().filter(|holder| holder.role < Role::Admin);
        holder.map(|holder| Arc::clone(&holder.name))
    }

    /// Refuses a call that is about more than one gallery, since `why`, with a key of one.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check_unlimited(&self, metrics: &Metrics, why: impl Display) -> Result<(), Problem> {
        let Some(gallery) = self.gallery() else { return Ok(()) };
        metrics.key_refused(KeyRefusal::Gallery);
        let detail = format!(
            "This key is for the gallery `{gallery}` only: {why}. Use a key without a gallery."
        );
        Err(Problem::new(Code::Forbidden, detail))
    }
}

impl<S: Sync> FromRequestParts<S> for Access {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let access = parts.extensions.get::<Self>().cloned();
        // A route outside of all groups, or a mistake: nothing is allowed then.
        access.ok_or_else(|| Problem::internal("a request did not pass the gate"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn access(role: Role, gallery: Option<&str>) -> Access {
        let gallery = gallery.map(str::to_owned);
        let identity = String::new();
        Access(Some(Arc::new(Holder { name: "line 2".into(), role, gallery, identity })))
    }

    fn id(number: u8) -> (String, GalleryId) {
        let text = format!("{}{number:032x}", GalleryId::PREFIX);
        let id = text.parse().unwrap();
        (text, id)
    }

    #[test]
    fn without_keys_everything_is_allowed() {
        let open = Access::open();
        assert_eq!((open.role(), open.key_name(), open.gallery()), (Role::Admin, None, None));
        assert!(open.allows(id(1).1, "any") && open.only_own().is_none());
    }

    #[test]
    fn a_key_shows_its_gallery_by_name_or_id() {
        let [(_, first), (text, second)] = [id(1), id(2)];
        let by_name = access(Role::Read, Some("Line \u{200b}2"));
        assert!(by_name.allows(first, "line 2") && !by_name.allows(first, "line 3"));
        let by_id = access(Role::Read, Some(&text));
        assert!(by_id.allows(second, "any") && !by_id.allows(first, "any"));
        assert!(access(Role::Read, None).allows(first, "any"));
    }

    #[test]
    fn only_administrators_take_back_the_changes_of_others() {
        assert_eq!(access(Role::Enroll, None).only_own().as_deref(), Some("line 2"));
        assert_eq!(access(Role::Admin, None).only_own(), None);
    }
}
