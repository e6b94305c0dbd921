//! What all requests share.

mod embed;
mod engines;
mod infer;
pub mod inference;
mod published;

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge::Recognizer;
use edge::classifier::SimilarExample;
use edge::decoder::ImageDecoder;
use edge::embedder::Embedded;
use edge::gallery::{GalleryEntry, KeepImages};
use edge::recognizer::{Classification, ClassifyOptions, RecognizerError, Snapshot};
use models::label::folded;

use crate::config::Config;
use crate::connections::Connections;
use crate::engines::Engines;
use crate::jobs::budget::{Budget, Lease};
use crate::jobs::client::Caller;
use crate::jobs::client::Writer;
use crate::jobs::decode_queue::DecodeQueue;
use crate::jobs::engine_thread::EngineThread;
use crate::jobs::error::{JobError, catch_panic};
use crate::jobs::owner_thread::OwnerThread;
use crate::jobs::reembed::ReembedJob;
use crate::jobs::replays::Replays;
use crate::jobs::transfers::Transfers;
use crate::jobs::uploads::Uploads;
use crate::keys::{Attempts, KeyFile};
use crate::metrics::{ListedGallery, Metrics, Stage};
use crate::wire;
use inference::Networks;
use published::Published;

/// One part in 256 of the memory is granted to an address whatever the others hold.
const SMALL_PARTS: usize = 256;

/// What all requests share.
pub struct AppState {
    /// The resolved settings.
    pub config: Config,
    /// The response of `GET /version`, with the engine of the start.
    pub version: wire::Version,
    /// Decodes images.
    pub decode_queue: DecodeQueue,
    /// The thread that embeds images and compares them with snapshots of galleries.
    engine: EngineThread,
    /// The thread that reads and writes the galleries.
    gallery: OwnerThread<Recognizer>,
    /// Counters and durations.
    pub metrics: Metrics,
    /// Memory for the bodies and answers of all requests.
    pub buffers: Arc<Budget>,
    /// Exports and imports in progress.
    pub transfers: Transfers,
    /// The job that embeds the images of a gallery anew.
    pub reembed: ReembedJob,
    /// Answers of changes that may be sent again.
    pub replays: Arc<Replays>,
    /// The open connections.
    pub connections: Arc<Connections>,
    /// The keys that calls need.
    pub keys: KeyFile,
    /// The addresses that send wrong ones.
    pub attempts: Attempts,
    /// The folder of the store.
    pub store: PathBuf,
    /// When the service began to be ready.
    pub started: Instant,
    /// Whether connections are encrypted.
    pub has_tls: bool,
    /// The networks that clients run on tensors of their own.
    pub networks: Networks,
    /// The states of the engines.
    pub engines: Engines,
    /// What is known of the galleries without their thread.
    published: Arc<Published>,
}

/// The embeddings of the images of a call. They keep the call's places in the queue, and the memory
/// of what is kept of the images, until this is dropped.
pub struct Embeddings {
    /// In the order of the body.
    pub images: Vec<Embedded>,
    /// The files, in their reserved memory, if the files themselves are kept.
    originals: Option<Arc<Uploads>>,
    _memory: Lease,
    _places: Lease,
}

impl Embeddings {
    /// Copies the files into what is kept of the images, if files were to be kept when the images
    /// were embedded and still are by the `setting` of the gallery that takes them. It may have
    /// changed meanwhile, or that gallery may be another one of the same name.
    ///
    /// This is for the gallery thread, at the end: so one call at a time has copies of its files.
    pub fn keep_originals(&mut self, setting: KeepImages) {
        if setting != KeepImages::Original {
            return;
        }
        let files = self.originals.iter().flat_map(|uploads| &uploads.files);
        for (image, upload) in self.images.iter_mut().zip(files) {
            image.kept = Some(upload.bytes.to_vec());
        }
    }
}

impl AppState {
    /// Joins the parts.
    ///
    /// # Errors
    /// When the system cannot start the threads that decode.
    pub fn new(
        config: Config,
        version: wire::Version,
        decoder: ImageDecoder,
        engine: EngineThread,
        gallery: OwnerThread<Recognizer>,
        store: PathBuf,
        galleries: &[GalleryEntry],
    ) -> io::Result<Self> {
        let decode_queue = DecodeQueue::start(decoder, config.limits.max_queue, engine.batch())?;
        let buffers = Budget::new(config.limits.max_buffer_bytes, SMALL_PARTS);
        let connections = Connections::new(config.limits.max_connections);
        let metrics = Metrics::new(vec![
            ("version", version.version.to_owned()),
            ("bundle", version.bundle.name.clone()),
            ("provider", version.engine.provider.clone()),
        ]);
        let published = Arc::new(Published::new(galleries));
        Ok(Self {
            config,
            version,
            decode_queue,
            engine,
            gallery,
            metrics,
            buffers,
            transfers: Transfers::default(),
            reembed: ReembedJob::default(),
            replays: Replays::new(),
            connections,
            keys: KeyFile::open(store.clone()),
            attempts: Attempts::default(),
            store,
            started: Instant::now(),
            has_tls: false,
            networks: Networks::default(),
            engines: Engines::default(),
            published,
        })
    }

    /// How many galleries there are.
    #[must_use]
    pub fn n_galleries(&self) -> usize {
        self.published.len()
    }

    /// This state with the networks that clients may run, and whether connections are encrypted.
    #[must_use]
    pub fn with(self, networks: Networks, has_tls: bool) -> Self {
        Self { networks, has_tls, ..self }
    }

    /// Refuses a gallery that does not exist, before any work is done for it.
    ///
    /// # Errors
    /// [`JobError::Recognizer`].
    pub fn check_gallery(&self, name: &str) -> Result<(), JobError> {
        self.published.find(name)?;
        Ok(())
    }

    /// Whether two names or ids are those of one gallery, also if it does not exist.
    #[must_use]
    pub fn is_same_gallery(&self, one: &str, other: &str) -> bool {
        match (self.published.find(one), self.published.find(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => folded(one) == folded(other),
        }
    }

    /// The galleries as their last changes left them, and how often each was changed.
    #[must_use]
    pub fn listed_galleries(&self) -> Vec<ListedGallery> {
        self.published.listed()
    }

    /// Runs `work`, which changes the list of galleries, in the name of its writer.
    ///
    /// # Errors
    /// Those of `work`; [`JobError::Stopped`], [`JobError::Panicked`].
    pub async fn change_galleries<T: Send + 'static>(
        &self,
        Writer { client, actor }: Writer,
        work: impl FnOnce(&mut Recognizer) -> Result<T, RecognizerError> + Send + 'static,
    ) -> Result<T, JobError> {
        let published = Arc::clone(&self.published);
        let changed = self.with_recognizer(client, move |recognizer| {
            recognizer.set_actor(&actor);
            let done = catch_panic(|| work(recognizer));
            // In the same job, so that lists of two changes are not confused, and also after a
            // failure or a panic, which may come after the change.
            published.set_galleries(&recognizer.galleries()?);
            Ok::<_, JobError>(done??)
        });
        changed.await?
    }

    /// Classifies a part of the images of a call, all of it in one job.
    ///
    /// With an explanation, this waits for the gallery thread. Otherwise the gallery is as its last
    /// change left it, and a change that is being made is not waited for.
    ///
    /// # Errors
    /// Those of [`Self::in_gallery`], and of [`Snapshot::classify`].
    pub async fn classify(
        &self,
        caller: Caller,
        gallery: &str,
        images: &Arc<Embeddings>,
        part: Range<usize>,
        options: ClassifyOptions,
    ) -> Result<Classification, JobError> {
        let classified = self.compare(caller, gallery, images, part, options).await?;
        // Images that inform each other are compared together, and have equal parts of the time.
        let n_images = u32::try_from(classified.answers.len()).unwrap_or(u32::MAX);
        for _ in 0..n_images {
            self.metrics.stage(Stage::Classify, classified.elapsed / n_images);
        }
        Ok(classified)
    }

    async fn compare(
        &self,
        caller: Caller,
        gallery: &str,
        images: &Arc<Embeddings>,
        part: Range<usize>,
        options: ClassifyOptions,
    ) -> Result<Classification, JobError> {
        let images = Arc::clone(images);
        if options.explain {
            let explained = self.in_gallery(caller, gallery, move |recognizer| {
                recognizer.classify(&images.images[part], options)
            });
            return Ok(explained.await??);
        }
        let snapshot = self.snapshot(caller, gallery).await?;
        // On the engine thread: one queue divides the time of embedding and comparing by address.
        let classified = self.engine.call(caller, move |_| {
            let part = images.images[part].iter();
            let embeddings: Vec<&[f32]> = part.map(|image| &image.embedding[..]).collect();
            snapshot.classify(&embeddings, options)
        });
        Ok(classified.await??)
    }

    /// The examples of a gallery that are most similar to one of the images of a call, at most `k`,
    /// best first, and how long it took to compare them. The gallery is as its last change left it.
    ///
    /// # Errors
    /// Those of [`Self::in_gallery`], and of [`Recognizer::snapshot`].
    pub async fn search(
        &self,
        caller: Caller,
        gallery: &str,
        images: &Arc<Embeddings>,
        image: usize,
        k: usize,
    ) -> Result<(Vec<SimilarExample>, Duration), JobError> {
        let images = Arc::clone(images);
        let snapshot = self.snapshot(caller, gallery).await?;
        let searched = self.engine.call(caller, move |_| {
            let start = Instant::now();
            let found = snapshot.classifier().search(&images.images[image].embedding, k);
            (found, start.elapsed())
        });
        searched.await
    }

    /// The gallery as its last change left it. Only the first call for a gallery waits for the
    /// gallery thread.
    async fn snapshot(&self, caller: Caller, gallery: &str) -> Result<Arc<Snapshot>, JobError> {
        if let Some(snapshot) = self.published.snapshot(gallery)? {
            return Ok(snapshot);
        }
        let published = Arc::clone(&self.published);
        let publish = self.in_gallery(caller, gallery, move |one| published.publish(one));
        Ok(publish.await??)
    }

    /// Runs `work` on the gallery thread. What it changes in the gallery that is selected in the
    /// end is published before the call returns, so that images are classified by it.
    ///
    /// # Errors
    /// [`JobError::Stopped`], [`JobError::Panicked`].
    pub async fn with_recognizer<T: Send + 'static>(
        &self,
        caller: impl Into<Caller>,
        work: impl FnOnce(&mut Recognizer) -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let published = Arc::clone(&self.published);
        let done = self.gallery.call(caller, move |recognizer| {
            let done = catch_panic(|| work(recognizer));
            // Also after a panic, which may come after the change.
            published.refresh(recognizer);
            done
        });
        done.await?
    }

    /// Runs `work` on a gallery.
    ///
    /// # Errors
    /// [`JobError::Recognizer`] if there is no such gallery; [`JobError::Stopped`],
    /// [`JobError::Panicked`].
    pub async fn in_gallery<T: Send + 'static>(
        &self,
        caller: impl Into<Caller>,
        gallery: &str,
        work: impl FnOnce(&mut Recognizer) -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.check_gallery(gallery)?;
        let gallery = gallery.to_owned();
        let done = self.with_recognizer(caller, move |recognizer| {
            recognizer.select(&gallery)?;
            Ok::<_, RecognizerError>(work(recognizer))
        });
        Ok(done.await??)
    }

    /// Runs `work`, which changes a gallery, in the name of its writer.
    ///
    /// # Errors
    /// Those of [`Self::in_gallery`].
    pub async fn change<T: Send + 'static>(
        &self,
        Writer { client, actor }: Writer,
        gallery: &str,
        work: impl FnOnce(&mut Recognizer) -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.in_gallery(client, gallery, move |recognizer| {
            recognizer.set_actor(&actor);
            work(recognizer)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use axum::body::Bytes;
    use edge::decoder::Timing;
    use edge::engine::{EngineKind, Provider};
    use models::bundle::Precision;

    use super::*;
    use crate::jobs::uploads::Upload;

    fn embedded(kept: &[u8]) -> Embedded {
        Embedded {
            embedding: vec![1.0],
            engine: EngineKind { provider: Provider::Tract, precision: Precision::Fp32 },
            sha256: [0; 32],
            crop: None,
            kept: Some(kept.to_vec()),
            warnings: Vec::new(),
            quality: Vec::new(),
            timing: Timing::default(),
        }
    }

    /// Two images of a call, each with a thumbnail.
    fn embeddings(originals: Option<Arc<Uploads>>, budget: &Arc<Budget>) -> Embeddings {
        let client = IpAddr::from([127, 0, 0, 1]).into();
        let images = vec![embedded(b"small"), embedded(b"tiny")];
        let memory = budget.lease(client);
        Embeddings { images, originals, _memory: memory, _places: budget.lease(client) }
    }

    fn kept(embeddings: &Embeddings) -> Vec<&[u8]> {
        embeddings.images.iter().map(|image| image.kept.as_deref().unwrap()).collect()
    }

    #[test]
    fn files_replace_what_is_kept_only_if_files_are_kept() {
        let budget = Budget::new(64, 1);
        let memory = budget.take(IpAddr::from([127, 0, 0, 1]).into(), 8).unwrap();
        let files = [&b"one"[..], b"other"]
            .map(|bytes| Upload { file: None, bytes: Bytes::from_static(bytes) });
        let uploads = Arc::new(Uploads::new(files.to_vec(), memory));
        let mut thumbnails = embeddings(None, &budget);
        thumbnails.keep_originals(KeepImages::Original);
        assert_eq!(kept(&thumbnails), [&b"small"[..], b"tiny"]);
        let mut originals = embeddings(Some(uploads), &budget);
        for changed in [KeepImages::Thumb, KeepImages::Off] {
            originals.keep_originals(changed);
            assert_eq!(kept(&originals), [&b"small"[..], b"tiny"], "{changed}");
        }
        originals.keep_originals(KeepImages::Original);
        assert_eq!(kept(&originals), [&b"one"[..], b"other"]);
        assert_eq!(budget.used(), 8, "the files stay counted");
        drop(originals);
        assert_eq!(budget.used(), 0);
    }
}
