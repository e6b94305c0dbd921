//! What is read when the metrics are rendered: the state of the service and of its galleries.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use edge::engine::EngineStates;
use edge::gallery::GalleryEntry;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use super::labels::{CandidateLabels, EngineLabels, GalleryLabels, MAX_GALLERIES, TransferLabels};

type Number = Gauge<u64, AtomicU64>;

/// How much of something limited is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// What is in use.
    pub used: u64,
    /// The most that can be.
    pub limit: u64,
}

impl Usage {
    /// An amount in memory.
    #[must_use]
    pub fn new(used: usize, limit: usize) -> Self {
        Self { used: used as u64, limit: limit as u64 }
    }
}

/// A gallery, and how often it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGallery {
    /// The gallery as its last change left it.
    pub entry: GalleryEntry,
    /// The calls that changed it since the service started.
    pub changes: u64,
}

impl ListedGallery {
    /// A gallery that no call has changed.
    #[must_use]
    pub fn new(entry: GalleryEntry) -> Self {
        Self { entry, changes: 0 }
    }

    /// The gallery after a call, which changed it if the revision is another one.
    pub fn update(&mut self, entry: GalleryEntry) {
        self.changes += u64::from(entry.revision != self.entry.revision);
        self.entry = entry;
    }

    /// The galleries of a new list, with the changes of those that were in the list before it. A
    /// call that brings a gallery with classes changed that gallery.
    #[must_use]
    pub fn relist(before: Vec<Self>, list: &[GalleryEntry]) -> Vec<Self> {
        let before = before.into_iter().map(|one| (one.entry.id, one));
        let mut before: HashMap<_, _> = before.collect();
        let after = list.iter().map(|entry| {
            let mut listed = before
                .remove(&entry.id)
                .unwrap_or_else(|| Self::new(GalleryEntry { revision: 0, ..entry.clone() }));
            listed.update(entry.clone());
            listed
        });
        after.collect()
    }
}

/// The states of the engines.
#[derive(Debug, Default)]
pub struct EngineGauges {
    /// As they are now; `None` if they are not known.
    pub states: Option<EngineStates>,
    /// Builds that began since the start.
    pub builds: u64,
    /// Changes of the engine in use since the start.
    pub switches: u64,
}

/// The words for the states of a candidate.
const CANDIDATE_STATES: [&str; 6] =
    ["untried", "building", "verifying", "measured", "ready", "refused"];

/// Values that are read when metrics are rendered.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Whether the service is ready, as `GET /readyz` states it.
    pub ready: bool,
    /// Images that wait or are being processed.
    pub queue_images: Usage,
    /// Bytes that bodies and answers hold.
    pub buffer_bytes: Usage,
    /// Open connections.
    pub connections: Usage,
    /// Bytes of the store on the disk; `None` if its file cannot be read.
    pub store_bytes: Option<Usage>,
    /// Whether the images of a gallery are being embedded anew.
    pub is_reembedding: bool,
    /// Exports in progress.
    pub exports: usize,
    /// Imports in progress.
    pub imports: usize,
    /// All galleries.
    pub galleries: Vec<ListedGallery>,
    /// The engines.
    pub engines: EngineGauges,
}

impl Gauges {
    /// The series of these values.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("handful");
        self.register_usages(&mut registry);
        self.register_work(&mut registry);
        self.register_galleries(&mut registry);
        self.engines.register(&mut registry);
        registry
    }

    fn register_usages(&self, registry: &mut Registry) {
        let Usage { used, limit } = self.queue_images;
        let help = "Images waiting or being processed";
        registry.register("queue_images", help, ConstGauge::new(used));
        let help = "The most images that wait or are being processed";
        registry.register("queue_images_limit", help, ConstGauge::new(limit));
        let Usage { used, limit } = self.buffer_bytes;
        let help = "Memory that bodies and answers hold";
        registry.register_with_unit("buffer", help, Unit::Bytes, ConstGauge::new(used));
        let help = "The most memory that bodies and answers may hold";
        registry.register_with_unit("buffer_limit", help, Unit::Bytes, ConstGauge::new(limit));
        let Usage { used, limit } = self.connections;
        registry.register("connections", "Open connections", ConstGauge::new(used));
        let help = "The most open connections, beside a few for the health";
        registry.register("connections_limit", help, ConstGauge::new(limit));
        if let Some(Usage { used, limit }) = self.store_bytes {
            let help = "Size of the store on the disk";
            registry.register_with_unit("store", help, Unit::Bytes, ConstGauge::new(used));
            let help = "The size of the store beyond which it takes nothing more";
            registry.register_with_unit("store_limit", help, Unit::Bytes, ConstGauge::new(limit));
        }
    }

    fn register_work(&self, registry: &mut Registry) {
        let help = "Whether the service is ready, 1 or 0";
        registry.register("ready", help, ConstGauge::new(u64::from(self.ready)));
        let help = "Galleries whose images are being embedded anew, 1 or 0";
        registry.register("reembed_jobs", help, ConstGauge::new(u64::from(self.is_reembedding)));
        let transfers = Family::<TransferLabels, Number>::default();
        for (kind, running) in [("export", self.exports), ("import", self.imports)] {
            transfers.get_or_create(&TransferLabels { kind }).set(running as u64);
        }
        registry.register("transfers", "Galleries being exported or imported", transfers);
    }

    fn register_galleries(&self, registry: &mut Registry) {
        let number = ConstGauge::new(self.galleries.len() as u64);
        registry.register("galleries", "Galleries", number);
        let changes = Family::<GalleryLabels, Counter>::default();
        for one in self.with_series() {
            changes.get_or_create(&labels(one)).inc_by(one.changes);
        }
        registry.register("changes", "Calls that changed a gallery, since the start", changes);
        let classes = self.family(|entry| entry.classes as u64);
        registry.register("gallery_classes", "Classes of a gallery", classes);
        let examples = self.family(|entry| entry.examples as u64);
        registry.register("gallery_examples", "Examples of the classes of a gallery", examples);
        let background = self.family(|entry| entry.background as u64);
        let help = "Examples of the background set of a gallery";
        registry.register("gallery_background_examples", help, background);
        let revisions = self.family(|entry| entry.revision);
        registry.register("gallery_revision", "Revision of a gallery", revisions);
    }

    fn with_series(&self) -> impl Iterator<Item = &ListedGallery> {
        self.galleries.iter().take(MAX_GALLERIES)
    }

    fn family(&self, of: fn(&GalleryEntry) -> u64) -> Family<GalleryLabels, Number> {
        let family = Family::<GalleryLabels, Number>::default();
        for one in self.with_series() {
            family.get_or_create(&labels(one)).set(of(&one.entry));
        }
        family
    }
}

impl EngineGauges {
    fn register(&self, registry: &mut Registry) {
        let candidates = Family::<CandidateLabels, Number>::default();
        for state in CANDIDATE_STATES {
            let all = self.states.iter().flat_map(|states| &states.candidates);
            let number = all.filter(|candidate| candidate.state.word() == state).count();
            candidates.get_or_create(&CandidateLabels { state }).set(number as u64);
        }
        let help = "Engines that may replace the one in use, by state";
        registry.register("engine_candidates", help, candidates);
        let serving = Family::<EngineLabels, Number>::default();
        if let Some(EngineStates { serving: now, .. }) = &self.states {
            let provider = now.kind.provider.to_string();
            let precision = now.kind.precision.to_string();
            serving.get_or_create(&EngineLabels { provider, precision }).set(1);
        }
        registry.register("engine_in_use", "The engine in use, always 1", serving);
        let builds = ConstCounter::new(self.builds);
        let help = "Builds of engines that began, since the start";
        registry.register("engine_builds", help, builds);
        let switches = ConstCounter::new(self.switches);
        let help = "Changes of the engine in use, since the start";
        registry.register("engine_switches", help, switches);
    }
}

fn labels(listed: &ListedGallery) -> GalleryLabels {
    GalleryLabels { gallery: models::label::folded(&listed.entry.name) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edge::engine::{Candidate, CandidateState, EngineKind, Provider, Serving};
    use models::bundle::Precision;

    use super::*;
    use crate::metrics::format::Format;

    fn entry(number: usize, revision: u64) -> GalleryEntry {
        let id = format!("g_{number:032}").parse().unwrap();
        let name = format!("Line {number}");
        GalleryEntry { id, name, classes: 3, examples: 7, background: 2, revision }
    }

    fn changes(listed: &[ListedGallery]) -> Vec<u64> {
        listed.iter().map(|one| one.changes).collect()
    }

    #[test]
    fn calls_that_change_a_gallery_are_counted() {
        let mut listed: Vec<_> = [entry(1, 4), entry(2, 0)].map(ListedGallery::new).into();
        listed[0].update(entry(1, 5));
        listed[0].update(entry(1, 5));
        assert_eq!(changes(&listed), [1, 0]);
        // The first one is changed again, another one is imported, one is created.
        let list = [entry(1, 6), entry(3, 9), entry(4, 0)];
        let listed = ListedGallery::relist(listed, &list);
        assert_eq!(changes(&listed), [2, 1, 0]);
        let names: Vec<_> = listed.iter().map(|one| one.entry.name.as_str()).collect();
        assert_eq!(names, ["Line 1", "Line 3", "Line 4"], "in the order of the list");
    }

    fn text(gauges: &Gauges) -> String {
        Format::OpenMetrics.encode(&[&gauges.registry()]).unwrap()
    }

    #[test]
    fn the_service_and_its_galleries_are_shown() {
        let mut gallery = ListedGallery::new(entry(1, 4));
        gallery.update(entry(1, 5));
        let text = text(&Gauges {
            ready: true,
            queue_images: Usage::new(3, 1024),
            store_bytes: Some(Usage { used: 4096, limit: 1 << 33 }),
            imports: 1,
            galleries: vec![gallery],
            ..Gauges::default()
        });
        for line in [
            "handful_ready 1",
            "handful_queue_images 3",
            "handful_queue_images_limit 1024",
            "handful_buffer_limit_bytes 0",
            "handful_connections 0",
            "handful_store_bytes 4096",
            "handful_store_limit_bytes 8589934592",
            "handful_reembed_jobs 0",
            "handful_transfers{kind=\"export\"} 0",
            "handful_transfers{kind=\"import\"} 1",
            "handful_galleries 1",
            "handful_changes_total{gallery=\"line 1\"} 1",
            "handful_gallery_classes{gallery=\"line 1\"} 3",
            "handful_gallery_examples{gallery=\"line 1\"} 7",
            "handful_gallery_background_examples{gallery=\"line 1\"} 2",
            "handful_gallery_revision{gallery=\"line 1\"} 5",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn engines_are_shown_by_state() {
        let kind = |provider| EngineKind { provider, precision: Precision::Fp16 };
        let candidate = |provider, state| Candidate { kind: kind(provider), state };
        let untried = CandidateState::Untried;
        let refused = CandidateState::Refused { reason: "no GPU".to_owned(), until: None };
        let since = std::time::SystemTime::now();
        let states = EngineStates {
            serving: Serving { kind: kind(Provider::Cpu), ms: None, since },
            candidates: vec![
                candidate(Provider::TensorRt, untried),
                candidate(Provider::Cuda, refused),
            ],
        };
        let engines = EngineGauges { states: Some(states), builds: 3, switches: 1 };
        let text = text(&Gauges { engines, ..Gauges::default() });
        for line in [
            "handful_engine_candidates{state=\"untried\"} 1",
            "handful_engine_candidates{state=\"building\"} 0",
            "handful_engine_candidates{state=\"refused\"} 1",
            "handful_engine_in_use{provider=\"onnxruntime/cpu\",precision=\"fp16\"} 1",
            "handful_engine_builds_total 3",
            "handful_engine_switches_total 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn the_number_of_series_is_limited() {
        let galleries = (0..=MAX_GALLERIES).map(|number| ListedGallery::new(entry(number, 0)));
        let text = text(&Gauges { galleries: galleries.collect(), ..Gauges::default() });
        assert_eq!(text.matches("handful_gallery_classes{").count(), MAX_GALLERIES);
        assert!(text.contains("handful_galleries 1001\n"), "all of them are counted");
        assert!(!text.contains("handful_store_bytes"), "its file cannot be read");
    }
}
