//! What is known of the galleries without the thread that owns them: the names of all, and of each
//! that was asked for the snapshot that images are classified with.
//!
//! Only the gallery thread changes it, in the job that changed a gallery and before the answer. So
//! a client that was told of a change is answered by it, and nobody waits for a change that is
//! being made.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use edge::Recognizer;
use edge::gallery::{GalleryEntry, GalleryError, GalleryId};
use edge::recognizer::{RecognizerError, Snapshot};

use crate::metrics::ListedGallery;

/// The longest part of an unknown name that an error shows, in characters.
const MAX_SHOWN: usize = 128;

/// Names and snapshots of the galleries of a store.
#[derive(Debug)]
pub(super) struct Published {
    entries: RwLock<Entries>,
}

#[derive(Debug)]
struct Entries {
    /// By folded name.
    ids: HashMap<String, GalleryId>,
    /// By id: a gallery that is deleted and created anew is another one.
    snapshots: HashMap<GalleryId, Arc<Snapshot>>,
    /// As a list shows them, for the metrics.
    listed: Vec<ListedGallery>,
}

impl Published {
    /// The galleries of a store, of which none was asked for.
    pub(super) fn new(galleries: &[GalleryEntry]) -> Self {
        let listed = galleries.iter().cloned().map(ListedGallery::new).collect();
        let entries = Entries { ids: by_name(galleries), snapshots: HashMap::new(), listed };
        Self { entries: RwLock::new(entries) }
    }

    /// The gallery with this name, in any spelling that folds to the same, or with this id.
    pub(super) fn find(&self, name: &str) -> Result<GalleryId, RecognizerError> {
        let entries = self.read();
        // By the rules of `Recognizer::select`.
        let id = match name.parse::<GalleryId>() {
            Ok(id) => entries.ids.values().copied().find(|known| *known == id),
            Err(_) => entries.ids.get(&models::label::folded(name)).copied(),
        };
        drop(entries);
        let shown = name.chars().take(MAX_SHOWN);
        Ok(id.ok_or_else(|| GalleryError::UnknownGallery(shown.collect()))?)
    }

    /// The gallery with this name as its last change left it; `None` before [`Self::publish`].
    pub(super) fn snapshot(&self, name: &str) -> Result<Option<Arc<Snapshot>>, RecognizerError> {
        let id = self.find(name)?;
        Ok(self.read().snapshots.get(&id).cloned())
    }

    /// How many galleries there are.
    pub(super) fn len(&self) -> usize {
        self.read().ids.len()
    }

    /// The galleries as their last changes left them.
    pub(super) fn listed(&self) -> Vec<ListedGallery> {
        self.read().listed.clone()
    }

    /// Replaces the list of galleries. What was published of others is dropped.
    pub(super) fn set_galleries(&self, galleries: &[GalleryEntry]) {
        let ids = by_name(galleries);
        let mut entries = self.write();
        let listed = galleries.iter();
        let kept = listed.filter_map(|one| entries.snapshots.remove_entry(&one.id)).collect();
        let listed = ListedGallery::relist(mem::take(&mut entries.listed), galleries);
        let before = mem::replace(&mut *entries, Entries { ids, snapshots: kept, listed });
        drop(entries);
        // Not while others wait for the lock: a snapshot may be large.
        drop(before);
    }

    /// Publishes the selected gallery as it is now, and from now on after each change. One of
    /// another model has no snapshot: what was published of it is dropped.
    pub(super) fn publish(
        &self,
        recognizer: &mut Recognizer,
    ) -> Result<Arc<Snapshot>, RecognizerError> {
        let snapshot = recognizer.snapshot();
        let Some(id) = recognizer.selected_id() else { return snapshot };
        let before = match &snapshot {
            Ok(snapshot) => self.write().snapshots.insert(id, Arc::clone(snapshot)),
            Err(_) => self.write().snapshots.remove(&id),
        };
        // Not while others wait for the lock.
        drop(before);
        snapshot
    }

    /// The same if the gallery was published before and has changed since. One that nobody
    /// classifies with costs nothing while it is filled. What was published of galleries that were
    /// closed is dropped.
    pub(super) fn refresh(&self, recognizer: &mut Recognizer) {
        let revision = recognizer.revision();
        let id = recognizer.selected_id();
        let published = id.and_then(|id| self.read().snapshots.get(&id).map(|one| one.revision()));
        if published.is_some_and(|published| published != revision) {
            // The call that changed it does not fail for it: the next one that classifies does.
            drop(self.publish(recognizer));
        }
        self.update_listed(recognizer);
        self.drop_closed(recognizer);
    }

    fn update_listed(&self, recognizer: &Recognizer) {
        let Some(entry) = recognizer.selected_entry() else { return };
        if self.read().listed.iter().any(|one| one.entry == entry) {
            return;
        }
        let mut entries = self.write();
        if let Some(listed) = entries.listed.iter_mut().find(|one| one.entry.id == entry.id) {
            listed.update(entry);
        }
    }

    /// A snapshot holds all embeddings: those of many galleries would fill the memory.
    fn drop_closed(&self, recognizer: &Recognizer) {
        if self.read().snapshots.keys().all(|id| recognizer.is_open(*id)) {
            return;
        }
        let mut entries = self.write();
        let (open, closed): (HashMap<_, _>, HashMap<_, _>) = mem::take(&mut entries.snapshots)
            .into_iter()
            .partition(|(id, _)| recognizer.is_open(*id));
        entries.snapshots = open;
        drop(entries);
        // Not while others wait for the lock.
        drop(closed);
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        // Nothing panics while it is held; what it holds is valid in any case.
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_name(galleries: &[GalleryEntry]) -> HashMap<String, GalleryId> {
    galleries.iter().map(|one| (models::label::folded(&one.name), one.id)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::OsString;
    use std::net::IpAddr;
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use edge::decoder::Timing;
    use edge::embedder::Embedded;
    use edge::engine::{EngineChoice, EngineKind, EngineOptions, Provider};
    use edge::gallery::{Galleries, Gallery, GallerySettings};
    use edge::recognizer::{ClassifyOptions, Precondition};
    use models::bundle::{Bundle, BundleLimits, Precision};
    use tempfile::TempDir;
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;
    use crate::config::Config;
    use crate::jobs::client::{Caller, ClientAddress, Writer};
    use crate::jobs::engine_thread::EngineThread;
    use crate::jobs::error::JobError;
    use crate::jobs::owner_thread::OwnerThread;
    use crate::state::{AppState, Embeddings};
    use crate::wire;

    /// A service on the tiny bundle without its sockets.
    struct Fixture {
        state: Arc<AppState>,
        embedding_size: usize,
        _store: TempDir,
    }

    fn client() -> ClientAddress {
        IpAddr::from([127, 0, 0, 1]).into()
    }

    fn writer() -> Writer {
        Writer { client: client(), actor: "http".into() }
    }

    fn version(embedding_size: usize) -> wire::Version {
        wire::Version {
            version: "0.1.0",
            bundle: wire::Bundle {
                name: "tiny".to_owned(),
                space_id: "0".to_owned(),
                embedding_size,
                weights: "fp32".to_owned(),
                names: false,
                rejects_unknown: false,
            },
            engine: wire::Engine {
                provider: "tract".to_owned(),
                precision: "fp32".to_owned(),
                rejected: Vec::new(),
                candidates: Vec::new(),
            },
            limits: wire::Limits { max_body_bytes: 1, max_files: 1, max_pixels: 1 },
        }
    }

    impl Fixture {
        fn new() -> Self {
            Self::with_max_open(usize::MAX)
        }

        /// With at most `max_open` classes and examples in open galleries beside the selected one.
        fn with_max_open(max_open: usize) -> Self {
            let store = tempfile::tempdir().unwrap();
            let bundle =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge/tests/fixtures/tiny-bundle");
            let bundle = Bundle::open(&bundle, &BundleLimits::default()).unwrap();
            let embedding_size = bundle.manifest.backbone.embedding_size;
            let galleries = Galleries::open(store.path(), &bundle.manifest.space_id).unwrap();
            let tract = EngineChoice::Only(Provider::Tract);
            let none = Gallery::in_memory();
            let recognizer = Recognizer::new(bundle, tract, EngineOptions::default(), none);
            let recognizer = recognizer.with_galleries(galleries).unwrap();
            let mut recognizer = recognizer.with_max_open(max_open);
            let listed = recognizer.galleries().unwrap();
            let decoder = recognizer.decoder().clone();
            let embedder = recognizer.take_embedder().unwrap();
            let state = AppState::new(
                Config::resolve([OsString::from("handful-server")]).unwrap(),
                version(embedding_size),
                decoder,
                EngineThread::start(embedder, Duration::ZERO).unwrap().0,
                OwnerThread::start("gallery", recognizer).unwrap().0,
                store.path().to_owned(),
                &listed,
            );
            Self { state: Arc::new(state.unwrap()), embedding_size, _store: store }
        }

        /// One image.
        fn image(&self) -> Arc<Embeddings> {
            let image = Embedded {
                embedding: vec![1.0; self.embedding_size],
                engine: EngineKind { provider: Provider::Tract, precision: Precision::Fp32 },
                sha256: [7; 32],
                crop: None,
                kept: None,
                warnings: Vec::new(),
                quality: Vec::new(),
                timing: Timing::default(),
            };
            Arc::new(Embeddings {
                images: vec![image],
                originals: None,
                _memory: self.state.buffers.lease(client()),
                _places: self.state.buffers.lease(client()),
            })
        }

        async fn enroll(&self, gallery: &str, label: &'static str) {
            let image = self.image();
            let enrolled = self.state.change(writer(), gallery, move |recognizer| {
                recognizer.enroll(label, &image.images, true).map(drop)
            });
            enrolled.await.unwrap().unwrap();
        }

        /// Changes the list of galleries.
        async fn with_list(
            &self,
            work: impl FnOnce(&mut Recognizer) -> Result<(), RecognizerError> + Send + 'static,
        ) {
            self.state.change_galleries(writer(), work).await.unwrap();
        }

        /// The labels that an image is compared with, sorted.
        async fn found(&self, gallery: &str) -> Result<Vec<String>, JobError> {
            let caller = Caller::for_images(client(), 1);
            let image = self.image();
            let options = ClassifyOptions::default();
            let answer = self.state.classify(caller, gallery, &image, 0..1, options);
            let answer = timeout(Duration::from_secs(60), answer).await;
            let found = answer.expect("it waits for a change")?;
            let candidates = found.answers[0].candidates.iter();
            let mut labels: Vec<_> = candidates.map(|one| one.label.to_string()).collect();
            labels.sort();
            Ok(labels)
        }

        /// The revision that is published.
        fn revision(&self, gallery: &str) -> Option<u64> {
            let snapshot = self.state.published.snapshot(gallery).unwrap();
            snapshot.map(|snapshot| snapshot.revision())
        }
    }

    fn is_unknown<T>(result: &Result<T, JobError>) -> bool {
        matches!(
            result,
            Err(JobError::Recognizer(RecognizerError::Gallery(GalleryError::UnknownGallery(_))))
        )
    }

    #[tokio::test]
    async fn classification_waits_for_no_change() {
        let fixture = Fixture::new();
        fixture.enroll("default", "mug").await;
        assert_eq!(fixture.found("default").await.unwrap(), ["mug"]);
        let (started, running) = oneshot::channel();
        let (release, released) = mpsc::channel::<()>();
        let state = Arc::clone(&fixture.state);
        let image = fixture.image();
        let change = tokio::spawn(async move {
            let changed = state.change(writer(), "default", move |recognizer| {
                started.send(()).unwrap();
                released.recv().unwrap();
                recognizer.enroll("cup", &image.images, true).map(drop)
            });
            changed.await.unwrap().unwrap();
        });
        running.await.unwrap();
        assert_eq!(fixture.found("default").await.unwrap(), ["mug"]);
        release.send(()).unwrap();
        change.await.unwrap();
        assert_eq!(fixture.found("default").await.unwrap(), ["cup", "mug"]);
    }

    #[tokio::test]
    async fn every_change_of_a_gallery_that_was_asked_for_is_published() {
        let fixture = Fixture::new();
        fixture.enroll("default", "mug").await;
        assert_eq!(fixture.revision("default"), None, "nobody asked for it");
        fixture.found("default").await.unwrap();
        assert_eq!(fixture.revision("default"), Some(1));
        let settings = GallerySettings { rate: 0.1, ..GallerySettings::default() };
        let changed = fixture.state.change(writer(), "default", move |recognizer| {
            recognizer.set_settings(settings, Precondition::Anything).map(drop)
        });
        changed.await.unwrap().unwrap();
        assert_eq!(fixture.revision("default"), Some(2));
    }

    #[tokio::test]
    async fn galleries_are_listed_as_their_last_changes_left_them() {
        let fixture = Fixture::new();
        fixture.with_list(|recognizer| recognizer.create_gallery("line 2").map(drop)).await;
        fixture.enroll("line 2", "mug").await;
        fixture.enroll("line 2", "cup").await;
        fixture.found("line 2").await.unwrap();
        fixture.with_list(|recognizer| recognizer.rename_gallery("line 2", "line 3")).await;
        let listed = fixture.state.listed_galleries();
        let entry = &listed[1].entry;
        assert_eq!((listed[0].changes, listed[0].entry.classes), (0, 0));
        assert_eq!((listed[1].changes, entry.classes, entry.examples), (2, 2, 2));
        assert_eq!((entry.name.as_str(), entry.background, entry.revision), ("line 3", 0, 2));
    }

    #[tokio::test]
    async fn a_change_before_a_panic_is_published() {
        let fixture = Fixture::new();
        assert!(fixture.found("default").await.unwrap().is_empty());
        let image = fixture.image();
        let changed = fixture.state.change(writer(), "default", move |recognizer| {
            recognizer.enroll("mug", &image.images, true).unwrap();
            panic!("ouch")
        });
        assert!(matches!(changed.await, Err::<(), _>(JobError::Panicked(_))));
        assert_eq!(fixture.found("default").await.unwrap(), ["mug"]);
    }

    #[tokio::test]
    async fn a_change_of_the_list_before_a_panic_is_published() {
        let fixture = Fixture::new();
        let changed = fixture.state.change_galleries(writer(), |recognizer| {
            recognizer.create_gallery("line 2").unwrap();
            panic!("ouch")
        });
        assert!(matches!(changed.await, Err::<(), _>(JobError::Panicked(_))));
        assert!(fixture.found("line 2").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_was_published_of_a_closed_gallery_is_dropped() {
        // Room for one gallery with a class and an example.
        let fixture = Fixture::with_max_open(3);
        for name in ["a", "b"] {
            fixture.with_list(move |recognizer| recognizer.create_gallery(name).map(drop)).await;
        }
        fixture.enroll("a", "mug").await;
        assert_eq!(fixture.found("a").await.unwrap(), ["mug"]);
        fixture.enroll("b", "cup").await;
        assert_eq!(fixture.revision("a"), Some(1), "it is open");
        assert_eq!(fixture.found("b").await.unwrap(), ["cup"]);
        assert!(fixture.found("default").await.unwrap().is_empty());
        assert_eq!((fixture.revision("a"), fixture.revision("b")), (None, Some(1)));
        assert_eq!(fixture.found("a").await.unwrap(), ["mug"], "it is opened again");
    }

    #[tokio::test]
    async fn a_gallery_is_found_by_its_id_too() {
        let fixture = Fixture::new();
        fixture.with_list(|recognizer| recognizer.create_gallery("line 2").map(drop)).await;
        fixture.enroll("line 2", "mug").await;
        let id = fixture.state.published.find("line 2").unwrap();
        assert_eq!(fixture.found(&id.to_string()).await.unwrap(), ["mug"]);
        assert!(is_unknown(&fixture.found(&format!("g_{:032}", 7)).await));
        fixture.with_list(|recognizer| recognizer.delete_gallery("line 2")).await;
        assert!(is_unknown(&fixture.found(&id.to_string()).await));
    }

    #[tokio::test]
    async fn galleries_are_found_by_name_and_kept_by_id() {
        let fixture = Fixture::new();
        fixture.with_list(|recognizer| recognizer.create_gallery("Line 2").map(drop)).await;
        fixture.enroll("line 2", "mug").await;
        assert_eq!(fixture.found("LINE 2").await.unwrap(), ["mug"]);
        assert!(fixture.found("default").await.unwrap().is_empty());
        fixture.with_list(|recognizer| recognizer.delete_gallery("line 2")).await;
        assert!(is_unknown(&fixture.found("Line 2").await));
        fixture
            .with_list(|recognizer| recognizer.restore_gallery("line 2", Precondition::Anything))
            .await;
        assert_eq!(fixture.revision("line 2"), None);
        assert_eq!(fixture.found("line 2").await.unwrap(), ["mug"]);
        fixture.with_list(|recognizer| recognizer.delete_gallery("line 2")).await;
        fixture.with_list(|recognizer| recognizer.create_gallery("line 2").map(drop)).await;
        assert!(fixture.found("line 2").await.unwrap().is_empty(), "it is another gallery");
        let long = "x".repeat(1000);
        let refused = fixture.state.check_gallery(&long);
        assert!(is_unknown(&refused) && refused.unwrap_err().to_string().len() < 300);
    }
}
