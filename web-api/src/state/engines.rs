//! What is known of the engine: the one in use, those that may replace it, and their thread.

use edge::embedder::Embedded;

use super::AppState;
use crate::engines::Engines;
use crate::wire;

impl AppState {
    /// This state with engines whose states are followed.
    #[must_use]
    pub fn with_engines(self, engines: Engines) -> Self {
        Self { engines, ..self }
    }

    /// The response of `GET /version`, with the engine that is in use now.
    #[must_use]
    pub fn version_now(&self) -> wire::Version {
        let mut version = self.version.clone();
        if let Some(states) = self.engines.states() {
            version.engine = version.engine.now(&states);
        }
        version
    }

    /// The model that embedded the images of a call, as part of its response.
    #[must_use]
    pub fn model(&self, images: &[Embedded]) -> wire::Model {
        let wire::Version { bundle, engine, .. } = &self.version;
        // All images of a call are embedded by one engine.
        let used = images.first().map(|image| image.engine);
        wire::Model {
            bundle: bundle.name.clone(),
            precision: used.map_or(engine.precision.clone(), |used| used.precision.to_string()),
            provider: used.map_or(engine.provider.clone(), |used| used.provider.to_string()),
        }
    }

    /// The name of a thread that has ended although the service runs.
    #[must_use]
    pub fn ended_thread(&self) -> Option<&'static str> {
        let threads = [("engine", self.engine.is_alive()), ("gallery", self.gallery.is_alive())];
        threads.into_iter().find_map(|(name, is_alive)| (!is_alive).then_some(name))
    }
}
