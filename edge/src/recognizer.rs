//! The front door of the library: one bundle, its engine, its name knowledge and one gallery.
//!
//! [`Recognizer::open`] finds all of them from [`DeviceSettings`](crate::device::DeviceSettings).
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
//!     let embedded = recognizer.embed(&image)?;
//!     recognizer.enroll(label, &[embedded], true)?;
//! }
//! let query = recognizer.embed(&drawn([180, 10, 10])?)?;
//! let found = recognizer.classify(&[query], ClassifyOptions::default())?;
//! assert_eq!(found.answers[0].candidates[0].label.as_str(), "red");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::time::Instant;

use models::bundle::{Bundle, Manifest};
use models::image::ImageLimits;

use crate::attention::Attention;
use crate::classifier::Candidate;
use crate::decoder::{DecodedImage, ImageDecoder};
use crate::embedder::{Embedded, Embedder};
use crate::engine::{EngineChoice, EngineOptions};
use crate::explain::{self, Explanation};
use crate::gallery::{Class, ClassId, ClassOverrides, Gallery, Label, NewExample, SenseOverride};
use crate::lexicon::NameKnowledge;

mod error;
mod networks;
mod precondition;
mod snapshot;
mod values;

use networks::Networks;
use snapshot::Snapshot;

pub use error::RecognizerError;
pub use networks::{Availability, EngineInfo};
pub use precondition::Precondition;
pub use values::{
    Answer, ClassDefinition, ClassInfo, Classification, ClassifyOptions, Enrolled, GallerySummary,
    Senses,
};

/// The fewest images that can be classified together.
const MIN_TRANSDUCTIVE: usize = 2;

/// A bundle, its engine, its name knowledge and a gallery.
pub struct Recognizer {
    decoder: ImageDecoder,
    networks: Networks,
    names: Option<NameKnowledge>,
    name_knowledge: Availability,
    gallery: Gallery,
    /// What was computed from the gallery, and at which revision.
    snapshot: Option<Snapshot>,
}

impl Recognizer {
    /// Joins a bundle and a gallery of its space. A bundle whose name knowledge cannot be read
    /// works without it; [`Recognizer::names`] has the reason.
    #[must_use]
    pub fn new(
        bundle: Bundle,
        choice: EngineChoice,
        options: EngineOptions,
        gallery: Gallery,
    ) -> Self {
        let opened = NameKnowledge::open(&bundle);
        let name_knowledge = match &opened {
            Ok(Some(_)) => Availability::Ready,
            Ok(None) => Availability::Absent,
            Err(error) => Availability::Failed(error.to_string()),
        };
        let names = opened.ok().flatten();
        let decoder = ImageDecoder::new(&bundle.manifest);
        let networks = Networks::new(bundle, choice, options, names.is_some());
        Self { decoder, networks, names, name_knowledge, gallery, snapshot: None }
    }

    /// Joins parts that are open already.
    #[must_use]
    pub fn from_parts(
        embedder: Embedder,
        names: Option<NameKnowledge>,
        attention: Option<Attention>,
        gallery: Gallery,
    ) -> Self {
        let name_knowledge =
            if names.is_some() { Availability::Ready } else { Availability::Absent };
        let decoder = embedder.decoder().clone();
        let networks = Networks::started(embedder, attention);
        Self { decoder, networks, names, name_knowledge, gallery, snapshot: None }
    }

    /// The same with other limits for images.
    #[must_use]
    pub fn with_image_limits(self, limits: ImageLimits) -> Self {
        Self { decoder: self.decoder.with_limits(limits), ..self }
    }

    /// Starts the engine of the backbone and, if the bundle has it, the one that weighs attributes.
    /// Without this call each starts when it is first needed.
    ///
    /// # Errors
    /// [`RecognizerError::Select`] if no engine runs the backbone.
    pub fn start(&mut self) -> Result<&EngineInfo, RecognizerError> {
        self.networks.attention();
        Ok(&self.networks.embedder()?.1)
    }

    /// The engine of the backbone; `None` before it has started.
    #[must_use]
    pub fn engine(&self) -> Option<&EngineInfo> {
        self.networks.engine()
    }

    /// The manifest of the bundle.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.networks.manifest()
    }

    /// Whether class names are looked up.
    #[must_use]
    pub fn names(&self) -> &Availability {
        &self.name_knowledge
    }

    /// The name knowledge of the bundle.
    #[must_use]
    pub fn name_knowledge(&self) -> Option<&NameKnowledge> {
        self.names.as_ref()
    }

    /// Whether explanations weigh attributes.
    #[must_use]
    pub fn attribute_weights(&self) -> &Availability {
        self.networks.attribute_weights()
    }

    /// Decodes images for this bundle; it can be cloned and used on other threads.
    #[must_use]
    pub fn decoder(&self) -> &ImageDecoder {
        &self.decoder
    }

    /// Decodes and embeds one image file.
    ///
    /// # Errors
    /// [`RecognizerError::Embed`]; [`RecognizerError::Select`] if no engine runs the backbone.
    pub fn embed(&mut self, bytes: &[u8]) -> Result<Embedded, RecognizerError> {
        let image = self.decoder.decode(bytes)?;
        self.embed_decoded(image)
    }

    /// Embeds an image that [`Recognizer::decoder`] has decoded.
    ///
    /// # Errors
    /// [`RecognizerError::Embed`]; [`RecognizerError::Select`] if no engine runs the backbone.
    pub fn embed_decoded(&mut self, image: DecodedImage) -> Result<Embedded, RecognizerError> {
        Ok(self.networks.embedder()?.0.embed_decoded(image)?)
    }

    /// Grows by one with each call that changes the gallery.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.gallery.revision()
    }

    /// The size and state of the gallery.
    pub fn summary(&mut self) -> GallerySummary {
        self.snapshot().summary()
    }

    /// Every class, sorted by label.
    pub fn classes(&mut self) -> &[ClassInfo] {
        &self.snapshot().classes
    }

    /// The class with this id or label.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is none.
    pub fn class(&self, id_or_label: &str) -> Result<ClassInfo, RecognizerError> {
        Ok(self.info(self.gallery.class(id_or_label)?))
    }

    /// Whether images could be enrolled in this class, before they are embedded.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::Gallery`] if the class does not exist and
    /// `create` is false.
    pub fn check_enroll(&self, id_or_label: &str, create: bool) -> Result<(), RecognizerError> {
        let label = self.label(id_or_label)?;
        if !create {
            self.gallery.class(label.as_str())?;
        }
        Ok(())
    }

    /// Adds images to a class, all or none. A label that is new creates a class if `create`.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::Select`] if no engine runs the backbone;
    /// [`RecognizerError::Gallery`] if the class does not exist and `create` is false, or if the
    /// store cannot be written.
    pub fn enroll(
        &mut self,
        id_or_label: &str,
        images: &[Embedded],
        create: bool,
    ) -> Result<Enrolled, RecognizerError> {
        let label = self.label(id_or_label)?;
        let precision = match images {
            [] => String::new(),
            _ => self.networks.embedder()?.1.precision.to_string(),
        };
        let examples = images.iter().map(|image| NewExample {
            sha256: image.sha256,
            embedding: image.embedding.clone(),
            precision: precision.clone(),
        });
        let enrolled = self.gallery.enroll(&label, examples.collect(), create)?;
        Ok(Enrolled {
            class: self.info(&enrolled.class),
            outcomes: enrolled.outcomes,
            revision: enrolled.revision,
        })
    }

    /// Sets the sense and the attributes of a class, which is created without images if it does not
    /// exist. Returns the class, and whether it is new.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::NoNameKnowledge`];
    /// [`RecognizerError::UnknownSynset`]; [`RecognizerError::Attributes`]; the precondition;
    /// [`RecognizerError::Gallery`] if the store cannot be written.
    pub fn define(
        &mut self,
        id_or_label: &str,
        definition: &ClassDefinition,
        precondition: Precondition,
    ) -> Result<(ClassInfo, bool), RecognizerError> {
        let label = self.label(id_or_label)?;
        let overrides = self.overrides(&label, definition)?;
        precondition.check(&self.gallery, &label)?;
        let (class, is_new) = self.gallery.define(&label, overrides)?;
        Ok((self.info(&class), is_new))
    }

    /// Gives a class another label.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; the precondition; [`RecognizerError::Gallery`] if the class does
    /// not exist, if another class has the label, or if the store cannot be written.
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

    /// Deletes a class with its examples and returns what it was.
    ///
    /// # Errors
    /// The precondition; [`RecognizerError::Gallery`] if the class does not exist, or if the store
    /// cannot be written.
    pub fn delete(
        &mut self,
        id_or_label: &str,
        precondition: Precondition,
    ) -> Result<ClassInfo, RecognizerError> {
        precondition.check_existing(&self.gallery, id_or_label)?;
        let deleted = self.gallery.delete(id_or_label)?;
        Ok(self.info(&deleted))
    }

    /// The classes that each image may show. Without classes every answer is empty.
    ///
    /// # Errors
    /// [`RecognizerError::TooFewImages`] for one transductive image; [`RecognizerError::Attention`]
    /// if an engine that has started fails now.
    pub fn classify(
        &mut self,
        images: &[Embedded],
        options: ClassifyOptions,
    ) -> Result<Classification, RecognizerError> {
        if options.transductive && images.len() < MIN_TRANSDUCTIVE {
            return Err(RecognizerError::TooFewImages(images.len()));
        }
        let start = Instant::now();
        let embeddings: Vec<&[f32]> = images.iter().map(|image| &image.embedding[..]).collect();
        let mut found = self.snapshot().classify(&embeddings, options);
        found.elapsed = start.elapsed();
        if options.explain {
            for (answer, embedding) in found.answers.iter_mut().zip(embeddings) {
                let best = answer.candidates.first();
                answer.explanation = best.map(|best| self.explain(best, embedding)).transpose()?;
            }
        }
        Ok(found)
    }

    /// Explains why an image, of which this is the raw embedding `[s]`, is this candidate.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the class is gone; [`RecognizerError::Attention`] if an
    /// engine that has started fails now.
    pub fn explain(
        &mut self,
        best: &Candidate,
        embedding: &[f32],
    ) -> Result<Explanation, RecognizerError> {
        let class = self.gallery.class(&best.class_id.to_string())?;
        let names = self.names.as_ref();
        Ok(explain::explain(best, class, embedding, names, self.networks.attention())?)
    }

    /// The senses of a noun.
    ///
    /// # Errors
    /// [`RecognizerError::NoNameKnowledge`].
    pub fn senses(&self, noun: &str) -> Result<Senses, RecognizerError> {
        let names = self.names.as_ref().ok_or(RecognizerError::NoNameKnowledge)?;
        let found = names.look_up(noun);
        let default_sense = found.as_ref().and_then(|found| found.default_sense);
        let senses = found.into_iter().flat_map(|found| found.senses);
        let senses = senses.filter_map(|synset| names.sense(synset)).collect();
        Ok(Senses { noun: noun.to_owned(), default_sense, senses })
    }

    /// The overrides that a definition makes of those that the class has.
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
            let names = self.names.as_ref().ok_or(RecognizerError::NoNameKnowledge)?;
            names.sense(synset).ok_or(RecognizerError::UnknownSynset(synset))?;
        }
        let sense = definition.sense.or(before.sense);
        let Some(words) = &definition.attributes else {
            return Ok(ClassOverrides { sense, attributes: before.attributes });
        };
        let names = self.names.as_ref().ok_or(RecognizerError::NoNameKnowledge)?;
        let meaning = names.meaning_as(label.as_str(), sense);
        let attributes = names.resolve_attributes(words.iter().map(String::as_str), meaning)?;
        Ok(ClassOverrides { sense, attributes: Some(attributes) })
    }

    /// The label that an id or a label stands for.
    fn label(&self, id_or_label: &str) -> Result<Label, RecognizerError> {
        if id_or_label.parse::<ClassId>().is_ok() {
            return Ok(self.gallery.class(id_or_label)?.label.clone());
        }
        Ok(Label::parse(id_or_label)?)
    }

    fn info(&self, class: &Class) -> ClassInfo {
        ClassInfo::new(class, self.names.as_ref())
    }

    fn snapshot(&mut self) -> &Snapshot {
        let revision = self.gallery.revision();
        let is_current = self.snapshot.as_ref().is_some_and(|s| s.revision == revision);
        if !is_current {
            self.snapshot = Some(Snapshot::of(&self.gallery, self.names.as_ref()));
        }
        self.snapshot.as_ref().expect("invariant: it was just computed")
    }
}
