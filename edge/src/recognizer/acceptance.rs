//! What a gallery accepts: its settings, its background set, and what both rest on.

use std::sync::Arc;

use super::Recognizer;
use super::calibration::CalibrationReport;
use super::error::RecognizerError;
use super::precondition::Precondition;
use super::values::EnrolledBackground;
use crate::embedder::Embedded;
use crate::gallery::{Example, GallerySettings};

impl Recognizer {
    /// Adds images of none of the classes to the background set, all or none; `outcomes` states
    /// which ones it had already. They are never an answer: images that look like them are
    /// rejected.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the gallery is of another space than the bundle, or if the
    /// store cannot be written.
    pub fn enroll_background(
        &mut self,
        images: &[Embedded],
    ) -> Result<EnrolledBackground, RecognizerError> {
        self.check_space()?;
        let quality = self.background_quality(images);
        let examples = self.new_examples(images);
        let enrolled = self.gallery.enroll_background(examples)?;
        Ok(EnrolledBackground {
            outcomes: enrolled.outcomes,
            quality,
            examples: enrolled.examples,
            revision: enrolled.revision,
        })
    }

    /// The background set: examples of none of the classes.
    #[must_use]
    pub fn background(&self) -> &[Arc<Example>] {
        self.gallery.background()
    }

    /// Removes an example from the background set and returns it.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the set does not have it, or if the store cannot be written.
    pub fn remove_background(&mut self, id: &str) -> Result<Arc<Example>, RecognizerError> {
        Ok(self.gallery.remove_background(id)?)
    }

    /// What the gallery accepts.
    #[must_use]
    pub fn settings(&self) -> &GallerySettings {
        self.gallery.settings()
    }

    /// Changes what the gallery accepts.
    ///
    /// # Errors
    /// An unmet [`Precondition`]; [`RecognizerError::Gallery`] for a setting out of its range, or
    /// if the store cannot be written.
    pub fn set_settings(
        &mut self,
        settings: GallerySettings,
        precondition: Precondition,
    ) -> Result<GallerySettings, RecognizerError> {
        precondition.check_revision(&self.gallery)?;
        Ok(self.gallery.set_settings(settings)?)
    }

    /// The thresholds of several rates, the share of known images that each keeps, and the
    /// evidence.
    ///
    /// # Errors
    /// Those of [`Recognizer::snapshot`].
    pub fn calibrate(&mut self) -> Result<CalibrationReport, RecognizerError> {
        let snapshot = Arc::clone(self.current()?);
        Ok(CalibrationReport::new(&self.gallery, snapshot.classifier()))
    }
}
