//! What the owner thread owns: the embedder, the knowledge of names and the gallery, and the work done with them.
//!
//! Nothing here knows HTTP. Each call is one command of the [`crate::jobs::engine_thread`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge::attention::Attention;
use edge::classifier::{Candidate, Classifier, Neighbor};
use edge::decoder::DecodedImage;
use edge::embedder::{Embedded, Embedder};
use edge::explain::{AttributeWeight, Explanation, explain};
use edge::gallery::{
    self, ClassId, ClassOverrides, Gallery, GalleryError, Label, NewExample, Outcome, SenseOverride,
};
use edge::lexicon::{self, AttributeError, LookedUp, Meaning, MeaningInfo, NameKnowledge};
use few_shot::fusion::{Fusion, Setting};
use models::hex;
use models::image::Warning;
use models::knowledge::wordnet::{NotASynset, SynsetId};

use crate::http::problem::{Code, Problem};
use crate::jobs::uploads::Upload;
use crate::metrics::{Metrics, Stage};
use crate::wire;

/// The embedder, the gallery, and what was computed from the gallery at its present revision.
pub struct Station {
    embedder: Embedder,
    knowledge: Option<NameKnowledge>,
    attention: Option<Attention>,
    gallery: Gallery,
    known: Known,
    metrics: Arc<Metrics>,
}

/// What must hold for a class to be defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing in particular.
    Anything,
    /// The gallery is at this revision.
    Revision(u64),
    /// The class exists.
    Class,
    /// It does not.
    NoClass,
}

/// How images are classified.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// The most candidates of each.
    pub top: usize,
    /// Say what the best answer rests on.
    pub explain: bool,
    /// Let the images help to judge one another.
    pub transductive: bool,
}

/// Computed from the gallery; valid for one revision.
struct Known {
    revision: u64,
    classes: Vec<wire::Class>,
    classifier: Classifier,
}

impl Known {
    fn read(gallery: &Gallery, knowledge: Option<&NameKnowledge>) -> Result<Self, GalleryError> {
        let classes = gallery.classes();
        Ok(Self {
            revision: gallery.revision(),
            classes: classes.iter().map(|found| class(found, knowledge)).collect(),
            classifier: Classifier::new(&classes, knowledge),
        })
    }
}

impl Station {
    /// Joins an embedder, what its bundle knows of names, and a gallery of its space.
    ///
    /// # Errors
    /// When the gallery cannot be read.
    pub fn new(
        embedder: Embedder,
        knowledge: Option<NameKnowledge>,
        gallery: Gallery,
        metrics: Arc<Metrics>,
    ) -> Result<Self, GalleryError> {
        let known = Known::read(&gallery, knowledge.as_ref())?;
        Ok(Self { embedder, knowledge, attention: None, gallery, known, metrics })
    }

    /// With what weighs attributes in explanations.
    #[must_use]
    pub fn with_attention(self, attention: Option<Attention>) -> Self {
        Self { attention, ..self }
    }

    /// The gallery's size and settings.
    ///
    /// # Errors
    /// When the gallery cannot be read.
    pub fn summary(&mut self) -> Result<wire::Gallery, Problem> {
        let known = self.known()?;
        Ok(wire::Gallery {
            gallery: "default".to_owned(),
            fusion: known.classifier.fusion().to_string(),
            classes: known.classes.len(),
            examples: known.classes.iter().map(|class| class.examples).sum(),
            revision: known.revision,
        })
    }

    /// Every class, sorted by label.
    ///
    /// # Errors
    /// When the gallery cannot be read.
    pub fn classes(&mut self) -> Result<wire::Classes, Problem> {
        let known = self.known()?;
        Ok(wire::Classes { classes: known.classes.clone(), revision: known.revision })
    }

    /// The class with this id or label.
    ///
    /// # Errors
    /// `unknown_class`.
    pub fn class(&self, id_or_label: &str) -> Result<wire::OneClass, Problem> {
        let found = self.gallery.class(id_or_label)?;
        Ok(self.one(&found))
    }

    /// Gives a class another label, if the gallery is still at `expected`.
    ///
    /// # Errors
    /// `bad_name`, `unknown_class`, `conflict`, `precondition_failed`.
    pub fn rename(
        &mut self,
        id_or_label: &str,
        label: &str,
        expected: Option<u64>,
    ) -> Result<wire::OneClass, Problem> {
        let label = Label::parse(label)?;
        self.expect(expected)?;
        let renamed = self.gallery.rename(id_or_label, &label)?;
        Ok(self.one(&renamed))
    }

    /// Deletes a class with all it learned, if the gallery is still at `expected`.
    ///
    /// # Errors
    /// `unknown_class`, `precondition_failed`.
    pub fn delete(
        &mut self,
        id_or_label: &str,
        expected: Option<u64>,
    ) -> Result<wire::OneClass, Problem> {
        self.expect(expected)?;
        let deleted = self.gallery.delete(id_or_label)?;
        Ok(self.one(&deleted))
    }

    /// Makes a class without images, or says what a class means, if all is as `expected`. Returns the class, and whether
    /// it is new.
    ///
    /// # Errors
    /// `bad_name`, `bad_request`, `no_lexicon`, `unknown_synset` (also for an attribute), `precondition_failed`, `store_full`.
    pub fn define(
        &mut self,
        id_or_label: &str,
        definition: &wire::ClassDefinition,
        expected: Expected,
    ) -> Result<(wire::OneClass, bool), Problem> {
        let label = self.label(id_or_label)?;
        let meaning = self.said(definition)?;
        let attributes = self.attributes(definition, label.as_str(), meaning)?;
        let said = ClassOverrides { sense: meaning, attributes };
        let exists = self.gallery.class(label.as_str()).is_ok();
        match expected {
            Expected::Anything => {}
            Expected::Revision(revision) => self.expect(Some(revision))?,
            Expected::Class if exists => {}
            Expected::NoClass if !exists => {}
            Expected::Class => {
                return Err(Problem::new(
                    Code::PreconditionFailed,
                    format!("There is no class {label}."),
                ));
            }
            Expected::NoClass => {
                let detail = format!("There is a class {label} already; nothing was changed.");
                return Err(Problem::new(Code::PreconditionFailed, detail));
            }
        }
        let (class, is_new) = self.gallery.define(&label, said)?;
        Ok((self.one(&class), is_new))
    }

    fn said(&self, definition: &wire::ClassDefinition) -> Result<Option<SenseOverride>, Problem> {
        let wire::ClassDefinition { synset, images_only, .. } = definition;
        let Some(synset) = synset else {
            return Ok(images_only.then_some(SenseOverride::ImagesOnly));
        };
        if *images_only {
            let detail = "synset and images_only: expected one of them, got both.";
            return Err(Problem::new(Code::BadRequest, detail));
        }
        let unknown = |detail: String| Problem::new(Code::UnknownSynset, detail);
        let synset = synset.parse().map_err(|e: NotASynset| unknown(format!("{e}.")))?;
        match self.knowledge()?.sense(synset) {
            Some(_) => Ok(Some(SenseOverride::Synset(synset))),
            None => {
                Err(unknown(format!("{synset}: GET /v1/lexicon?q= lists the nouns of a word.")))
            }
        }
    }

    fn attributes(
        &self,
        definition: &wire::ClassDefinition,
        label: &str,
        said: Option<SenseOverride>,
    ) -> Result<Option<BTreeSet<SynsetId>>, Problem> {
        let Some(words) = &definition.attributes else { return Ok(None) };
        let knowledge = self.knowledge()?;
        let words = words.iter().map(String::as_str);
        let said = knowledge.resolve_attributes(words, knowledge.meaning_as(label, said));
        said.map(Some).map_err(|e| {
            let code = match e {
                AttributeError::Unknown(_) => Code::UnknownSynset,
                _ => Code::BadRequest,
            };
            Problem::new(code, format!("attributes: {e}."))
        })
    }

    /// The meanings of a noun.
    ///
    /// # Errors
    /// `no_lexicon`.
    pub fn senses(&self, noun: &str) -> Result<wire::Senses, Problem> {
        let knowledge = self.knowledge()?;
        let (senses, default_sense) = match knowledge.look_up(noun) {
            Some(LookedUp { senses, default_sense, .. }) => (senses, default_sense),
            None => (Vec::new(), None),
        };
        let senses = senses.into_iter().filter_map(|id| knowledge.sense(id));
        let senses = senses.map(|sense| wire::Sense {
            synset: sense.synset.to_string(),
            lemmas: sense.lemmas,
            gloss: sense.gloss,
            kind_of: sense.kind_of,
            attributes: parts(sense.attributes),
            vector: sense.has_vector,
        });
        Ok(wire::Senses {
            q: noun.to_owned(),
            default_sense: default_sense.map(|synset| synset.to_string()),
            senses: senses.collect(),
        })
    }

    fn knowledge(&self) -> Result<&NameKnowledge, Problem> {
        let without = "This bundle has no name knowledge; classes are learned from images only.";
        self.knowledge.as_ref().ok_or_else(|| Problem::new(Code::NoLexicon, without))
    }

    fn one(&self, found: &gallery::Class) -> wire::OneClass {
        let class = class(found, self.knowledge.as_ref());
        wire::OneClass { class, revision: self.gallery.revision() }
    }

    /// The embedding of one image.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn embed(&mut self, image: DecodedImage) -> Result<Embedded, Problem> {
        let embedded = self.embedder.embed_decoded(image)?;
        self.observe(&embedded);
        Ok(embedded)
    }

    /// Whether images could become examples of a class, before work is spent on them.
    ///
    /// # Errors
    /// `bad_name`, `unknown_class` without `create`.
    pub fn check_enroll(&self, id_or_label: &str, create: bool) -> Result<(), Problem> {
        let label = self.label(id_or_label)?;
        if !create {
            self.gallery.class(label.as_str())?;
        }
        Ok(())
    }

    /// Makes the images examples of a class: all of them or none.
    ///
    /// # Errors
    /// `bad_name`, `unknown_class` without `create`, `store_full`.
    pub fn enroll(
        &mut self,
        id_or_label: &str,
        embedded: &[Embedded],
        create: bool,
    ) -> Result<wire::Enrolled, Problem> {
        let label = self.label(id_or_label)?;
        let precision = self.embedder.precision().to_string();
        let examples = embedded.iter().map(|image| new_example(image, &precision)).collect();
        let enrolled = self.gallery.enroll(&label, examples, create)?;
        let outcomes = enrolled.outcomes.iter().zip(embedded);
        Ok(wire::Enrolled {
            class: class(&enrolled.class, self.knowledge.as_ref()),
            examples: outcomes.map(|(outcome, embedded)| example(outcome, embedded)).collect(),
            revision: enrolled.revision,
        })
    }

    /// The classes closest to each image.
    ///
    /// # Errors
    /// When the gallery cannot be read.
    pub fn classify(
        &mut self,
        uploads: &[Upload],
        embedded: Vec<Embedded>,
        how: How,
    ) -> Result<wire::Classified, Problem> {
        let start = Instant::now();
        let classifier = &self.known()?.classifier;
        let embeddings: Vec<&[f32]> =
            embedded.iter().map(|image| image.embedding.as_slice()).collect();
        let (fusion, setting, ranked) = if how.transductive {
            let ranked = classifier.classify_together(&embeddings, how.top);
            (Fusion::SoftKMeans, Setting::Transductive, ranked)
        } else {
            let ranked = embeddings.iter().map(|e| classifier.classify(e, how.top)).collect();
            (classifier.fusion(), Setting::Inductive, ranked)
        };
        let classify = start.elapsed();
        let timing_ms =
            wire::Timing { classify: Some(milliseconds(classify)), ..timing(&embedded) };
        let images = uploads.iter().zip(&embedded).zip(ranked);
        let results = images.map(|((upload, image), ranked)| {
            let best = ranked.first().filter(|_| how.explain);
            let explanation =
                best.map(|best| self.explanation(best, &image.embedding)).transpose()?;
            Ok(wire::ClassifiedImage { explanation, ..result(upload, image, ranked) })
        });
        let results = results.collect::<Result<_, Problem>>()?;
        Ok(wire::Classified {
            results,
            fusion: fusion.to_string(),
            setting: setting.to_string(),
            unlabeled: if how.transductive { embedded.len() } else { 0 },
            model: self.model(),
            timing_ms,
        })
    }

    /// The embedding of each image, as the client sees it.
    #[must_use]
    pub fn embeddings(&self, uploads: &[Upload], embedded: Vec<Embedded>) -> wire::Embedded {
        let timing_ms = timing(&embedded);
        let images = uploads.iter().zip(embedded);
        let results = images.map(|(upload, image)| wire::EmbeddedImage {
            file: upload.file.clone(),
            warnings: warnings(&image.warnings),
            embedding: image.embedding,
        });
        wire::Embedded { results: results.collect(), model: self.model(), timing_ms }
    }

    fn explanation(
        &mut self,
        best: &Candidate,
        embedding: &[f32],
    ) -> Result<wire::Explanation, Problem> {
        let class = self.gallery.class(&best.class_id.to_string())?;
        let (knowledge, attention) = (self.knowledge.as_ref(), self.attention.as_mut());
        let Explanation { knowledge: share, meaning: found, attributes, nearest } =
            explain(best, &class, embedding, knowledge, attention)?;
        let attribute = |AttributeWeight { name, weight }| wire::AttributeWeight { name, weight };
        let near = |near: Neighbor| wire::Neighbor {
            example: near.example_id.to_string(),
            similarity: near.similarity,
        };
        Ok(wire::Explanation {
            share: wire::Shares { images: 1.0 - share, knowledge: share },
            meaning: found.map(wire_meaning),
            attributes: attributes.into_iter().map(attribute).collect(),
            nearest: nearest.into_iter().map(near).collect(),
        })
    }

    fn observe(&self, embedded: &Embedded) {
        self.metrics.stage(Stage::Decode, embedded.timing.decode);
        self.metrics.stage(Stage::Preprocess, embedded.timing.preprocess);
        self.metrics.stage(Stage::Embed, embedded.timing.embed);
    }

    /// The label that an id or a label in a path stands for.
    fn label(&self, id_or_label: &str) -> Result<Label, Problem> {
        if id_or_label.parse::<ClassId>().is_ok() {
            return Ok(self.gallery.class(id_or_label)?.label.clone());
        }
        Ok(Label::parse(id_or_label)?)
    }

    fn expect(&self, expected: Option<u64>) -> Result<(), Problem> {
        let revision = self.gallery.revision();
        match expected {
            Some(expected) if expected != revision => Err(Problem::new(
                Code::PreconditionFailed,
                format!(
                    "The gallery is at revision {revision}, not {expected}: read it again first."
                ),
            )),
            _ => Ok(()),
        }
    }

    fn known(&mut self) -> Result<&Known, Problem> {
        if self.known.revision != self.gallery.revision() {
            self.known = Known::read(&self.gallery, self.knowledge.as_ref())?;
        }
        Ok(&self.known)
    }

    fn model(&self) -> wire::Model {
        let manifest = self.embedder.manifest();
        wire::Model {
            bundle: manifest.name.clone(),
            precision: self.embedder.precision().to_string(),
            provider: self.embedder.provider().to_string(),
        }
    }
}

fn class(class: &gallery::Class, knowledge: Option<&NameKnowledge>) -> wire::Class {
    let found = knowledge.and_then(|knowledge| knowledge.meaning(class));
    let attributes = knowledge.map(|knowledge| parts(knowledge.listed_attributes(class)));
    wire::Class {
        id: class.id.to_string(),
        label: class.label.to_string(),
        examples: class.examples.len(),
        provisional: class.examples.is_empty(),
        images_only: class.overrides.sense == Some(SenseOverride::ImagesOnly),
        attributes: attributes.unwrap_or_default(),
        attributes_overridden: class.overrides.attributes.is_some(),
        meaning: found.and_then(|found| meaning(found, knowledge)),
    }
}

fn parts(parts: Vec<lexicon::Attribute>) -> Vec<wire::Attribute> {
    let part =
        |lexicon::Attribute { synset, name }| wire::Attribute { synset: synset.to_string(), name };
    parts.into_iter().map(part).collect()
}

fn wire_meaning(found: MeaningInfo) -> wire::Meaning {
    let MeaningInfo { synset, rule, lemmas, gloss } = found;
    wire::Meaning { synset: synset.to_string(), rule: rule.as_str(), lemmas, gloss }
}

fn meaning(found: Meaning, knowledge: Option<&NameKnowledge>) -> Option<wire::Meaning> {
    let (lemmas, gloss) = knowledge?.definition(found.synset)?;
    let (synset, rule) = (found.synset.to_string(), found.rule.as_str());
    Some(wire::Meaning { synset, rule, lemmas, gloss })
}

fn new_example(embedded: &Embedded, precision: &str) -> NewExample {
    NewExample {
        sha256: embedded.sha256,
        embedding: embedded.embedding.clone(),
        precision: precision.to_owned(),
    }
}

fn example(outcome: &Outcome, embedded: &Embedded) -> wire::EnrolledExample {
    let id = outcome.example_id.to_string();
    wire::EnrolledExample {
        duplicate_of: outcome.duplicate.then(|| id.clone()),
        id,
        sha256: hex::encode(&embedded.sha256),
        warnings: warnings(&embedded.warnings),
    }
}

fn result(upload: &Upload, embedded: &Embedded, ranked: Vec<Candidate>) -> wire::ClassifiedImage {
    let label = ranked.first().map(|best| best.label.to_string());
    wire::ClassifiedImage {
        file: upload.file.clone(),
        decision: if label.is_some() { wire::Decision::Accepted } else { wire::Decision::Empty },
        label,
        candidates: ranked.into_iter().map(candidate).collect(),
        explanation: None,
        warnings: warnings(&embedded.warnings),
    }
}

fn candidate(candidate: Candidate) -> wire::Candidate {
    wire::Candidate {
        class: candidate.class_id.to_string(),
        label: candidate.label.to_string(),
        score: candidate.rank().min(1.0),
        examples: candidate.examples,
        knowledge: candidate.knowledge,
    }
}

fn warnings(warnings: &[Warning]) -> Vec<wire::Warning> {
    let on_wire = |warning: &Warning| wire::Warning {
        code: warning.code.to_owned(),
        detail: warning.detail.clone(),
    };
    warnings.iter().map(on_wire).collect()
}

fn timing(embedded: &[Embedded]) -> wire::Timing {
    let sum = |part: fn(&Embedded) -> Duration| milliseconds(embedded.iter().map(part).sum());
    wire::Timing {
        decode: sum(|e| e.timing.decode),
        preprocess: sum(|e| e.timing.preprocess),
        embed: sum(|e| e.timing.embed),
        classify: None,
    }
}

/// Microseconds are the finest that means something here.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
