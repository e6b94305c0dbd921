//! The accuracy of a bundle on this device: images go through the same decoder, preprocessing and
//! engine as in use, and the episodes are the same as those of an evaluation during training.
//!
//! # Examples
//! ```no_run
//! use edge::embedder::Embedder;
//! use edge::engine::{EngineChoice, EngineOptions};
//! use edge::evaluate::{Evaluation, evaluate};
//! use edge::lexicon::NameKnowledge;
//! use few_shot::evaluation::episode::EpisodeSpec;
//! use few_shot::evaluation::report::Protocol;
//! use models::bundle::{Bundle, BundleLimits};
//! use models::dataset::{Dataset, Split};
//!
//! let folder = "bundles/efficientnet-lite0";
//! let bundle = Bundle::open(folder.as_ref(), &BundleLimits::default())?;
//! let names = NameKnowledge::open(&bundle)?;
//! let mut embedder = Embedder::open(&bundle, EngineChoice::Auto, &EngineOptions::default())?;
//! let dataset = Dataset::open("mini_imagenet.tar.gz".as_ref())?;
//!
//! let spec = EpisodeSpec { n_way: 5, k_shot: 1, n_query: 15 };
//! let protocol = Protocol { split: Split::Novel, half: None, spec, episodes: 600, seed: 7 };
//! let knowledge = names.as_ref();
//! let evaluation = Evaluation { dataset: &dataset, protocol, knowledge, unknown: None };
//! let progress = &mut |done, total| eprintln!("{done} of {total} images");
//! let report = evaluate(&mut embedder, &evaluation, progress)?;
//! for result in &report.results {
//!     println!("{}: {:.3} ± {:.3}", result.fusion, result.accuracy, result.ci95);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use few_shot::decision::DecisionModel;
use few_shot::evaluation::accuracy::EvaluateError as ProtocolError;
use few_shot::evaluation::class_knowledge::ClassKnowledge;
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::junk::{self, JunkEmbeddings};
use few_shot::evaluation::policies::Inputs;
use few_shot::evaluation::report::{Protocol, Report};
use few_shot::evaluation::unknown::UnknownImages;
use models::dataset::{Class, Dataset, DatasetError, ImageRef, Split};
use models::image::Image;
use models::knowledge::descriptor::SemanticDescriptor;
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;

use crate::backbone::EmbedError;
use crate::decoder::ImageDecoder;
use crate::embedder::Embedder;
use crate::lexicon::{Meaning, NameKnowledge, Rule};
use crate::pipeline::ahead;

/// The images that are held as network inputs at a time, while as many are decoded; at 224x224 all
/// of them take 77 MB. No smaller than the largest batch that bundles have today.
const CHUNK: usize = 64;

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The data set or an image of it cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// An image has no embedding.
    #[error("{image}: {source}")]
    Embed {
        /// Its path in the data set, or its class if the engine failed on a batch of images.
        image: String,
        /// The reason.
        source: EmbedError,
    },
    /// The protocol does not fit the data, or the episodes cannot be evaluated.
    #[error(transparent)]
    FewShot(#[from] ProtocolError),
}

/// What is evaluated.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// The images.
    pub dataset: &'a Dataset,
    /// Classes, episodes and seed.
    pub protocol: Protocol,
    /// The meanings of names; without it only the policy `mean` is evaluated.
    pub knowledge: Option<&'a NameKnowledge>,
    /// Images that the galleries of the episodes should reject, if they are measured.
    pub unknown: Option<ToReject>,
}

/// Images that galleries should reject.
#[derive(Debug)]
pub struct ToReject {
    /// Unknown classes of an episode, whose queries are to be rejected.
    pub n_unknown: usize,
    /// What decides; see [`decision::open`](crate::decision::open).
    pub model: Arc<DecisionModel<f32>>,
    /// Whether junk is measured too.
    pub junk: bool,
}

/// Embeds the classes and evaluates the policy `mean` on them, with cosine similarity. With name
/// knowledge it evaluates the other policies as well; the meaning of a class is the synset that the
/// data set gives, or else that of the class name. `progress` is called with the number of embedded
/// images and that of all images.
///
/// # Errors
/// [`EvaluateError`]. A protocol that does not fit the split is refused before images are embedded.
pub fn evaluate(
    embedder: &mut Embedder,
    evaluation: &Evaluation<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report, EvaluateError> {
    let Evaluation { dataset, protocol, knowledge, unknown } = evaluation;
    let classes = protocol.classes(dataset.filled_split(protocol.split)?);
    // Before embedding: embedding a split takes minutes.
    protocol.check(classes.iter().map(|class| (class.name.as_str(), class.images.len())))?;
    if let Some(ToReject { n_unknown, .. }) = unknown {
        protocol.check_unknown(*n_unknown, classes.len())?;
    }
    let embeddings = embed_classes(embedder, dataset, &classes, usize::MAX, progress)?;
    let known = knowledge.map(|names| {
        let descriptors = descriptors(&classes, names);
        ClassKnowledge::new(names.regressor(), &descriptors, protocol.spec.k_shot)
    });
    // The other policies take their inputs from names.
    let inputs = known.as_ref().map_or(Inputs::IMAGES_ONLY, Inputs::of_knowledge);
    let report = protocol.compare(&embeddings, inputs, Conditions::PLAIN)?;
    let Some(unknown) = unknown else { return Ok(report) };
    let images = unknown.images(embedder, protocol.seed)?;
    Ok(protocol.with_unknown(report, &embeddings, inputs, Conditions::PLAIN, &images)?)
}

impl ToReject {
    /// The same with the embeddings of junk, which is drawn with this seed.
    fn images(&self, embedder: &mut Embedder, seed: u64) -> Result<UnknownImages, EvaluateError> {
        let mut junk = Vec::new();
        for (kind, images) in if self.junk { junk::drawn(seed) } else { Vec::new() } {
            let decoder = embedder.decoder();
            let inputs = images.par_iter().map(|image| prepared(decoder, image, kind.to_string()));
            let inputs: Vec<Array3<f32>> = inputs.collect::<Result<_, EvaluateError>>()?;
            let rows = embedder.embed_images(&inputs);
            let rows =
                rows.map_err(|source| EvaluateError::Embed { image: kind.to_string(), source })?;
            junk.push(JunkEmbeddings { kind, rows });
        }
        Ok(UnknownImages { n_unknown: self.n_unknown, model: Arc::clone(&self.model), junk })
    }
}

/// The names of the classes of a protocol that have no WordNet sense. They are evaluated from their
/// images only.
#[must_use]
pub fn nameless<'a>(
    dataset: &'a Dataset,
    protocol: &Protocol,
    knowledge: &NameKnowledge,
) -> Vec<&'a str> {
    let classes = protocol.classes(dataset.split(protocol.split)).into_iter();
    let nameless = classes.filter(|class| meaning(class, knowledge).is_none());
    nameless.map(|class| class.name.as_str()).collect()
}

fn meaning(class: &Class, knowledge: &NameKnowledge) -> Option<Meaning> {
    let given = class.wnid.as_deref().and_then(|wnid| wnid.parse().ok());
    match given.filter(|&synset| knowledge.definition(synset).is_some()) {
        Some(synset) => Some(Meaning { synset, rule: Rule::Override }),
        // The name may still be a noun of this lexicon.
        None => knowledge.read(&class.name),
    }
}

/// What the name regressor predicts the prototype of each class from; an unknown descriptor for a
/// class without a WordNet sense.
#[must_use]
pub fn descriptors(classes: &[&Class], knowledge: &NameKnowledge) -> Vec<SemanticDescriptor> {
    let meanings: Vec<_> = classes.iter().map(|class| meaning(class, knowledge)).collect();
    knowledge.descriptors(&meanings)
}

/// The embeddings of each class of a split, `[images, s]`, in the order of the data set.
///
/// # Errors
/// The first image that cannot be read or embedded.
pub fn embed_split(
    embedder: &mut Embedder,
    dataset: &Dataset,
    split: Split,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Array2<f32>>, EvaluateError> {
    embed_classes(embedder, dataset, &dataset.split(split), usize::MAX, progress)
}

/// The embeddings of at most `most` images of each of these classes, `[images, s]`, evenly spaced
/// over the images of the class. `progress` is called with the number of embedded images and that
/// of all images.
///
/// # Errors
/// The first image that cannot be read or embedded.
pub fn embed_classes(
    embedder: &mut Embedder,
    dataset: &Dataset,
    classes: &[&Class],
    most: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Array2<f32>>, EvaluateError> {
    let total = classes.iter().map(|class| class.images.len().min(most)).sum();
    let size = embedder.manifest().backbone.embedding_size;
    let mut embeddings: Vec<_> = classes.iter().map(|_| Array2::zeros((0, size))).collect();
    let chunks = classes.iter().enumerate().flat_map(|(class, of)| chunks(class, of, most));
    let decoder = embedder.decoder().clone();
    let prepare = |Chunk { class, images }| {
        let inputs = images.par_iter().map(|image| network_input(&decoder, dataset, image));
        (class, inputs.collect::<Result<Vec<Array3<f32>>, EvaluateError>>())
    };
    let mut done = 0;
    ahead(chunks, prepare, |(class, inputs)| {
        let inputs = inputs?;
        let rows = embedder.embed_images(&inputs).map_err(|source| EvaluateError::Embed {
            image: classes[class].name.clone(),
            source,
        })?;
        embeddings[class]
            .append(Axis(0), rows.view())
            .expect("invariant: embeddings of one backbone have one size");
        done += inputs.len();
        progress(done, total);
        Ok::<(), EvaluateError>(())
    })?;
    Ok(embeddings)
}

/// Images of a class that are decoded and embedded together.
struct Chunk<'a> {
    /// Its place in the list of classes.
    class: usize,
    images: Vec<&'a ImageRef>,
}

/// At most `most` images of a class, evenly spaced, in parts.
fn chunks(class: usize, of: &Class, most: usize) -> Vec<Chunk<'_>> {
    let taken = of.images.len().min(most);
    let images: Vec<&ImageRef> =
        (0..taken).map(|image| &of.images[image * of.images.len() / taken]).collect();
    images.chunks(CHUNK).map(|images| Chunk { class, images: images.to_vec() }).collect()
}

/// An image of the data set, decoded and preprocessed: `[3, h, w]`.
fn network_input(
    decoder: &ImageDecoder,
    dataset: &Dataset,
    image: &ImageRef,
) -> Result<Array3<f32>, EvaluateError> {
    let pixels = dataset.image(image, decoder.limits(), decoder.detail())?;
    prepared(decoder, &pixels, image.path().to_owned())
}

/// An image, preprocessed: `[3, h, w]`. `name` is for an error.
fn prepared(
    decoder: &ImageDecoder,
    image: &Image,
    name: String,
) -> Result<Array3<f32>, EvaluateError> {
    let prepared = decoder.prepare(image);
    prepared.map_err(|error| EvaluateError::Embed { image: name, source: error.into() })
}
