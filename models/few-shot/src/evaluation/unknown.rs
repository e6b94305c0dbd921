//! Whether galleries reject what they do not know: each episode has unknown classes beside its own.
//!
//! The classes, the support and the queries of an episode are exactly those of the evaluation
//! without unknown classes. The exact procedure for the others, so that other programs can repeat
//! it, with the words of [`episode`](super::episode): the key of the generator is that of the seed
//! xor 0x756e6b6e6f776e00, its stream the index of the episode. First `n_unknown` of the classes
//! that are not in the episode are drawn, which are listed in ascending order; then for each of
//! them, in the order drawn, `n_query` of its images.
//!
//! Every policy makes a gallery of the support, which calibrates itself with it. The policy
//! `semantic` makes a gallery of names only, without images. The unlabeled images of transductive
//! policies are all queries of the episode, those of unknown classes too, as they are in use, so
//! these policies have other prototypes here than in the measurement of accuracy; where the
//! conditions say which images are unlabeled, it is those.
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//!
//! use few_shot::decision::DecisionModel;
//! use few_shot::evaluation::conditions::Conditions;
//! use few_shot::evaluation::episode::{EpisodeSpec, Episodes};
//! use few_shot::evaluation::policies::{Inputs, Policy};
//! use few_shot::evaluation::unknown::{UnknownImages, evaluate};
//! use ndarray::Array2;
//!
//! # fn example(
//! #     model: DecisionModel<f32>,
//! #     embeddings: &[Array2<f32>],
//! # ) -> Result<(), few_shot::evaluation::accuracy::EvaluateError> {
//! let unknown = UnknownImages { n_unknown: 5, model: Arc::new(model), junk: Vec::new() };
//! let spec = EpisodeSpec { n_way: 5, k_shot: 1, n_query: 15 };
//! let episodes = Episodes { spec, count: 2000, seed: 7 };
//! let inputs = Inputs::IMAGES_ONLY;
//! let measured =
//!     evaluate(embeddings, inputs, &[Policy::Mean], episodes, Conditions::PLAIN, &unknown)?;
//! println!("AUROC {:.3}", measured[0].unknown.auroc);
//! # Ok(())
//! # }
//! ```

mod answers;
mod calibration_error;
mod draw;
mod measured;
pub(crate) mod ranking;
mod spread;

use std::sync::Arc;

use ndarray::Array2;
use rayon::prelude::*;

use self::answers::{Answers, Queries};
use self::draw::UnknownSampler;
use self::measured::Galleries;
use self::spread::resamples;
use crate::class_prototypes::ClassPrototypes;
use crate::decision::DecisionModel;
use crate::decision::gallery::{Classes, Examples, GalleryDecision};
use crate::decision::images::Images;
use crate::evaluation::accuracy::EvaluateError;
use crate::evaluation::comparison::Trials;
use crate::evaluation::conditions::Conditions;
use crate::evaluation::episode::{Episode, Episodes};
use crate::evaluation::episode_data::{joined, queries};
use crate::evaluation::junk::JunkEmbeddings;
use crate::evaluation::policies::{Inputs, Policy, Trial};
use crate::evaluation::rejection::{JunkFigures, UnknownFigures};

/// The galleries that are asked about junk: those of the first episodes. There are many images, and
/// galleries differ little in them.
const JUNK_EPISODES: u64 = 200;

/// What galleries are asked about that they do not know.
#[derive(Debug, Clone)]
pub struct UnknownImages {
    /// Unknown classes of an episode, at least 1.
    pub n_unknown: usize,
    /// What decides.
    pub model: Arc<DecisionModel<f32>>,
    /// Images that show nothing; none where they are not measured.
    pub junk: Vec<JunkEmbeddings>,
}

/// What the galleries of a policy reject.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// Images of unknown classes.
    pub unknown: UnknownFigures,
    /// Junk, where it is measured.
    pub junk: Option<JunkFigures>,
}

/// What each of `policies` rejects, in their order, over the episodes of
/// [`compare`](super::comparison::compare). The answer is the same for any number of threads.
///
/// # Errors
/// Those of `compare`; fewer classes than an episode with its unknown classes takes.
pub fn evaluate(
    embeddings: &[Array2<f32>],
    inputs: Inputs<'_>,
    policies: &[Policy],
    episodes: Episodes,
    conditions: Conditions,
    unknown: &UnknownImages,
) -> Result<Vec<Rejection>, EvaluateError> {
    let n_way = episodes.spec.n_way;
    check_unknown(unknown.n_unknown, n_way, "the data set", embeddings.len())?;
    let trials = Trials::new(embeddings, inputs, policies, episodes, conditions)?;
    let sampler = episodes.sampler(embeddings)?;
    let run = Run {
        embeddings,
        policies,
        trials,
        sampler: UnknownSampler::new(embeddings, episodes, unknown.n_unknown),
        pool: Images::new(&unknown.model, joined(embeddings).view()),
        junk: unknown
            .junk
            .iter()
            .map(|kind| Images::new(&unknown.model, kind.rows.view()))
            .collect(),
        model: &unknown.model,
    };
    let indices = (0..episodes.count).into_par_iter();
    let answers: Vec<Vec<Answers>> =
        indices.map(|index| run.answers(&sampler.episode(index), index)).collect();
    let resamples = resamples(answers.len(), episodes.seed);
    let rejection = |policy: usize| {
        let galleries = Galleries::new(answers.iter().map(|episode| &episode[policy]).collect());
        let has_junk = !unknown.junk.is_empty();
        Rejection {
            unknown: galleries.unknown_figures(&resamples),
            junk: has_junk.then(|| galleries.junk_figures(&unknown.junk)),
        }
    };
    Ok((0..policies.len()).map(rejection).collect())
}

/// Checks that there are `n_unknown` classes beside those of an episode. `classes` says which
/// classes there are, such as `the val split`.
pub(super) fn check_unknown(
    n_unknown: usize,
    n_way: usize,
    classes: &str,
    n_classes: usize,
) -> Result<(), EvaluateError> {
    if (1..=n_classes.saturating_sub(n_way)).contains(&n_unknown) {
        return Ok(());
    }
    let classes = classes.to_owned();
    Err(EvaluateError::UnknownClasses { n_unknown, n_way, classes, n_classes })
}

/// What all episodes have in common.
struct Run<'a> {
    embeddings: &'a [Array2<f32>],
    policies: &'a [Policy],
    trials: Trials<'a>,
    sampler: UnknownSampler,
    /// All images of all classes.
    pool: Images<f32>,
    /// Junk by kind.
    junk: Vec<Images<f32>>,
    model: &'a Arc<DecisionModel<f32>>,
}

impl Run<'_> {
    /// The answers of the gallery of each policy.
    fn answers(&self, episode: &Episode, index: u64) -> Vec<Answers> {
        let unknown = self.sampler.classes(episode, index);
        let rows = queries(self.embeddings, &unknown.classes, &unknown.query);
        let trial = self.trials.trial(episode, index, Some(&rows));
        let support = self.select(&episode.classes, &episode.support);
        let queries = Queries {
            known: self.select(&episode.classes, &episode.query),
            n_query: episode.query.first().map_or(0, Vec::len),
            unknown: self.select(&unknown.classes, &unknown.query),
            junk: if index < JUNK_EPISODES { &self.junk } else { &[] },
        };
        let policies = self.policies.iter();
        let galleries = policies.map(|&policy| self.gallery(policy, &trial, &support));
        galleries.map(|gallery| Answers::of(&gallery, &queries)).collect()
    }

    /// `images[c]` of each of `classes`, one class after the other.
    fn select(&self, classes: &[usize], images: &[Vec<usize>]) -> Images<f32> {
        let first =
            |class: usize| -> usize { self.embeddings[..class].iter().map(Array2::nrows).sum() };
        let positions = classes.iter().zip(images).flat_map(|(&class, images)| {
            let first = first(class);
            images.iter().map(move |image| first + image)
        });
        self.pool.select(&positions.collect::<Vec<_>>())
    }

    fn gallery(
        &self,
        policy: Policy,
        trial: &Trial<'_>,
        support: &Images<f32>,
    ) -> GalleryDecision<f32> {
        let prototypes = policy.prototypes(trial);
        let prototypes = prototypes.expect("invariant: the inputs of policies were checked");
        match policy.enrolled() {
            // As on a device: a gallery is measured before unlabeled images move its prototypes.
            Some(enrolled) => self.gallery(enrolled, trial, support).moved_to(prototypes.rows()),
            None => self.enrolled(&prototypes, support),
        }
    }

    fn enrolled(
        &self,
        prototypes: &ClassPrototypes,
        support: &Images<f32>,
    ) -> GalleryDecision<f32> {
        let image_counts = prototypes.image_counts();
        let name_bias = prototypes.name_bias().to_vec();
        let classes =
            Classes { prototypes: prototypes.rows(), image_counts, name_bias: &name_bias };
        let ways = image_counts.iter().enumerate();
        let owners: Vec<usize> = ways.flat_map(|(way, &count)| vec![way; count]).collect();
        // A gallery of names only has no examples.
        let images = support.select(&(0..owners.len()).collect::<Vec<_>>());
        let examples = Examples { images: &images, classes: &owners };
        GalleryDecision::new(Arc::clone(self.model), classes, examples)
    }
}
