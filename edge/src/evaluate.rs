//! The accuracy of a bundle as it runs on this device: images go through the deployed path
//! (decoder, preprocessing, engine), and the same episodes are drawn as in training.

use few_shot::evaluation::accuracy::EvaluateError as ProtocolError;
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::policies::Inputs;
use few_shot::evaluation::report::{Protocol, Report};
use models::dataset::{Class, Dataset, DatasetError, ImageRef, Split};
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;

use crate::backbone::EmbedError;
use crate::decoder::ImageDecoder;
use crate::embedder::Embedder;
use crate::lexicon::{Meaning, NameKnowledge, Rule};

/// Images held in memory as network inputs at a time.
const CHUNK: usize = 256;

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// An image cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// An image has no embedding.
    #[error("{image}: {source}")]
    Embed {
        /// Its path in the data set, or its class if the engine failed on a batch of images.
        image: String,
        /// Why.
        source: EmbedError,
    },
    /// The protocol does not fit the data, or the episodes cannot be evaluated.
    #[error(transparent)]
    FewShot(#[from] ProtocolError),
}

/// Embeds the split and evaluates mean prototypes and cosine on it; with `knowledge` every other
/// policy as well, each class known by the synset that the data set gives or else by its name.
/// `progress` hears how many images of how many are embedded.
///
/// # Errors
/// [`EvaluateError`]; a protocol that does not fit is told before anything is embedded.
pub fn evaluate(
    embedder: &mut Embedder,
    knowledge: Option<&NameKnowledge>,
    dataset: &Dataset,
    protocol: Protocol,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report, EvaluateError> {
    let classes = dataset.filled_split(protocol.split)?;
    protocol.check(classes.iter().map(|class| (class.name.as_str(), class.images.len())))?;
    let embeddings = embed_split(embedder, dataset, protocol.split, progress)?;
    let Some(knowledge) = knowledge else { return Ok(protocol.report(&embeddings)?) };
    let meanings: Vec<_> = classes.iter().map(|class| meaning(class, knowledge)).collect();
    let known = knowledge.class_knowledge(&meanings, protocol.spec.k_shot);
    Ok(protocol.compare(&embeddings, Inputs::of_knowledge(&known), Conditions::PLAIN)?)
}

/// The classes of a split that have no WordNet sense: they are evaluated without name knowledge.
#[must_use]
pub fn nameless<'a>(dataset: &'a Dataset, split: Split, knowledge: &NameKnowledge) -> Vec<&'a str> {
    let classes = dataset.split(split).into_iter();
    let nameless = classes.filter(|class| meaning(class, knowledge).is_none());
    nameless.map(|class| class.name.as_str()).collect()
}

fn meaning(class: &Class, knowledge: &NameKnowledge) -> Option<Meaning> {
    let given = class.wnid.as_deref().and_then(|wnid| wnid.parse().ok());
    match given.filter(|&synset| knowledge.definition(synset).is_some()) {
        Some(synset) => Some(Meaning { synset, rule: Rule::Override }),
        None => knowledge.read(&class.name.replace('_', " ")),
    }
}

/// The embeddings `[images, embedding_size]` of each class of a split, in the data set's order.
///
/// # Errors
/// The first image that cannot be read or embedded.
pub fn embed_split(
    embedder: &mut Embedder,
    dataset: &Dataset,
    split: Split,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Array2<f32>>, EvaluateError> {
    let classes = dataset.split(split);
    let total = classes.iter().map(|class| class.images.len()).sum();
    let mut done = 0;
    let mut embeddings = Vec::new();
    for class in classes {
        embeddings.push(embed_class(embedder, dataset, class, &mut |images| {
            done += images;
            progress(done, total);
        })?);
    }
    Ok(embeddings)
}

fn embed_class(
    embedder: &mut Embedder,
    dataset: &Dataset,
    class: &Class,
    count: &mut dyn FnMut(usize),
) -> Result<Array2<f32>, EvaluateError> {
    let mut rows = Array2::zeros((0, embedder.manifest().backbone.embedding_size));
    for images in class.images.chunks(CHUNK) {
        let decoder = embedder.decoder();
        let inputs = images.par_iter().map(|image| network_input(decoder, dataset, image));
        let inputs: Vec<Array3<f32>> = inputs.collect::<Result<_, EvaluateError>>()?;
        let embedded = embedder.embed_images(&inputs);
        let embedded = embedded
            .map_err(|source| EvaluateError::Embed { image: class.name.clone(), source })?;
        rows.append(Axis(0), embedded.view())
            .expect("invariant: embeddings of one backbone have one size");
        count(images.len());
    }
    Ok(rows)
}

/// An image of the data set, decoded and preprocessed: `[3, h, w]`.
fn network_input(
    decoder: &ImageDecoder,
    dataset: &Dataset,
    image: &ImageRef,
) -> Result<Array3<f32>, EvaluateError> {
    let pixels = dataset.image(image, decoder.limits())?;
    decoder.prepare(&pixels).map_err(|error| EvaluateError::Embed {
        image: image.path().to_owned(),
        source: error.into(),
    })
}
