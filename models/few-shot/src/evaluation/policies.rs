//! The policies that an evaluation compares: the ways to make the prototypes of an episode.
//!
//! `P` is the mean prototype, `S` the semantic one, `C` the completed one; all are raw embeddings,
//! as the queries are.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::class_prototypes::ClassPrototypes;
use crate::completer::{Completer, Support};
use crate::evaluation::class_knowledge::ClassKnowledge;
use crate::evaluation::episode_data::{EpisodeData, joined};
use crate::evaluation::gaussian;
use crate::fusion::{self, Setting};

/// A way to make the prototypes of an episode.
///
/// # Examples
/// ```
/// use few_shot::evaluation::policies::{Input, Inputs, Policy};
///
/// let policy: Policy = "gaussian".parse()?;
/// assert_eq!(policy.needs(), [Input::Completer, Input::Unlabeled]);
/// // From images only there are mean prototypes.
/// assert_eq!(Inputs::IMAGES_ONLY.policies(true), [Policy::Mean]);
/// # Ok::<(), few_shot::evaluation::policies::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Policy {
    /// `P`, as [`fusion::Fusion::Mean`] on a device. The baseline of all others.
    Mean,
    /// `C`. Inductive; wrong names harm it.
    Completed,
    /// `(P + C) / 2`. Inductive; wrong names harm it, half as much.
    Average,
    /// `S`. Inductive; uses names only.
    Semantic,
    /// `w P + (1 - w) S` per dimension, with `w` from the [errors](fusion::ErrorVariances) of both
    /// on base classes. Inductive; wrong names harm it.
    ErrorVariance,
    /// As [`fusion::Fusion::Trusted`] on a device. Inductive; wrong names do little harm.
    Trusted,
    /// `P` and `C`, each moved to the unlabeled images near it, weighted by each other's variance
    /// ([`gaussian::fused`]; section 3.4 of Zhang et al. 2021). Transductive.
    Gaussian,
    /// As [`fusion::Fusion::SoftKMeans`] on a device. Transductive; wrong names do little harm.
    SoftKMeans,
}

/// What a policy needs besides the labeled images of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// [`Inputs::knowledge`].
    Knowledge,
    /// [`ClassKnowledge::errors`].
    Errors,
    /// [`Inputs::completer`].
    Completer,
    /// Unlabeled images.
    Unlabeled,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Knowledge => "class knowledge",
            Self::Errors => "measured error variances",
            Self::Completer => "a completer",
            Self::Unlabeled => "unlabeled images",
        })
    }
}

impl Policy {
    /// Every policy, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Mean,
        Self::Completed,
        Self::Average,
        Self::Semantic,
        Self::ErrorVariance,
        Self::Trusted,
        Self::Gaussian,
        Self::SoftKMeans,
    ];

    /// Whether the answer for a query depends on other queries.
    pub fn setting(self) -> Setting {
        match self.needs().contains(&Input::Unlabeled) {
            true => Setting::Transductive,
            false => Setting::Inductive,
        }
    }

    /// What it needs besides the labeled images.
    pub fn needs(self) -> &'static [Input] {
        match self {
            Self::Mean => &[],
            Self::Completed | Self::Average => &[Input::Completer],
            Self::Semantic | Self::Trusted => &[Input::Knowledge],
            Self::ErrorVariance => &[Input::Errors],
            Self::Gaussian => &[Input::Completer, Input::Unlabeled],
            Self::SoftKMeans => &[Input::Knowledge, Input::Unlabeled],
        }
    }

    /// The policy of the gallery whose prototypes this one moves to unlabeled images, as a device
    /// does; `None` if it makes all of them.
    pub(crate) fn enrolled(self) -> Option<Self> {
        (self == Self::SoftKMeans).then_some(Self::Trusted)
    }

    /// The scores of the queries of a trial, `[q, n_way]`; `None` where an input is missing.
    pub(crate) fn scores(self, trial: &Trial<'_>) -> Option<Array2<f32>> {
        Some(self.prototypes(trial)?.ranking_scores(trial.data.query.view()))
    }

    /// The prototypes of the classes of a trial; `None` where an input is missing.
    pub(crate) fn prototypes(self, trial: &Trial<'_>) -> Option<ClassPrototypes> {
        Some(match self {
            Self::Mean => trial.of_images(trial.means.clone()),
            Self::Completed => trial.of_images(trial.completed.clone()?),
            Self::Average => trial.of_images((&trial.means + trial.completed.as_ref()?) * 0.5),
            Self::Semantic => trial.trusted(vec![0; trial.means.nrows()])?,
            Self::ErrorVariance => trial.of_images(trial.error_weighted()?),
            Self::Trusted => trial.trusted(trial.image_counts())?,
            Self::Gaussian => trial.of_images(trial.gaussian()?),
            Self::SoftKMeans => {
                let enrolled = trial.trusted(trial.image_counts())?;
                enrolled.moved_to(trial.unlabeled.as_ref()?.view())
            }
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mean => "mean",
            Self::Completed => "completed",
            Self::Average => "average",
            Self::Semantic => "semantic",
            Self::ErrorVariance => "error-variance",
            Self::Trusted => "trusted",
            Self::Gaussian => "gaussian",
            Self::SoftKMeans => "soft-k-means",
        })
    }
}

/// A word that is no [`Policy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{got}` is not a policy; expected mean, completed, average, semantic, error-variance, trusted, \
     gaussian or soft-k-means"
)]
pub struct PolicyError {
    /// The word.
    pub got: String,
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let found = Self::ALL.into_iter().find(|policy| policy.to_string() == text);
        found.ok_or_else(|| PolicyError { got: text.to_owned() })
    }
}

/// What policies may use besides images.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// Semantic prototypes of the classes.
    pub knowledge: Option<&'a ClassKnowledge>,
    /// What completes mean prototypes.
    pub completer: Option<&'a dyn Completer>,
}

impl<'a> Inputs<'a> {
    /// Neither of them.
    pub const IMAGES_ONLY: Self = Self { knowledge: None, completer: None };

    /// Class knowledge, which serves as the completer too.
    pub fn of_knowledge(knowledge: &'a ClassKnowledge) -> Self {
        Self { knowledge: Some(knowledge), completer: Some(knowledge) }
    }

    /// All policies whose inputs are here.
    pub fn policies(&self, has_unlabeled: bool) -> Vec<Policy> {
        let all = Policy::ALL.into_iter();
        all.filter(|&policy| self.missing(policy, has_unlabeled).is_none()).collect()
    }

    /// The first input of a policy that is not here.
    pub fn missing(&self, policy: Policy, has_unlabeled: bool) -> Option<Input> {
        policy.needs().iter().copied().find(|input| match input {
            Input::Knowledge => self.knowledge.is_none(),
            Input::Errors => self.knowledge.is_none_or(|knowledge| knowledge.errors.is_none()),
            Input::Completer => self.completer.is_none(),
            Input::Unlabeled => !has_unlabeled,
        })
    }
}

/// One episode, as policies take it.
pub(crate) struct Trial<'a> {
    data: EpisodeData,
    knowledge: Option<&'a ClassKnowledge>,
    names: Vec<usize>,
    unlabeled: Option<Array2<f32>>,
    /// `[n_way, s]`.
    means: Array2<f32>,
    /// Several policies use them, and they cost most.
    completed: Option<Array2<f32>>,
}

impl<'a> Trial<'a> {
    /// `names[way]` is the class whose name the class at `way` has; `unlabeled` `[u, s]`.
    pub(crate) fn new(
        data: EpisodeData,
        inputs: Inputs<'a>,
        names: Vec<usize>,
        unlabeled: Option<Array2<f32>>,
    ) -> Self {
        let means = data.means();
        let support = Support { images: &data.support, mean: means.view() };
        let completed = inputs.completer.map(|completer| completer.complete(support, &names));
        Self { data, knowledge: inputs.knowledge, names, unlabeled, means, completed }
    }

    /// The number of images of each class.
    fn image_counts(&self) -> Vec<usize> {
        vec![self.data.k_shot(); self.means.nrows()]
    }

    /// Prototypes `[n_way, s]` of classes with images, which have no name bias.
    fn of_images(&self, prototypes: Array2<f32>) -> ClassPrototypes {
        ClassPrototypes::of_means(prototypes, self.image_counts())
    }

    /// As a device makes them of classes with these numbers of images; see [`Fusion::Trusted`].
    ///
    /// [`Fusion::Trusted`]: crate::fusion::Fusion::Trusted
    fn trusted(&self, image_counts: Vec<usize>) -> Option<ClassPrototypes> {
        let ClassKnowledge { frame, name_bias, semantic, .. } = self.knowledge?;
        let semantic = semantic.select(Axis(0), &self.names);
        let means = self.means.clone();
        Some(ClassPrototypes::trusted(means, image_counts, semantic.view(), frame, name_bias))
    }

    fn error_weighted(&self) -> Option<Array2<f32>> {
        let knowledge = self.knowledge?;
        // The center stands for an unknown name; a weighted sum must not move a class towards it.
        let semantic = knowledge.semantic_or_mean(self.means.view(), &self.names);
        let weight = knowledge.errors.as_ref()?.weight_of_mean();
        Some(fusion::weighted(self.means.view(), semantic.view(), weight.view()))
    }

    fn gaussian(&self) -> Option<Array2<f32>> {
        let completed = self.completed.as_ref()?.view();
        let unlabeled = self.unlabeled.as_ref()?.view();
        let support = joined(&self.data.support);
        let ways = 0..self.means.nrows();
        let labels: Vec<usize> = ways.flat_map(|way| vec![way; self.data.k_shot()]).collect();
        Some(gaussian::fused(self.means.view(), completed, support.view(), &labels, unlabeled))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_policy_is_written_and_read_by_its_word() {
        for policy in Policy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
            assert_eq!(serde_json::to_string(&policy).unwrap(), format!("\"{policy}\""));
        }
        assert!("fused".parse::<Policy>().unwrap_err().to_string().contains("error-variance"));
    }

    #[test]
    fn policies_of_the_device_have_its_words_and_settings() {
        for fusion in fusion::Fusion::ALL {
            let policy: Policy = fusion.to_string().parse().unwrap();
            assert_eq!(policy.setting(), fusion.setting());
        }
    }
}
