//! The accuracy of policies on the same episodes, so that differences between policies are not
//! those of the draw.

use std::collections::BTreeMap;

use ndarray::Array2;
use rayon::prelude::*;

use crate::evaluation::accuracy::{
    Estimate, EvaluateError, Gain, Outcome, check, check_embeddings, n_right,
};
use crate::evaluation::conditions::Conditions;
use crate::evaluation::episode::{Episode, Episodes};
use crate::evaluation::episode_data::{EpisodeData, joined};
use crate::evaluation::policies::{Input, Inputs, Policy, Trial};

/// The scores of the queries of an episode, `[n_way * n_query, n_way]`, by policy.
pub type Scores = BTreeMap<Policy, Array2<f32>>;

/// The shares of right queries of an episode, by policy.
type Shares = BTreeMap<Policy, f64>;

/// The accuracy of mean prototypes: [`compare`] with [`Policy::Mean`] only.
///
/// # Errors
/// Those of [`compare`].
///
/// # Examples
/// ```
/// use few_shot::evaluation::comparison::evaluate;
/// use few_shot::evaluation::episode::{EpisodeSpec, Episodes};
/// use ndarray::array;
///
/// let embeddings = [array![[1.0, 0.0], [2.0, 0.1]], array![[0.0, 1.0], [0.1, 3.0]]];
/// let spec = EpisodeSpec { n_way: 2, k_shot: 1, n_query: 1 };
/// let outcome = evaluate(&embeddings, Episodes { spec, count: 50, seed: 7 })?;
/// assert_eq!(outcome.accuracy, 1.0);
/// # Ok::<(), few_shot::evaluation::accuracy::EvaluateError>(())
/// ```
pub fn evaluate(embeddings: &[Array2<f32>], episodes: Episodes) -> Result<Outcome, EvaluateError> {
    let shares = shares(embeddings, Inputs::IMAGES_ONLY, &[], episodes, Conditions::PLAIN)?;
    Ok(outcome(Policy::Mean, &shares))
}

/// The accuracy of each of `policies`, in their order, with the paired difference to mean
/// prototypes.
///
/// `embeddings[c]` `[images, s]` are the raw embeddings of class `c`. Classes are sorted by name
/// and images by path: then every program that has the same images draws the same episodes. The
/// first of equally similar classes wins. The answer is the same for any number of threads.
///
/// # Errors
/// Classes too few or too small, embeddings that differ in size or are not finite, fewer than 2
/// episodes, conditions that do not fit, a policy that lacks an input.
pub fn compare(
    embeddings: &[Array2<f32>],
    inputs: Inputs<'_>,
    policies: &[Policy],
    episodes: Episodes,
    conditions: Conditions,
) -> Result<Vec<Outcome>, EvaluateError> {
    let shares = shares(embeddings, inputs, policies, episodes, conditions)?;
    Ok(policies.iter().map(|&policy| outcome(policy, &shares)).collect())
}

/// The scores that [`compare`] counts, of one episode: of each of `policies` and of mean
/// prototypes, each query to each class of the episode. Each name is right, and the queries serve
/// as the unlabeled images.
///
/// # Errors
/// Embeddings that differ in size or are not finite, a policy that lacks an input.
///
/// # Examples
/// ```
/// use few_shot::evaluation::comparison::scores;
/// use few_shot::evaluation::episode::Episode;
/// use few_shot::evaluation::policies::{Inputs, Policy};
/// use ndarray::array;
///
/// let embeddings = [array![[1.0, 0.0], [1.0, 1.0]], array![[0.0, 1.0], [0.0, 2.0]]];
/// let episode =
///     Episode { classes: vec![0, 1], support: vec![vec![0]; 2], query: vec![vec![1]; 2] };
/// let scores = scores(&embeddings, Inputs::IMAGES_ONLY, &[Policy::Mean], &episode)?;
/// assert_eq!(scores[&Policy::Mean].row(1), array![0.0, 1.0]);
/// # Ok::<(), few_shot::evaluation::accuracy::EvaluateError>(())
/// ```
pub fn scores(
    embeddings: &[Array2<f32>],
    inputs: Inputs<'_>,
    policies: &[Policy],
    episode: &Episode,
) -> Result<Scores, EvaluateError> {
    check_embeddings(embeddings)?;
    check_inputs(inputs, policies, Conditions::PLAIN)?;
    let trials = Trials { embeddings, inputs, policies, conditions: Conditions::PLAIN, seed: 0 };
    Ok(trials.scores(episode, 0))
}

fn check_inputs(
    inputs: Inputs<'_>,
    policies: &[Policy],
    conditions: Conditions,
) -> Result<(), EvaluateError> {
    for &policy in policies {
        if let Some(input) = inputs.missing(policy, conditions.has_unlabeled()) {
            return Err(EvaluateError::Input { policy, input });
        }
    }
    Ok(())
}

/// The shares of each episode, of mean prototypes and of `policies`.
fn shares(
    embeddings: &[Array2<f32>],
    inputs: Inputs<'_>,
    policies: &[Policy],
    episodes: Episodes,
    conditions: Conditions,
) -> Result<Vec<Shares>, EvaluateError> {
    let trials = Trials::new(embeddings, inputs, policies, episodes, conditions)?;
    let sampler = episodes.sampler(embeddings)?;
    let indices = (0..episodes.count).into_par_iter();
    Ok(indices.map(|index| trials.shares(&sampler.episode(index), index)).collect())
}

/// What all trials of an evaluation have in common.
pub(crate) struct Trials<'a> {
    embeddings: &'a [Array2<f32>],
    inputs: Inputs<'a>,
    policies: &'a [Policy],
    conditions: Conditions,
    seed: u64,
}

impl<'a> Trials<'a> {
    /// # Errors
    /// Those of [`compare`].
    pub(crate) fn new(
        embeddings: &'a [Array2<f32>],
        inputs: Inputs<'a>,
        policies: &'a [Policy],
        episodes: Episodes,
        conditions: Conditions,
    ) -> Result<Self, EvaluateError> {
        check(embeddings, &episodes)?;
        conditions.check(episodes.spec, embeddings.len())?;
        check_inputs(inputs, policies, conditions)?;
        Ok(Self { embeddings, inputs, policies, conditions, seed: episodes.seed })
    }

    /// The trial of an episode. `unknown` `[m, s]` are queries of other classes; they are unlabeled
    /// images too, unless the conditions say which images these are.
    pub(crate) fn trial(
        &self,
        episode: &Episode,
        index: u64,
        unknown: Option<&Array2<f32>>,
    ) -> Trial<'a> {
        let data = EpisodeData::of(self.embeddings, episode);
        let n_classes = self.embeddings.len();
        let names = self.conditions.label_noise.names(episode, n_classes, self.seed, index);
        let unlabeled = self.unlabeled(episode, &data, index, unknown);
        Trial::new(data, self.inputs, names, unlabeled)
    }

    fn shares(&self, episode: &Episode, index: u64) -> Shares {
        let scores = self.scores(episode, index).into_iter();
        scores.map(|(policy, scores)| (policy, share(&scores))).collect()
    }

    fn scores(&self, episode: &Episode, index: u64) -> Scores {
        let trial = self.trial(episode, index, None);
        // Mean prototypes are the baseline of every gain.
        let policies = self.policies.iter().copied().chain([Policy::Mean]);
        policies.map(|policy| (policy, scores_of(policy, &trial))).collect()
    }

    fn unlabeled(
        &self,
        episode: &Episode,
        data: &EpisodeData,
        index: u64,
        unknown: Option<&Array2<f32>>,
    ) -> Option<Array2<f32>> {
        // Mean prototypes need no copy of all queries.
        if !self.policies.iter().any(|policy| policy.needs().contains(&Input::Unlabeled)) {
            return None;
        }
        match self.conditions.unlabeled {
            None => Some(joined([&data.query].into_iter().chain(unknown))),
            Some(kind) if kind.is_none() => None,
            Some(kind) => {
                Some(kind.images(self.embeddings, episode, &data.query, self.seed, index))
            }
        }
    }
}

fn scores_of(policy: Policy, trial: &Trial<'_>) -> Array2<f32> {
    policy.scores(trial).expect("invariant: the inputs of policies were checked")
}

/// The share of right queries.
fn share(scores: &Array2<f32>) -> f64 {
    n_right(scores) as f64 / scores.nrows() as f64
}

/// The accuracy of one policy over all episodes.
fn outcome(policy: Policy, shares: &[Shares]) -> Outcome {
    let own: Vec<f64> = shares.iter().map(|shares| shares[&policy]).collect();
    let estimate = Estimate::of(&own);
    Outcome {
        fusion: policy,
        setting: policy.setting(),
        accuracy: estimate.mean,
        ci95: estimate.ci95,
        gain: (policy != Policy::Mean).then(|| gain(policy, shares)),
        unknown: None,
        junk: None,
    }
}

/// The paired difference to mean prototypes.
fn gain(policy: Policy, shares: &[Shares]) -> Gain {
    // Taken within each episode: episodes differ in difficulty, which is not part of the gain.
    let differences: Vec<f64> =
        shares.iter().map(|shares| shares[&policy] - shares[&Policy::Mean]).collect();
    let estimate = Estimate::of(&differences);
    Gain { accuracy: estimate.mean, ci95: estimate.ci95 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::evaluation::episode::EpisodeSpec;
    use ndarray::array;

    const SPEC: EpisodeSpec = EpisodeSpec { n_way: 2, k_shot: 1, n_query: 1 };

    fn episodes(count: u64) -> Episodes {
        Episodes { spec: SPEC, count, seed: 7 }
    }

    #[test]
    fn separate_classes_are_always_right_and_zeros_are_chance() {
        let apart = [array![[1.0, 0.0], [2.0, 0.1]], array![[0.0, 1.0], [0.1, 3.0]]];
        assert_eq!(evaluate(&apart, episodes(50)).unwrap().accuracy, 1.0);
        let zeros = [Array2::zeros((2, 4)), Array2::zeros((2, 4))];
        let outcome = evaluate(&zeros, episodes(50)).unwrap();
        assert_eq!((outcome.accuracy, outcome.ci95), (0.5, 0.0));
    }

    #[test]
    fn embeddings_that_cannot_be_compared_are_refused() {
        let sizes = [Array2::zeros((2, 4)), Array2::zeros((2, 3))];
        assert_eq!(
            evaluate(&sizes, episodes(2)).unwrap_err(),
            EvaluateError::Size { class: 1, expected: 4, got: 3 }
        );
        let broken = [array![[1.0], [2.0]], array![[1.0], [f32::NAN]]];
        assert_eq!(
            evaluate(&broken, episodes(2)).unwrap_err(),
            EvaluateError::NotFinite { class: 1, image: 1 }
        );
        assert_eq!(
            evaluate(&sizes, episodes(1)).unwrap_err(),
            EvaluateError::TooFewEpisodes { got: 1 }
        );
    }

    #[test]
    fn a_policy_without_its_input_is_refused() {
        let apart = [array![[1.0, 0.0], [2.0, 0.1]], array![[0.0, 1.0], [0.1, 3.0]]];
        let policies = [Policy::Mean, Policy::Trusted];
        let refused =
            compare(&apart, Inputs::IMAGES_ONLY, &policies, episodes(9), Conditions::PLAIN);
        let expected = EvaluateError::Input { policy: Policy::Trusted, input: Input::Knowledge };
        assert_eq!(refused.unwrap_err(), expected);
    }
}
