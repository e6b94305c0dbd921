//! The figures of the galleries of one policy.

use rayon::prelude::*;

use super::answers::{Accepted, Answers, RATES};
use super::calibration_error::Excess;
use super::ranking::{Ranking, Truth};
use super::spread::{Ratio, half_width, percentile};
use crate::evaluation::junk::JunkEmbeddings;
use crate::evaluation::rejection::{
    GalleryFigures, JunkFigures, JunkShares, StatedFigures, UnknownFigures,
};

/// The false-positive rates of the points of a ROC curve.
const ROC: [f64; 24] = [
    0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4,
    0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0,
];

/// The answers of the galleries of one policy, one gallery for each episode.
pub(super) struct Galleries<'a> {
    answers: Vec<&'a Answers>,
    /// Known images of an episode.
    n_known: u32,
    /// Unknown images of an episode.
    n_unknown: u32,
}

impl<'a> Galleries<'a> {
    /// All with equal numbers of images.
    pub(super) fn new(answers: Vec<&'a Answers>) -> Self {
        let scored = answers.first().map_or(&[][..], |first| &first.scored);
        let n_unknown = scored.iter().filter(|answer| answer.truth == Truth::Unknown).count();
        let n_known = (scored.len() - n_unknown) as u32;
        Self { answers, n_known, n_unknown: n_unknown as u32 }
    }

    /// What they make of images of unknown classes. Each resample says how often each episode
    /// counts.
    pub(super) fn unknown_figures(&self, resamples: &[Vec<u32>]) -> UnknownFigures {
        let all = vec![1; self.answers.len()];
        let pool = self.pool();
        let curve = pool.by_score.roc(&all, &ROC);
        let GalleryFigures { auroc, auroc_cosine, auroc_gain, fpr95, oscr, ece } =
            pool.figures(&all);
        let drawn: Vec<_> = resamples.par_iter().map(|weights| pool.figures(weights)).collect();
        let ci95 = summarized(&drawn, half_width);
        let each: Vec<_> = self.answers.par_iter().map(|one| figures_of_one(one)).collect();
        UnknownFigures {
            auroc,
            auroc_ci95: ci95.auroc,
            auroc_cosine,
            auroc_cosine_ci95: ci95.auroc_cosine,
            auroc_gain,
            auroc_gain_ci95: ci95.auroc_gain,
            fpr95,
            fpr95_ci95: ci95.fpr95,
            oscr,
            oscr_ci95: ci95.oscr,
            ece,
            ece_ci95: ci95.ece,
            p10: summarized(&each, |values| percentile(values, 0.1)),
            p90: summarized(&each, |values| percentile(values, 0.9)),
            stated: (0..RATES.len()).map(|rate| self.stated(rate)).collect(),
            roc: ROC.into_iter().zip(curve).map(<[f64; 2]>::from).collect(),
        }
    }

    fn pool(&self) -> Pool {
        let mut scores = Vec::new();
        let mut cosines = Vec::new();
        for (episode, answers) in self.answers.iter().enumerate() {
            let scored = answers.scored.iter();
            scores.extend(scored.clone().map(|answer| (answer.score, episode, answer.truth)));
            cosines.extend(scored.map(|answer| (answer.cosine, episode, answer.truth)));
        }
        Pool {
            by_score: Ranking::new(scores),
            by_cosine: Ranking::new(cosines),
            excess: self.answers.iter().map(|answers| answers.excess).collect(),
            n_known: f64::from(self.n_known),
            n_unknown: f64::from(self.n_unknown),
        }
    }

    /// What is accepted at the rate with this position in [`RATES`].
    fn stated(&self, rate: usize) -> StatedFigures {
        let false_accepts = self.pairs(rate, |accepted| (accepted.unknown, self.n_unknown));
        let true_accepts = self.pairs(rate, |accepted| (accepted.known, self.n_known));
        let ambiguous = self.pairs(rate, |accepted| (accepted.ambiguous, accepted.right));
        let wrong = self.pairs(rate, |accepted| (accepted.wrong, accepted.certain));
        StatedFigures {
            rate: RATES[rate],
            false_accept_rate: Ratio::of(&false_accepts).value,
            false_accept_rate_ci95: Ratio::of(&false_accepts).ci95,
            p10: percentile(&shares(&false_accepts), 0.1),
            p90: percentile(&shares(&false_accepts), 0.9),
            true_accept_rate: Ratio::of(&true_accepts).value,
            true_accept_rate_ci95: Ratio::of(&true_accepts).ci95,
            true_accept_rate_p10: percentile(&shares(&true_accepts), 0.1),
            true_accept_rate_p90: percentile(&shares(&true_accepts), 0.9),
            ambiguous: Ratio::of(&ambiguous).value,
            ambiguous_ci95: Ratio::of(&ambiguous).ci95,
            wrong: Ratio::of(&wrong).value,
            wrong_ci95: Ratio::of(&wrong).ci95,
        }
    }

    /// Hits and tries of each episode.
    fn pairs(&self, rate: usize, of: impl Fn(&Accepted) -> (u32, u32)) -> Vec<(u32, u32)> {
        self.answers.iter().map(|answers| of(&answers.accepted[rate])).collect()
    }

    /// How much of `junk` the galleries accept that were asked about it.
    pub(super) fn junk_figures(&self, junk: &[JunkEmbeddings]) -> JunkFigures {
        let answers = self.answers.iter();
        let asked: Vec<&Answers> = answers.copied().filter(|answers| answers.has_junk()).collect();
        JunkFigures {
            galleries: asked.len(),
            images: junk.iter().map(|kind| kind.rows.nrows()).sum(),
            stated: (0..RATES.len()).map(|rate| junk_shares(&asked, junk, rate)).collect(),
        }
    }
}

/// The images of several episodes together.
struct Pool {
    by_score: Ranking,
    by_cosine: Ranking,
    /// Of each episode.
    excess: Vec<Excess>,
    /// Known images of an episode.
    n_known: f64,
    /// Unknown images of an episode.
    n_unknown: f64,
}

impl Pool {
    /// The figures where the episode at each position counts `weights` times.
    fn figures(&self, weights: &[u32]) -> GalleryFigures {
        let score = self.by_score.areas(weights);
        let cosine = self.by_cosine.areas(weights);
        let mut excess = Excess::default();
        for (episode, &weight) in self.excess.iter().zip(weights) {
            excess.add(episode, f64::from(weight));
        }
        let episodes = f64::from(weights.iter().sum::<u32>());
        GalleryFigures {
            auroc: score.auroc,
            auroc_cosine: cosine.auroc,
            auroc_gain: score.auroc - cosine.auroc,
            fpr95: score.fpr95,
            oscr: score.oscr,
            ece: excess.error(episodes * self.n_known, episodes * self.n_unknown),
        }
    }
}

fn figures_of_one(answers: &Answers) -> GalleryFigures {
    Galleries::new(vec![answers]).pool().figures(&[1])
}

/// Each figure by `summary` of its values.
fn summarized(all: &[GalleryFigures], summary: impl Fn(&[f64]) -> f64) -> GalleryFigures {
    let of =
        |figure: fn(&GalleryFigures) -> f64| summary(&all.iter().map(figure).collect::<Vec<_>>());
    GalleryFigures {
        auroc: of(|figures| figures.auroc),
        auroc_cosine: of(|figures| figures.auroc_cosine),
        auroc_gain: of(|figures| figures.auroc_gain),
        fpr95: of(|figures| figures.fpr95),
        oscr: of(|figures| figures.oscr),
        ece: of(|figures| figures.ece),
    }
}

/// Hits divided by tries, of each episode; each has tries.
fn shares(episodes: &[(u32, u32)]) -> Vec<f64> {
    episodes.iter().map(|&(hits, tries)| f64::from(hits) / f64::from(tries)).collect()
}

/// At the rate with this position in [`RATES`].
fn junk_shares(asked: &[&Answers], junk: &[JunkEmbeddings], rate: usize) -> JunkShares {
    let mut shares = JunkShares { rate: RATES[rate], accepted: 0.0, kinds: Default::default() };
    let n_images = junk.iter().map(|kind| kind.rows.nrows()).sum::<usize>() as f64;
    for (position, JunkEmbeddings { kind, rows }) in junk.iter().enumerate() {
        let counts = asked.iter().map(|answers| f64::from(answers.accepted[rate].junk[position]));
        // Images of this kind that a gallery accepts, on average.
        let accepted = counts.sum::<f64>() / asked.len() as f64;
        shares.accepted += accepted / n_images;
        shares.kinds.insert(*kind, accepted / rows.nrows() as f64);
    }
    shares
}
