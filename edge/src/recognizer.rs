//! The entry point of the library: joins one bundle, the engines that run its networks, its name
//! knowledge (what it knows about class names) and one gallery.
//!
//! [`Recognizer::open`] opens all of them as
//! [`DeviceSettings`](crate::device::DeviceSettings) say.
//!
//! # Examples
//! ```
//! use edge::device::DeviceSettings;
//! use edge::engine::{EngineChoice, Provider};
//! use edge::recognizer::{ClassifyOptions, Recognizer};
//! # use image::{ImageFormat, Rgb, RgbImage};
//! # fn drawn(color: [u8; 3]) -> Result<Vec<u8>, image::ImageError> {
//! #     let mut file = std::io::Cursor::new(Vec::new());
//! #     let image = RgbImage::from_fn(48, 40, |x, _| Rgb(if x % 9 < 5 { color } else { [0; 3] }));
//! #     image.write_to(&mut file, ImageFormat::Png)?;
//! #     Ok(file.into_inner())
//! # }
//! # let store = tempfile::tempdir()?;
//! # let settings = DeviceSettings {
//! #     bundle: Some("tests/fixtures/tiny-bundle".into()),
//! #     engine: Some(EngineChoice::Only(Provider::Tract)),
//! #     store: Some(store.path().into()),
//! #     ..DeviceSettings::default()
//! # };
//!
//! let mut recognizer = Recognizer::open(&settings)?;
//! for (label, image) in [("red", drawn([200, 0, 0])?), ("blue", drawn([0, 0, 200])?)] {
//!     let embedded = recognizer.embed_to_enroll(&image)?;
//!     recognizer.enroll(label, &[embedded], true)?;
//! }
//! let query = recognizer.embed(&drawn([180, 10, 10])?)?;
//! let found = recognizer.classify(&[query], ClassifyOptions::default())?;
//! assert_eq!(found.answers[0].candidates[0].label.as_str(), "red");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;
use std::time::Instant;

use few_shot::decision::DecisionModel;
use models::bundle::{Bundle, Manifest};
use models::image::ImageLimits;

use crate::classifier::Candidate;
use crate::decision;
use crate::decoder::ImageDecoder;
use crate::doctor::DoctorReport;
use crate::embedder::Embedded;
use crate::engine::{EngineChoice, EngineOptions};
use crate::explain::{self, Explanation};
use crate::gallery::{Class, ClassId, ClassOverrides, Galleries, Gallery, Label, SenseOverride};
use crate::lexicon::NameKnowledge;

mod acceptance;
mod calibration;
mod class_change;
mod embedding;
mod error;
mod examples;
mod galleries;
mod networks;
mod nouns;
mod open_galleries;
mod peers;
mod precondition;
mod quality;
mod reembed;
mod snapshot;
mod values;

use networks::{Networks, availability};
use open_galleries::OpenGalleries;
use snapshot::Snapshots;

pub use crate::gallery::{CanceledReembed, KeptImage, ReembedStatus, Reembedded, Reembedding};
pub use calibration::{CalibrationEvidence, CalibrationReport, StatedThreshold};
pub use class_change::{ClassChange, SenseChange};
pub use error::RecognizerError;
pub use examples::ExampleInfo;
pub use networks::{Availability, EngineInfo};
pub use precondition::Precondition;
pub use reembed::ReembedComparison;
pub use snapshot::Snapshot;
pub use values::{
    Answer, ClassDefinition, ClassInfo, Classification, ClassifyOptions, Enrolled,
    EnrolledBackground, GallerySummary, Senses,
};

/// A bundle, its engine, its name knowledge and a gallery.
pub struct Recognizer {
    decoder: ImageDecoder,
    networks: Networks,
    name_knowledge: Option<NameKnowledge>,
    name_availability: Availability,
    decision: Option<Arc<DecisionModel<f32>>>,
    decision_availability: Availability,
    gallery: Gallery,
    snapshots: Snapshots,
    /// Absent if there is only the one gallery.
    galleries: Option<OpenGalleries>,
    /// That of the only gallery.
    gallery_name: String,
    /// Who makes the changes.
    actor: Option<String>,
}

impl Recognizer {
    /// A recognizer of this bundle and of a gallery that was opened for the `space_id` of the
    /// bundle, or that is in memory. If the name knowledge cannot be read, the recognizer works
    /// without it, and [`Recognizer::name_availability`] has the reason.
    #[must_use]
    pub fn new(
        bundle: Bundle,
        choice: EngineChoice,
        options: EngineOptions,
        gallery: Gallery,
    ) -> Self {
        let opened = NameKnowledge::open(&bundle);
        let name_availability = availability(&opened);
        let name_knowledge = opened.ok().flatten();
        let opened = decision::open(&bundle);
        let decision_availability = availability(&opened);
        let decision = opened.ok().flatten().map(Arc::new);
        let decoder = ImageDecoder::new(&bundle.manifest);
        let networks = Networks::new(bundle, choice, options, name_knowledge.is_some());
        let snapshots = Snapshots::default();
        Self {
            decoder,
            networks,
            name_knowledge,
            name_availability,
            decision,
            decision_availability,
            gallery,
            snapshots,
            galleries: None,
            gallery_name: Galleries::DEFAULT.to_owned(),
            actor: None,
        }
    }

    /// This recognizer with other limits for images.
    #[must_use]
    pub fn with_image_limits(self, limits: ImageLimits) -> Self {
        Self { decoder: self.decoder.with_limits(limits), ..self }
    }

    /// Starts the engine of the backbone and, if the bundle has it, that of ProtoComNet, which
    /// weighs attributes in explanations. Without this call each starts when it is first needed.
    ///
    /// # Errors
    /// [`RecognizerError::Select`] if no engine can run the backbone. If ProtoComNet cannot
    /// start, that is no error: [`Recognizer::attribute_weights`] has the reason.
    pub fn start(&mut self) -> Result<&EngineInfo, RecognizerError> {
        self.networks.attention();
        self.start_backbone()
    }

    /// Starts the engine of the backbone only, which is enough where nothing is explained.
    ///
    /// # Errors
    /// [`RecognizerError::Select`] if no engine can run the backbone.
    pub fn start_backbone(&mut self) -> Result<&EngineInfo, RecognizerError> {
        Ok(self.networks.start_backbone()?)
    }

    /// The engine with which the backbone was started; `None` before it has started.
    #[must_use]
    pub fn engine(&self) -> Option<&EngineInfo> {
        self.networks.engine()
    }

    /// The manifest of the bundle.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.networks.manifest()
    }

    /// Whether the bundle's name knowledge can be used, and if not, why.
    #[must_use]
    pub fn name_availability(&self) -> &Availability {
        &self.name_availability
    }

    /// The name knowledge of the bundle.
    #[must_use]
    pub fn name_knowledge(&self) -> Option<&NameKnowledge> {
        self.name_knowledge.as_ref()
    }

    /// Whether unknown images are rejected, and if not, why.
    #[must_use]
    pub fn decision_availability(&self) -> &Availability {
        &self.decision_availability
    }

    /// Whether explanations weigh attributes; [`Availability::NotStarted`] before ProtoComNet has
    /// started.
    #[must_use]
    pub fn attribute_weights(&self) -> &Availability {
        self.networks.attribute_weights()
    }

    /// The revision of the gallery, which grows by one with each call that changes it.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.gallery.revision()
    }

    /// Numbers of classes and examples of the gallery, its revision, and how prototypes are made.
    #[must_use]
    pub fn summary(&self) -> GallerySummary {
        let latest = self.snapshots.latest().map(Snapshot::classifier);
        GallerySummary::of(&self.gallery, self.name_knowledge.as_ref(), latest)
    }

    /// Every class, sorted by label.
    pub fn classes(&self) -> impl Iterator<Item = ClassInfo> {
        self.gallery.iter().map(|class| self.info(class))
    }

    /// The classes that follow this label in the same order; no class needs to have it.
    pub fn classes_after(&self, label: &str) -> impl Iterator<Item = ClassInfo> {
        self.gallery.iter_after(label).map(|class| self.info(class))
    }

    /// The class with this id or label.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is none.
    pub fn class(&self, id_or_label: &str) -> Result<ClassInfo, RecognizerError> {
        Ok(self.info(self.gallery.class(id_or_label)?))
    }

    /// Checks the label and the class of an enrollment, so that it can be refused before its images
    /// are embedded.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::Gallery`] for an unknown id, or for an
    /// unknown label if `create` is false, or if the gallery is of another space than the bundle.
    pub fn check_enroll(&self, id_or_label: &str, create: bool) -> Result<(), RecognizerError> {
        self.check_space()?;
        let label = self.label(id_or_label)?;
        if !create {
            self.gallery.class(label.as_str())?;
        }
        Ok(())
    }

    /// Adds images to a class, all or none; `outcomes` states which ones the class had already, and
    /// `quality` what may be wrong with them ([`Recognizer::check_quality`] refuses such images
    /// before). If no class has the label, `create` makes one. What
    /// [`Recognizer::embed_to_enroll`] kept of the images is stored with them.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::Gallery`] for an unknown id, for an unknown
    /// label if `create` is false, if the gallery is of another space than the bundle, or if the
    /// store cannot be written.
    pub fn enroll(
        &mut self,
        id_or_label: &str,
        images: &[Embedded],
        create: bool,
    ) -> Result<Enrolled, RecognizerError> {
        self.check_space()?;
        let label = self.label(id_or_label)?;
        // Compared with what was enrolled before.
        let quality = self.quality_in(&label, images)?;
        let examples = self.new_examples(images);
        let enrolled = self.gallery.enroll(&label, examples, create)?;
        Ok(Enrolled {
            class: self.info(&enrolled.class),
            outcomes: enrolled.outcomes,
            quality,
            revision: enrolled.revision,
        })
    }

    /// Sets the sense of a class's label and the attributes that explanations name. A label that no
    /// class has creates a class without images. What the definition leaves out is reset, or
    /// kept if `keep_others` is set. Returns the class, and whether it is new.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::NoNameKnowledge`];
    /// [`RecognizerError::UnknownSynset`]; [`RecognizerError::Attributes`];
    /// an unmet [`Precondition`]; [`RecognizerError::Gallery`] for an unknown id, or if the
    /// store cannot be written.
    pub fn define(
        &mut self,
        id_or_label: &str,
        definition: &ClassDefinition,
        precondition: Precondition,
    ) -> Result<(ClassInfo, bool), RecognizerError> {
        let label = self.label(id_or_label)?;
        let overrides = self.overrides(&label, definition)?;
        // After the checks of the request itself, as RFC 9110 (13.2.1) has it.
        precondition.check(&self.gallery, &label)?;
        let (class, is_new) = self.gallery.define(&label, overrides)?;
        Ok((self.info(&class), is_new))
    }

    /// Gives a class another label.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; an unmet [`Precondition`]; [`RecognizerError::Gallery`] if the
    /// class does not exist, if another class has the label, or if the store cannot be written.
    pub fn rename(
        &mut self,
        id_or_label: &str,
        label: &str,
        precondition: Precondition,
    ) -> Result<ClassInfo, RecognizerError> {
        let label = Label::parse(label)?;
        precondition.check_existing(&self.gallery, id_or_label)?;
        let renamed = self.gallery.rename(id_or_label, &label)?;
        Ok(self.info(&renamed))
    }

    /// Deletes a class with its examples and returns its last state.
    ///
    /// # Errors
    /// An unmet [`Precondition`]; [`RecognizerError::Gallery`] if the class does not exist, or if
    /// the store cannot be written.
    pub fn delete(
        &mut self,
        id_or_label: &str,
        precondition: Precondition,
    ) -> Result<ClassInfo, RecognizerError> {
        precondition.check_existing(&self.gallery, id_or_label)?;
        let deleted = self.gallery.delete(id_or_label)?;
        Ok(self.info(&deleted))
    }

    /// Ranks the classes of the gallery for each image. A class with neither images nor a known
    /// name has no prototype and is not ranked; if no class has one, every answer is empty.
    ///
    /// # Errors
    /// [`RecognizerError::TooFewImages`] for a transductive classification of fewer than two
    /// images; [`RecognizerError::Attention`] if ProtoComNet fails while an explanation is made;
    /// [`RecognizerError::Gallery`] if the gallery is of another space than the bundle.
    pub fn classify(
        &mut self,
        images: &[Embedded],
        options: ClassifyOptions,
    ) -> Result<Classification, RecognizerError> {
        // The first call after a change of the gallery computes the prototypes: that counts too.
        let start = Instant::now();
        let embeddings: Vec<&[f32]> = images.iter().map(|image| &image.embedding[..]).collect();
        let mut found = self.current()?.classify(&embeddings, options)?;
        found.elapsed = start.elapsed();
        if options.explain {
            for (answer, embedding) in found.answers.iter_mut().zip(embeddings) {
                let best = answer.candidates.first();
                answer.explanation = best.map(|best| self.explain(best, embedding)).transpose()?;
            }
        }
        Ok(found)
    }

    /// The gallery as it is now, for threads that classify while it changes.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the gallery is of another space than the bundle.
    pub fn snapshot(&mut self) -> Result<Arc<Snapshot>, RecognizerError> {
        Ok(Arc::clone(self.current()?))
    }

    /// Checks the gallery: which classes have enough images, which are taken for each other, and
    /// which examples are likely in the wrong class.
    ///
    /// # Errors
    /// Those of [`Recognizer::snapshot`].
    pub fn doctor(&mut self) -> Result<&DoctorReport, RecognizerError> {
        Ok(self.current()?.doctor())
    }

    /// Explains what a candidate of an image is based on; `embedding` `[s]` is that of the image,
    /// not normalized.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the class is gone, or for a gallery of another space than
    /// the bundle; [`RecognizerError::Attention`] if ProtoComNet fails.
    pub fn explain(
        &mut self,
        candidate: &Candidate,
        embedding: &[f32],
    ) -> Result<Explanation, RecognizerError> {
        self.check_space()?;
        let class = self.gallery.class(&candidate.class_id.to_string())?;
        let names = self.name_knowledge.as_ref();
        Ok(explain::explain(candidate, class, embedding, names, self.networks.attention())?)
    }

    fn current(&mut self) -> Result<&Arc<Snapshot>, RecognizerError> {
        self.check_space()?;
        let names = self.name_knowledge.as_ref();
        Ok(self.snapshots.current(&self.gallery, names, self.decision.as_ref()))
    }

    /// The overrides of the class after `definition` is applied to them.
    fn overrides(
        &self,
        label: &Label,
        definition: &ClassDefinition,
    ) -> Result<ClassOverrides, RecognizerError> {
        let before = match self.gallery.class(label.as_str()) {
            Ok(class) if definition.keep_others => class.overrides.clone(),
            _ => ClassOverrides::default(),
        };
        if let Some(SenseOverride::Synset(synset)) = definition.sense {
            let names = self.name_knowledge.as_ref().ok_or(RecognizerError::NoNameKnowledge)?;
            names.sense(synset).ok_or(RecognizerError::UnknownSynset(synset))?;
        }
        let sense = definition.sense.or(before.sense);
        let Some(words) = &definition.attributes else {
            return Ok(ClassOverrides { sense, attributes: before.attributes });
        };
        let names = self.name_knowledge.as_ref().ok_or(RecognizerError::NoNameKnowledge)?;
        let meaning = names.meaning_as(label.as_str(), sense);
        let attributes = names.resolve_attributes(words.iter().map(String::as_str), meaning)?;
        Ok(ClassOverrides { sense, attributes: Some(attributes) })
    }

    /// The label of the class with this id; any other text is parsed as a label, whether or
    /// not a class has it.
    fn label(&self, id_or_label: &str) -> Result<Label, RecognizerError> {
        if ClassId::is_form_of(id_or_label) {
            return Ok(self.gallery.class(id_or_label)?.label.clone());
        }
        Ok(Label::parse(id_or_label)?)
    }

    fn info(&self, class: &Class) -> ClassInfo {
        ClassInfo::new(class, self.name_knowledge.as_ref())
    }
}
