//! The accuracy of a bundle as it runs on this device: pictures go through the deployed path
//! (decoder, preprocessing, engine), and the same episodes are drawn as in training.

use models::dataset::{Class, Dataset, DatasetError, PictureRef, Split};
use models::few_shot::compare::{Conditions, Known};
use models::few_shot::evaluate::{self as few_shot, Protocol, Report};
use ndarray::{Array2, Array3, Axis, concatenate};
use rayon::prelude::*;

use crate::embedder::{EmbedError, Embedder};
use crate::knowledge::{Knowledge, Meaning, Rule};

/// Pictures held in memory as network inputs at a time.
const CHUNK: usize = 256;

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// A picture cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A picture has no embedding.
    #[error("{picture}: {source}")]
    Embed {
        /// Its path in the data set.
        picture: String,
        /// Why.
        source: EmbedError,
    },
    /// The protocol does not fit the data, or the episodes cannot be evaluated.
    #[error(transparent)]
    FewShot(#[from] few_shot::EvaluateError),
}

impl EvaluateError {
    /// True if the data or the protocol is at fault, false if the engine is.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Embed { source, .. } if !source.is_bad_input())
    }
}

/// Embeds the split and evaluates mean prototypes and cosine on it; with `knowledge` every other policy as well, each
/// class known by the synset that the data set gives or else by its name. `progress` hears how many pictures of how
/// many are embedded.
///
/// # Errors
/// [`EvaluateError`]; a protocol that does not fit is told before anything is embedded.
pub fn evaluate(
    embedder: &mut Embedder,
    knowledge: Option<&Knowledge>,
    dataset: &Dataset,
    protocol: Protocol,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report, EvaluateError> {
    let classes = dataset.filled_split(protocol.split)?;
    protocol.check(classes.iter().map(|class| (class.name.as_str(), class.pictures.len())))?;
    let embeddings = embed_split(embedder, dataset, protocol.split, progress)?;
    let Some(knowledge) = knowledge else { return Ok(protocol.report(&embeddings)?) };
    let meanings: Vec<_> = classes.iter().map(|class| meaning(class, knowledge)).collect();
    let known = Known {
        space: knowledge.space().clone(),
        semantic: knowledge.semantic(&meanings),
        errors: knowledge.errors(protocol.spec.k_shot).cloned(),
        lifts: knowledge.lifts().clone(),
    };
    Ok(protocol.compare(&embeddings, &known, &known, Conditions::PLAIN)?)
}

/// The classes of a split of which no name is known: knowledge says nothing of them.
#[must_use]
pub fn nameless<'a>(dataset: &'a Dataset, split: Split, knowledge: &Knowledge) -> Vec<&'a str> {
    let classes = dataset.split(split).into_iter();
    let nameless = classes.filter(|class| meaning(class, knowledge).is_none());
    nameless.map(|class| class.name.as_str()).collect()
}

fn meaning(class: &Class, knowledge: &Knowledge) -> Option<Meaning> {
    let given = class.wnid.as_deref().and_then(|wnid| wnid.parse().ok());
    let given = given.filter(|&synset| knowledge.definition(synset).is_some());
    let given = given.map(|synset| Meaning { synset, rule: Rule::Said });
    given.or_else(|| knowledge.read(&class.name.replace('_', " ")))
}

/// The embeddings `[pictures, embedding_size]` of each class of a split, in the data set's order.
///
/// # Errors
/// The first picture that cannot be read or embedded.
pub fn embed_split(
    embedder: &mut Embedder,
    dataset: &Dataset,
    split: Split,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Array2<f32>>, EvaluateError> {
    let classes = dataset.split(split);
    let total = classes.iter().map(|class| class.pictures.len()).sum();
    let mut done = 0;
    let mut count = |pictures: usize| {
        done += pictures;
        progress(done, total);
    };
    classes.iter().map(|class| embed_class(embedder, dataset, class, &mut count)).collect()
}

fn embed_class(
    embedder: &mut Embedder,
    dataset: &Dataset,
    class: &Class,
    count: &mut dyn FnMut(usize),
) -> Result<Array2<f32>, EvaluateError> {
    let mut rows = Vec::new();
    for pictures in class.pictures.chunks(CHUNK) {
        let reader = embedder.reader().clone();
        let read = |picture: &PictureRef| {
            let embed =
                |source| EvaluateError::Embed { picture: picture.path().to_owned(), source };
            reader.prepare(&dataset.picture(picture, reader.limits())?).map_err(embed)
        };
        let inputs: Vec<Array3<f32>> =
            pictures.par_iter().map(read).collect::<Result<_, EvaluateError>>()?;
        let embed = |source| EvaluateError::Embed { picture: class.name.clone(), source };
        rows.push(embedder.embed_pictures(&inputs).map_err(embed)?);
        count(pictures.len());
    }
    if rows.is_empty() {
        return Ok(Array2::zeros((0, embedder.manifest().backbone.embedding_size)));
    }
    let views: Vec<_> = rows.iter().map(|part| part.view()).collect();
    Ok(concatenate(Axis(0), &views).expect("invariant: embeddings of one backbone have one size"))
}
