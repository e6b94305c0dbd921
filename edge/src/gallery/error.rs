//! Why a gallery refuses a call.

use std::io;
use std::path::PathBuf;

use super::id::{ChangeId, GroupId};
use super::label::Label;
use super::settings::SettingError;

/// Why a gallery refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// No class has this id or label.
    #[error("there is no class `{0}` in this gallery")]
    UnknownClass(String),
    /// Several classes or examples have an id that begins so.
    #[error("`{text}` is the beginning of {count} ids; give more digits")]
    AmbiguousId {
        /// What was given.
        text: String,
        /// How many ids begin so.
        count: usize,
    },
    /// No example has this id.
    #[error("there is no example `{0}` in this gallery")]
    UnknownExample(String),
    /// No change has this id.
    #[error("there is no change `{0}` in the history of this gallery")]
    UnknownChange(String),
    /// The store has no gallery of this name.
    #[error("there is no gallery `{0}` in this store")]
    UnknownGallery(String),
    /// What the gallery of this name held was forgotten for good.
    #[error("the gallery `{0}` was purged: nothing is left to restore; create it anew")]
    Purged(String),
    /// Only what is deleted can be restored, or purged as a whole.
    #[error("the gallery `{0}` is not deleted; only a deleted one can be restored or purged whole")]
    NotDeleted(String),
    /// Another gallery has the name already.
    #[error("a gallery called `{0}` exists already; choose another name")]
    GalleryExists(Label),
    /// Another gallery has the name of the one to restore.
    #[error("a gallery called `{0}` exists already; rename or delete that one first")]
    NameInUse(Label),
    /// The default gallery always exists.
    #[error("the gallery `default` can be neither renamed nor deleted; delete its classes instead")]
    DefaultGallery,
    /// No call is left that can be undone.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// No undo is left that can be taken back.
    #[error("there is nothing to redo: nothing was undone since the last change")]
    NothingToRedo,
    /// A call cannot be undone.
    #[error("`{}` ({summary}) cannot be undone: {reason}", change.short())]
    CannotUndo {
        /// The call.
        change: GroupId,
        /// What it did.
        summary: String,
        /// What stands in the way.
        reason: String,
    },
    /// A call that only its own actor may undo was made by another one.
    #[error(
        "`{}` ({summary}) was made by {made_by}, and `{actor}` may take back only its own changes; \
         name one of those, or let its owner or an administrator do it",
        change.short()
    )]
    NotOwn {
        /// The call.
        change: GroupId,
        /// What it did.
        summary: String,
        /// Who made it.
        made_by: String,
        /// Who asked.
        actor: String,
    },
    /// A change of another device is none that Handful makes.
    #[error("the change `{change}` was not made by Handful: {reason}; nothing was taken over")]
    NotAChange {
        /// The change.
        change: ChangeId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The gallery cannot be exported now.
    #[error("the gallery cannot be exported: {0}")]
    NotExported(&'static str),
    /// The file that was imported cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The purge is done, but its bytes may still be in the store's file.
    #[error(
        "what was removed is purged, but the store could not be written anew: {0}; its bytes are \
         gone after the next compaction"
    )]
    NotCompacted(Box<GalleryError>),
    /// A class was to become a part of itself.
    #[error("`{0}` cannot be merged into itself; name another class")]
    SameClass(Label),
    /// Another class has the label already.
    #[error(
        "a class called `{0}` exists already; delete or rename it first, or choose another name"
    )]
    LabelTaken(Label),
    /// The embeddings of the gallery were made by another backbone than that of the bundle.
    #[error(
        "the gallery `{gallery}` ({examples} images) was embedded with another model (space \
         {got:.12}…, this model's is {expected:.12}…), so nothing is compared with it; {}",
        ways_out(*examples, *with_image)
    )]
    OtherSpace {
        /// The name of the gallery.
        gallery: String,
        /// The space of the bundle in use.
        expected: String,
        /// The space of the gallery.
        got: String,
        /// Examples of its classes and of its background set.
        examples: usize,
        /// Those of them whose image is kept, which can be embedded anew.
        with_image: usize,
    },
    /// The gallery is of the space of the bundle in use already.
    #[error(
        "the images of this gallery were embedded with the model in use; nothing is to be done"
    )]
    NotOtherSpace,
    /// A re-embedding is to be finished, and kept images are not embedded yet.
    #[error("{left} kept images are not embedded yet; embed them first, then finish")]
    NotReembedded {
        /// How many.
        left: usize,
    },
    /// A re-embedding is to be finished, and examples have no image that can be embedded.
    #[error(
        "{} of {examples} images cannot be embedded again: of {without_image} no image is kept, \
         and {unreadable} cannot be read; leave them out, or use the bundle of the former model",
        without_image + unreadable
    )]
    NeedsImages {
        /// Examples of the classes and of the background set.
        examples: usize,
        /// Those of them without a kept image.
        without_image: usize,
        /// Those of them whose kept image cannot be read.
        unreadable: usize,
    },
    /// The store was written with another schema.
    #[error(
        "the store {path} has the layout {got}, but this version of Handful reads and writes \
         {expected}; move the folder away and enroll again, or use another store folder"
    )]
    OtherLayout {
        /// The store's folder.
        path: PathBuf,
        /// The layout of this program.
        expected: String,
        /// The layout of the store, or `none`.
        got: String,
    },
    /// An embedding does not fit this gallery.
    #[error("an embedding must be {expected}, got {got}")]
    Embedding {
        /// Length and content.
        expected: String,
        /// What was given.
        got: String,
    },
    /// The gallery is as large as it may become.
    #[error(
        "there are {count} {what}, and at most {limit} are allowed; delete some before you add \
         {new}"
    )]
    LimitReached {
        /// `classes`, `examples` or `galleries`.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many the call would add.
        new: usize,
        /// The most.
        limit: usize,
    },
    /// The store takes as much room as it may.
    #[error(
        "the store takes {bytes} bytes, and {added} more would exceed its limit of {limit}; \
         nothing was changed: remove what is not needed and purge it, or compact the store"
    )]
    StoreLimitReached {
        /// The room that it takes.
        bytes: u64,
        /// What the call would add, estimated.
        added: u64,
        /// The most.
        limit: u64,
    },
    /// A setting is not in its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The gallery was opened for reading only.
    #[error("this gallery is open without its store; open the store to change it")]
    ReadOnly,
    /// The store was opened for reading only.
    #[error("the store is open for reading only (--read-only); changes are refused")]
    ReadOnlyStore,
    /// Another process has the store open.
    #[error("the store {path} is in use by {holder}; stop that first, or use another store folder")]
    InUse {
        /// The store's folder.
        path: PathBuf,
        /// Its process id and program.
        holder: String,
    },
    /// The disk, the quota or the file-size limit is exhausted; nothing was changed.
    #[error(
        "no space is left for the store {path}: nothing was changed; free some space and retry"
    )]
    StoreFull {
        /// The store's folder.
        path: PathBuf,
    },
    /// The file of the store is damaged, or is not a store.
    #[error(
        "the store {path} cannot be used: {reason}; restore it from a copy, or read what is whole \
         of it into a new store: handful gallery salvage {path} --into NEW_STORE"
    )]
    Broken {
        /// The store's folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The path of the store is not that of a folder.
    #[error("{path} is a file, not the folder of a store; name a folder with --store")]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("the store {path} cannot be read or written: {reason}")]
    Io {
        /// The store's folder.
        path: PathBuf,
        /// The reason that it gave.
        reason: String,
    },
}

/// What can be done with a gallery of another model.
fn ways_out(examples: usize, with_image: usize) -> String {
    let others = "use that model's bundle, or enroll its images again in another gallery";
    match examples.saturating_sub(with_image) {
        0 => format!("re-embed its kept images (`handful gallery reembed`), {others}"),
        lost if with_image == 0 => {
            format!("no image is kept, so all {lost} would be lost: {others}")
        }
        lost => format!(
            "re-embed the {with_image} that are kept (`handful gallery reembed`) and lose {lost}, \
             {others}"
        ),
    }
}

/// Why an archive is not imported. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The operating system refused.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is a file of another kind.
    #[error(
        "this is no gallery that Handful exported; nothing was imported; choose a file such as \
         things.handful"
    )]
    NoArchive,
    /// It is damaged, or another program has changed it.
    #[error(
        "this is not a whole archive of a gallery: {0}; nothing was imported; export the gallery \
         again"
    )]
    Broken(String),
    /// It has another format.
    #[error(
        "the archive was written by another version of Handful (format {format}, layout {layout}; \
         this one reads {expected}); import it with that version, or export it with this one"
    )]
    OtherVersion {
        /// The format of the archive.
        format: u64,
        /// The layout of the archive.
        layout: String,
        /// The format and the layout of this program.
        expected: String,
    },
    /// It has a change that the gallery has, or that it has itself, with other content.
    #[error(
        "the file has the change `{0}` with other content than this gallery; nothing was imported: \
         one of them was changed, so export the gallery again"
    )]
    OtherContent(ChangeId),
    /// Its embeddings are of another backbone.
    #[error(
        "the archive holds embeddings of another model (space {got:.12}…, this model's is \
         {expected:.12}…); import it with that model's bundle, or enroll the images again"
    )]
    OtherSpace {
        /// The space of the model in use.
        expected: String,
        /// The space of the archive.
        got: String,
    },
}
