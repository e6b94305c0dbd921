//! Galleries as the fit sees them: everything that is computed of embeddings, once for all
//! candidates of the constants.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis, concatenate, stack};

use super::base_set::{BaseSet, MAX_IMAGES, NameConstants};
use super::draw::{Gallery, Kind, Prototypes, Source, neighbors};
use crate::class_prototypes::ClassPrototypes;
use crate::decision::DecisionModel;
use crate::decision::gallery::{Classes, Examples, GalleryDecision, Scored};
use crate::decision::images::Images;
use crate::decision::score::Weights;
use crate::prototype;

/// A data set, and what is computed of its images before any gallery is drawn.
pub(super) struct MeasuredSet<'a> {
    model: Arc<DecisionModel<f32>>,
    names: Option<(NameConstants<'a>, &'a Array2<f32>)>,
    embeddings: Array2<f32>,
    images: Images<f32>,
    /// The row of the first image of each class.
    first: Vec<usize>,
    /// The number of images of each class.
    sizes: Vec<usize>,
}

/// A gallery and the scores of the images that it was asked about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) kind: Kind,
    pub(super) informative: f64,
    pub(super) likeness: f64,
    /// Other images of its classes.
    pub(super) known: Vec<KnownImage>,
    /// Images of other classes.
    pub(super) unknown: Vec<Seen>,
    /// Enrolled images with their classes, each against the other classes.
    pub(super) examples: Vec<(usize, Seen)>,
}

/// An image against its winner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// The number of images of the winner.
    pub(super) shots: usize,
    cosine: f64,
    novelty: f64,
    overlap: f64,
}

/// An image of a class of the gallery.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KnownImage {
    pub(super) seen: Seen,
    pub(super) class: usize,
    pub(super) winner: usize,
    /// To all classes, with name bias, `[n]`.
    pub(super) similarities: Vec<f64>,
}

impl<'a> MeasuredSet<'a> {
    pub(super) fn new(
        set: &'a BaseSet,
        names: Option<NameConstants<'a>>,
        model: &Arc<DecisionModel<f32>>,
    ) -> Self {
        let views: Vec<_> = set
            .embeddings
            .iter()
            .map(|images| images.slice(ndarray::s![..images.nrows().min(MAX_IMAGES), ..]))
            .collect();
        let embeddings =
            concatenate(Axis(0), &views).expect("invariant: embeddings of one backbone");
        let sizes: Vec<usize> = views.iter().map(|images| images.nrows()).collect();
        let mut first = vec![0];
        first.extend(sizes.iter().scan(0, |row, size| {
            *row += size;
            Some(*row)
        }));
        Self {
            model: Arc::clone(model),
            names: names.zip(set.semantic.as_ref()),
            images: Images::new(model, embeddings.view()),
            embeddings,
            first,
            sizes,
        }
    }

    /// What galleries are drawn from.
    pub(super) fn source(&self, seed: u64) -> Source<'_> {
        let neighbors = self
            .names
            .map(|(names, semantic)| neighbors(names.frame.directions(semantic.view()).view()));
        Source { sizes: &self.sizes, neighbors, seed }
    }

    /// Measures a gallery.
    pub(super) fn measured(&self, kind: Kind, gallery: &Gallery) -> Measured {
        let decision = self.decision(kind, gallery);
        let shots = vec![kind.shots; kind.classes];
        let unknown = decision.scored_and_biased(&self.unknown(gallery));
        let examples = self.examples(gallery);
        let examples = Examples { images: &examples, classes: &owners(kind) };
        Measured {
            kind,
            informative: f64::from(decision.informative()),
            likeness: decision.likeness(),
            known: self.known(&decision, gallery, &shots),
            unknown: unknown.iter().map(|(scored, _)| Seen::of(scored, &shots)).collect(),
            examples: as_unknown(&decision, examples, &shots),
        }
    }

    /// The gallery as a device has it.
    pub(super) fn decision(&self, kind: Kind, gallery: &Gallery) -> GalleryDecision<f32> {
        let prototypes = self.prototypes(kind, gallery);
        let name_bias = prototypes.name_bias().to_vec();
        let classes = Classes {
            prototypes: prototypes.rows(),
            image_counts: prototypes.image_counts(),
            name_bias: &name_bias,
        };
        let images = self.examples(gallery);
        let examples = Examples { images: &images, classes: &owners(kind) };
        GalleryDecision::new(Arc::clone(&self.model), classes, examples)
    }

    /// The enrolled images, one class after the other.
    fn examples(&self, gallery: &Gallery) -> Images<f32> {
        let rows = self.rows(gallery.classes.iter().copied().zip(&gallery.examples));
        self.images.select(&rows)
    }

    /// The images of other classes.
    pub(super) fn unknown(&self, gallery: &Gallery) -> Images<f32> {
        let rows = self.rows(gallery.unknown.iter().map(|(class, images)| (*class, images)));
        self.images.select(&rows)
    }

    fn known(
        &self,
        decision: &GalleryDecision<f32>,
        gallery: &Gallery,
        shots: &[usize],
    ) -> Vec<KnownImage> {
        let rows = self.rows(gallery.classes.iter().copied().zip(&gallery.known));
        let classes = gallery.known.iter().enumerate();
        let classes = classes.flat_map(|(class, images)| vec![class; images.len()]);
        let scored = decision.scored_and_biased(&self.images.select(&rows));
        scored
            .into_iter()
            .zip(classes)
            .map(|((scored, similarities), class)| KnownImage {
                seen: Seen::of(&scored, shots),
                class,
                winner: scored.winner,
                similarities: similarities.into_iter().map(f64::from).collect(),
            })
            .collect()
    }

    fn prototypes(&self, kind: Kind, gallery: &Gallery) -> ClassPrototypes {
        let counts = vec![kind.shots; kind.classes];
        let names = self.names.filter(|_| kind.prototypes != Prototypes::Mean);
        match names {
            None => ClassPrototypes::of_means(self.means(gallery), counts),
            Some((names, semantic)) => {
                let semantic = semantic.select(Axis(0), &gallery.classes);
                let means = match kind.has_images() {
                    true => self.means(gallery),
                    false => Array2::zeros(semantic.dim()),
                };
                let NameConstants { frame, name_bias } = names;
                ClassPrototypes::trusted(means, counts, semantic.view(), frame, name_bias)
            }
        }
    }

    /// The mean prototypes of a gallery, `[n, s]`.
    fn means(&self, gallery: &Gallery) -> Array2<f32> {
        let classes = gallery.classes.iter().copied().zip(&gallery.examples);
        let means: Vec<Array1<f32>> = classes
            .map(|class| {
                let images = self.embeddings.select(Axis(0), &self.rows([class]));
                prototype::mean(images.view())
            })
            .collect();
        let views: Vec<_> = means.iter().map(|mean| mean.view()).collect();
        stack(Axis(0), &views).expect("invariant: embeddings of one backbone")
    }

    /// The rows of images, given by their class and their positions in it.
    fn rows<'b>(&self, classes: impl IntoIterator<Item = (usize, &'b Vec<usize>)>) -> Vec<usize> {
        let classes = classes.into_iter();
        classes
            .flat_map(|(class, images)| images.iter().map(move |image| self.first[class] + image))
            .collect()
    }
}

/// The class of each enrolled image.
fn owners(kind: Kind) -> Vec<usize> {
    (0..kind.classes).flat_map(|class| vec![class; kind.shots]).collect()
}

/// Enrolled images against the other classes; none of a gallery without another class.
fn as_unknown(
    decision: &GalleryDecision<f32>,
    examples: Examples<'_, f32>,
    shots: &[usize],
) -> Vec<(usize, Seen)> {
    if shots.len() < 2 {
        return Vec::new();
    }
    let all: Vec<usize> = (0..shots.len()).collect();
    let scored = decision.scored_as_unknown(examples, &all).into_iter().zip(examples.classes);
    scored.map(|(scored, &class)| (class, Seen::of(&scored, shots))).collect()
}

impl Seen {
    fn of(scored: &Scored<f32>, shots: &[usize]) -> Self {
        Self {
            shots: shots[scored.winner],
            cosine: f64::from(scored.cosine),
            novelty: f64::from(scored.novelty),
            overlap: f64::from(scored.overlap),
        }
    }

    /// The score with these weights, in a gallery whose classes the background separates this well.
    pub(super) fn score(&self, weights: &Weights, informative: f64) -> f64 {
        let lowered = weights.novelty * self.novelty - weights.overlap * self.overlap;
        self.cosine - informative * lowered
    }
}
