//! A change of a gallery: one entry of its journal.

use models::hex;
use models::image::Region;
use serde::{Deserialize, Serialize};

use super::class::{ClassOverrides, ImageKey};
use super::clock::Timestamp;
use super::id::{ChangeId, ClassId, DeviceId, ExampleId, GalleryId, GroupId};
use super::label::Label;
use super::settings::Setting;

/// The most examples of one change: a call with more makes several changes of one group.
pub(super) const MOST_EXAMPLES: usize = 16;

/// The most bytes of an actor. Each row of the journal has one.
pub(super) const MOST_ACTOR_BYTES: usize = 1024;
/// The most bytes of a precision. Each row of an example has one, and so has each in memory.
pub(super) const MOST_PRECISION_BYTES: usize = 64;
/// The most attributes that are set for a class, that of
/// [`MAX_ATTRIBUTES`](crate::lexicon::MAX_ATTRIBUTES).
pub(super) const MOST_ATTRIBUTES: usize = 128;

/// An entry of a journal. Journals of several devices are joined as sets of changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Unique in the world.
    pub id: ChangeId,
    /// The call that made it. The changes of a group are undone together.
    pub group: GroupId,
    /// When it was made.
    pub at: Timestamp,
    /// The clock of the device was behind, so it was made at some later time: a device without a
    /// battery starts in 1970.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_clock_behind: bool,
    /// The store that it was made in.
    pub device: DeviceId,
    /// Who made it, for people.
    pub actor: String,
    /// What it changes.
    pub what: What,
}

/// The place of a change in the order of all changes.
pub(super) type Position = (Timestamp, DeviceId, ChangeId);

impl Change {
    pub(super) fn position(&self) -> Position {
        (self.at, self.device, self.id)
    }
}

/// What a change does. It names what it changes, so it means the same in every store that has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// Makes a class. If another class has the label, the id is another name of that class.
    CreateClass {
        /// The new class.
        class: ClassId,
        /// Its label.
        label: Label,
    },
    /// Adds examples.
    Enroll {
        /// Where to.
        to: Place,
        /// The precision of the backbone that made the embeddings.
        precision: String,
        /// At most 16.
        examples: Vec<NewlyEnrolled>,
    },
    /// Removes examples, whenever they arrive.
    Remove {
        /// Which ones.
        examples: Vec<ExampleId>,
    },
    /// Moves examples.
    Move {
        /// Which ones.
        examples: Vec<ExampleId>,
        /// Where to.
        to: Place,
    },
    /// Gives a class another label. If another class has it, the two become one.
    Rename {
        /// The class.
        class: ClassId,
        /// Its new label.
        label: Label,
    },
    /// Replaces the overrides of a class.
    Define {
        /// The class.
        class: ClassId,
        /// The new overrides.
        overrides: ClassOverrides,
    },
    /// Deletes a class with its examples.
    DeleteClass {
        /// The class.
        class: ClassId,
    },
    /// Moves all examples of a class into another one, whose other name it becomes.
    Merge {
        /// The class that ends.
        from: ClassId,
        /// The class that stays.
        into: ClassId,
    },
    /// Changes these settings of the gallery.
    Settings(Vec<Setting>),
    /// The gallery is as if that group of changes had not been made.
    Undo {
        /// The group.
        group: GroupId,
    },
    /// Forgets the embeddings and the images of examples for good. It cannot be undone.
    Purge {
        /// Which ones.
        examples: Vec<ExampleId>,
    },
    /// Forgets everything that a deleted gallery held. It is a change of the store, not of a
    /// gallery, and cannot be undone.
    PurgeGallery {
        /// Which one.
        gallery: GalleryId,
    },
    /// From now on the embeddings of another space are in use. It is a change of one store: what
    /// other stores have of this gallery keeps its space, so no export has it.
    Reembed {
        /// The space before.
        from: EmbeddingSpace,
        /// The space from now on.
        to: EmbeddingSpace,
    },
}

/// Where embeddings can be compared: those of one backbone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingSpace {
    /// Identifies the backbone.
    pub id: String,
    /// The length of its embeddings.
    pub length: usize,
}

/// Where an example belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A class.
    Class(ClassId),
    /// The background set: none of the classes.
    Background,
}

/// An example as its change names it. Its embedding and image lie beside the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewlyEnrolled {
    /// The new example.
    pub id: ExampleId,
    /// SHA-256 of the bytes of the image file.
    pub sha256: Sha256,
    /// The part of the image that it shows; `None` for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Region>,
}

impl NewlyEnrolled {
    pub(super) fn image(&self) -> ImageKey {
        ImageKey { sha256: self.sha256.0, crop: self.crop }
    }
}

/// The SHA-256 of the bytes of an image file, written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sha256(pub [u8; 32]);

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hex::encode(&hash.0)
    }
}

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        hex::decode(&text)
            .map(Self)
            .ok_or_else(|| format!("`{text:.80}` is not a SHA-256: expected 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = Sha256(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        let text = String::from(hash);
        assert_eq!(Sha256::try_from(text.clone()), Ok(hash));
        for wrong in ["", &text[1..], &text[2..], &format!("{text}00"), &text.replace('0', "g")] {
            assert!(Sha256::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
