//! Which base classes knowledge is learned from: classes of images, the rows of a classifier, or both.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use few_shot::base_classes::BaseClass;
use few_shot::embedding_frame::{EmbeddingFrame, normalized};
use few_shot::prototype;
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::knowledge::attributes::{Knowledge, KnownClass, Words};
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::wordnet::SynsetId;
use models::random::below;
use ndarray::{Array2, ArrayView2, Axis, Ix2, stack};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// How many images are imagined of a class of which only a classifier's row is known.
const IMAGINED: usize = 32;

/// Seed of the images whose distances from their classes imagined ones are given.
const SEED: u64 = 1;

/// What completers learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ClassSource {
    /// The images of the base classes.
    Images,
    /// The rows of the checkpoint's classifier; images only measure.
    Classifier,
    /// Images and rows.
    Both,
}

/// Which classes of a classifier take no part, so that what is evaluated was not learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TakenOut {
    /// Those of validation and novel classes.
    Evaluated,
    /// Those, and all that one of them is a kind of or that is a kind of one of them.
    Relatives,
    /// None: for a product, never for a figure.
    None,
}

/// Base classes with the embeddings of their images.
#[derive(Debug)]
pub struct Taught {
    /// Their names in `knowledge.json`.
    pub names: Vec<String>,
    /// Of each class `[images, s]`, seen or imagined.
    pub embeddings: Vec<Array2<f32>>,
}

/// The base classes of `class_source`. A classifier's row has no image: some are imagined around where it points.
///
/// # Errors
/// Data with less than two base classes; a run without a classifier; a class that knowledge does not have; rows of which none is
/// left.
pub fn taught(
    run: &Run,
    checkpoint: &Checkpoint,
    dataset: &Dataset,
    class_source: ClassSource,
    taken_out: TakenOut,
    compute: Compute,
) -> Result<Taught> {
    let mut names = Vec::new();
    let base = base_names(dataset)?;
    let mut seen = embeddings(run, checkpoint, dataset, Split::Base, compute)?;
    let mut all = Vec::new();
    if class_source != ClassSource::Images {
        let (knowledge, words) = run.knowledge()?;
        let (classes, rows) = classifier(checkpoint, &knowledge, &words)?;
        let is_out = evaluated(&knowledge, taken_out);
        let kept: Vec<usize> = (0..classes.len())
            .filter(|&row| !is_out(&classes[row].descriptor, classes[row].synset))
            .collect();
        names.extend(kept.iter().map(|&row| checkpoint.classes[row].clone()));
        let prototypes = prototypes(&seen)?;
        let synthetic = synthetic(rows.view(), &prototypes, &seen);
        all.extend(kept.iter().map(|&row| synthetic(row)));
    }
    if class_source != ClassSource::Classifier {
        names.extend(base);
        all.append(&mut seen);
    }
    ensure!(!names.is_empty(), BadInput("no base class is left: all were taken out".to_owned()));
    Ok(Taught { names, embeddings: all })
}

/// The names of a data set's base classes, of which completion needs two.
pub(super) fn base_names(dataset: &Dataset) -> Result<Vec<String>> {
    let base = dataset.split(Split::Base);
    let few =
        || BadInput(format!("the data has {} base class(es), expected at least 2", base.len()));
    ensure!(base.len() > 1, few());
    Ok(base.iter().map(|class| class.name.clone()).collect())
}

/// The mean embeddings of classes, `[K, s]`.
pub(super) fn prototypes(embeddings: &[Array2<f32>]) -> Result<Array2<f32>> {
    let means: Vec<_> = embeddings.iter().map(|rows| prototype::mean(rows.view())).collect();
    let means: Vec<_> = means.iter().map(|mean| mean.view()).collect();
    stack(Axis(0), &means).context("embeddings differ in size")
}

/// Imagines images of the class of a classifier's row, `[IMAGINED, s]`: around where the row points, seen from the rows'
/// mean, and as far from the center of the with_images classes as these lie, in distances that images have from their own.
fn synthetic<'a>(
    rows: ArrayView2<'a, f32>,
    prototypes: &'a Array2<f32>,
    seen: &'a [Array2<f32>],
) -> impl Fn(usize) -> Array2<f32> + use<'a> {
    let frame = EmbeddingFrame::at_mean_distance(prototypes.view());
    let center = rows.mean_axis(Axis(0)).unwrap_or_default();
    let means = frame.to_embedding(normalized(&rows - &center));
    move |row| {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED ^ row as u64);
        let mut images = Array2::zeros((IMAGINED, means.ncols()));
        for mut image in images.rows_mut() {
            let class = below(&mut rng, seen.len());
            let model = seen[class].row(below(&mut rng, seen[class].nrows()));
            image.assign(&(&means.row(row) + &model - prototypes.row(class)));
        }
        images
    }
}

/// The rows of the checkpoint's classifier, `[K, s]`, and their classes.
pub(super) fn classifier(
    checkpoint: &Checkpoint,
    knowledge: &Knowledge,
    words: &Words,
) -> Result<(Vec<BaseClass>, Array2<f32>)> {
    let missing = || {
        BadInput(
            "the run has no classifier with the names of its classes: learn from images (--class-source images, or no --from-classifier)"
                .to_owned(),
        )
    };
    let weight = checkpoint.parameters.get("head.weight").ok_or_else(missing)?;
    ensure!(weight.shape().first() == Some(&checkpoint.classes.len()), missing());
    let rows = weight.clone().into_dimensionality::<Ix2>().context("a classifier is a matrix")?;
    let names = checkpoint.classes.iter().map(String::as_str);
    Ok((base_classes(knowledge, words, names)?, rows))
}

/// Whether a class takes no part, by what is known of it and its synset.
pub(super) fn evaluated(
    knowledge: &Knowledge,
    out: TakenOut,
) -> impl Fn(&SemanticDescriptor, SynsetId) -> bool + use<> {
    let classes = knowledge.classes.iter().filter(|class| class.split != Split::Base);
    let classes: Vec<&KnownClass> = classes.filter(|_| out != TakenOut::None).collect();
    let synsets: BTreeSet<SynsetId> = classes.iter().map(|class| class.wnid).collect();
    let is_relative = out == TakenOut::Relatives;
    let above: BTreeSet<SynsetId> = classes
        .iter()
        .filter(|_| is_relative)
        .flat_map(|class| class.ancestors.iter().copied())
        .collect();
    move |known, synset| {
        let below = || is_relative && known.hypernyms.iter().any(|id| synsets.contains(id));
        synsets.contains(&synset) || above.contains(&synset) || below()
    }
}

/// The error of a class that `knowledge.json` lacks.
pub(super) fn unknown(class: &str) -> BadInput {
    BadInput(format!(
        "knowledge.json has no class `{class}`: run handful-train knowledge again with the same data"
    ))
}

/// What is known of these classes.
pub fn known_as<'a>(
    knowledge: &Knowledge,
    words: &Words,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<SemanticDescriptor>> {
    let classes = base_classes(knowledge, words, names)?;
    Ok(classes.into_iter().map(|class| class.descriptor).collect())
}

/// The same with their synsets.
pub(super) fn base_classes<'a>(
    knowledge: &Knowledge,
    words: &Words,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<BaseClass>> {
    names
        .map(|name| {
            let row = knowledge.classes.iter().position(|class| class.name == name);
            let row = row.ok_or_else(|| unknown(name))?;
            let class = &knowledge.classes[row];
            let mut line = class.ancestors.clone();
            line.push(class.wnid);
            line.sort_unstable();
            let descriptor = SemanticDescriptor {
                word_vector: words.classes.row(row).to_owned(),
                hypernyms: line,
            };
            Ok(BaseClass { synset: class.wnid, descriptor })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn images_are_imagined_around_where_a_row_points() {
        let seen = [array![[4.0, 1.0], [4.0, -1.0]], array![[-4.0, 1.0], [-4.0, -1.0]]];
        let prototypes = array![[4.0, 0.0], [-4.0, 0.0]];
        // Their mean is (1, 1): one points upwards, the other down.
        let rows = array![[1.0, 1.5], [1.0, 0.5]];
        let synthetic = synthetic(rows.view(), &prototypes, &seen);
        let (first, again, other) = (synthetic(0), synthetic(0), synthetic(1));
        assert_eq!(first, again);
        assert!(
            first.rows().into_iter().all(|row| row == array![0.0, 5.0] || row == array![0.0, 3.0])
        );
        assert!(other.column(1).iter().all(|&y| y == -5.0 || y == -3.0), "{other}");
        assert!(
            first.column(1).iter().any(|&y| y == 5.0) && first.column(1).iter().any(|&y| y == 3.0)
        );
    }
}
