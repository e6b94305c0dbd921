//! The base classes that completers learn from: classes with images, classifier rows, or both.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use few_shot::embedding_frame::{EmbeddingFrame, normalized};
use few_shot::fit::base_classes::BaseClass;
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

/// Number of synthetic embeddings for a class that is known only by its classifier row.
const SYNTHETIC: usize = 32;

/// Seed of the base images whose offsets synthetic embeddings take.
const SEED: u64 = 1;

/// The base classes that completers learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ClassSource {
    /// Base classes with images.
    Images,
    /// Rows of the checkpoint's classifier. Images are used only to measure how far embeddings
    /// spread around their class.
    Classifier,
    /// Base classes with images, and classifier rows.
    Both,
}

/// Classifier rows that are excluded, so that no evaluated class is a training class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Exclusion {
    /// Rows of validation and novel classes.
    Evaluated,
    /// Those rows, and rows of their hypernyms and hyponyms.
    Relatives,
    /// Exclude nothing. For a model that is deployed, not for one whose accuracy is reported: the
    /// completers are fitted to the evaluated classes.
    None,
}

/// Base classes and their embeddings.
#[derive(Debug)]
pub struct BaseEmbeddings {
    /// Names in `knowledge.json`.
    pub names: Vec<String>,
    /// Embeddings of each class, `[images, s]`, of images or synthetic.
    pub embeddings: Vec<Array2<f32>>,
}

/// The base classes of a source. A classifier row has no images; synthetic embeddings replace them.
///
/// # Errors
/// Fewer than two base classes, a run without a classifier, a class that `knowledge.json` lacks, or
/// no class left after the exclusion.
pub fn base_embeddings(
    run: &Run,
    checkpoint: &Checkpoint,
    dataset: &Dataset,
    class_source: ClassSource,
    exclusion: Exclusion,
    compute: Compute,
) -> Result<BaseEmbeddings> {
    let mut names = Vec::new();
    let base = base_names(dataset)?;
    // Rows need them as well: the spread of synthetic embeddings is that of images.
    let mut seen = embeddings(run, checkpoint, dataset, Split::Base, compute)?;
    let mut all = Vec::new();
    if class_source != ClassSource::Images {
        let (knowledge, words) = run.knowledge()?;
        let (classes, rows) = classifier(checkpoint, &knowledge, &words)?;
        let is_excluded = evaluated(&knowledge, exclusion);
        let kept: Vec<usize> = (0..classes.len())
            .filter(|&row| !is_excluded(&classes[row].descriptor, classes[row].synset))
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
    ensure!(
        !names.is_empty(),
        BadInput(
            "no base class is left: all are excluded; use --exclude evaluated or more base classes"
                .to_owned()
        )
    );
    Ok(BaseEmbeddings { names, embeddings: all })
}

/// The names of the base classes of a data set. Completion needs at least two.
pub(super) fn base_names(dataset: &Dataset) -> Result<Vec<String>> {
    let base = dataset.split(Split::Base);
    ensure!(
        base.len() > 1,
        BadInput(format!("the data has {} base class(es), expected at least 2", base.len()))
    );
    Ok(base.iter().map(|class| class.name.clone()).collect())
}

/// The mean embeddings of classes, `[K, s]`.
pub(super) fn prototypes(embeddings: &[Array2<f32>]) -> Result<Array2<f32>> {
    let means: Vec<_> = embeddings.iter().map(|rows| prototype::mean(rows.view())).collect();
    let means: Vec<_> = means.iter().map(|mean| mean.view()).collect();
    stack(Axis(0), &means).context("embeddings differ in size")
}

/// Makes a function from a classifier row to synthetic embeddings of its class, `[SYNTHETIC, s]`.
///
/// Their mean has the direction of the row, relative to the mean row, and the mean distance of the
/// classes with images from their center. Each embedding adds the offset of a base image from its
/// class mean.
fn synthetic<'a>(
    rows: ArrayView2<'a, f32>,
    prototypes: &'a Array2<f32>,
    seen: &'a [Array2<f32>],
) -> impl Fn(usize) -> Array2<f32> + use<'a> {
    let frame = EmbeddingFrame::at_mean_distance(prototypes.view());
    // Rows are weights and not embeddings, so they have a center of their own.
    let center = rows.mean_axis(Axis(0)).unwrap_or_default();
    let means = frame.to_embedding(normalized(&rows - &center));
    move |row| {
        // A seed per row: the result does not depend on which rows are excluded.
        let mut rng = ChaCha8Rng::seed_from_u64(SEED ^ row as u64);
        let mut images = Array2::zeros((SYNTHETIC, means.ncols()));
        for mut image in images.rows_mut() {
            let class = below(&mut rng, seen.len());
            let real = seen[class].row(below(&mut rng, seen[class].nrows()));
            image.assign(&(&means.row(row) + &real - prototypes.row(class)));
        }
        images
    }
}

/// The classes of the checkpoint's classifier and their rows, `[K, s]`.
pub(super) fn classifier(
    checkpoint: &Checkpoint,
    knowledge: &Knowledge,
    words: &Words,
) -> Result<(Vec<BaseClass>, Array2<f32>)> {
    let weight = checkpoint.parameters.get("head.weight").filter(|weight| {
        // A row without a class name cannot be matched with knowledge.
        weight.shape().first() == Some(&checkpoint.classes.len())
    });
    let weight = weight.ok_or_else(|| {
        BadInput(
            "the run has no classifier with class names: learn from images \
             (--class-source images, or no --from-classifier)"
                .to_owned(),
        )
    })?;
    let rows = weight.clone().into_dimensionality::<Ix2>().context("a classifier is a matrix")?;
    let names = checkpoint.classes.iter().map(String::as_str);
    Ok((base_classes(knowledge, words, names)?, rows))
}

/// Makes a predicate that is true for excluded classes.
pub(super) fn evaluated(
    knowledge: &Knowledge,
    out: Exclusion,
) -> impl Fn(&SemanticDescriptor, SynsetId) -> bool + use<> {
    let classes = knowledge.classes.iter().filter(|class| class.split != Split::Base);
    let classes: Vec<&KnownClass> = classes.filter(|_| out != Exclusion::None).collect();
    let synsets: BTreeSet<SynsetId> = classes.iter().map(|class| class.wnid).collect();
    let is_relative = out == Exclusion::Relatives;
    let above: BTreeSet<SynsetId> = classes
        .iter()
        .filter(|_| is_relative)
        .flat_map(|class| class.ancestors.iter().copied())
        .collect();
    move |descriptor, synset| {
        synsets.contains(&synset)
            || above.contains(&synset)
            || (is_relative && descriptor.hypernyms.iter().any(|id| synsets.contains(id)))
    }
}

/// The error of a class that `knowledge.json` lacks.
pub(super) fn unknown(class: &str) -> BadInput {
    BadInput(format!(
        "knowledge.json has no class `{class}`: run handful-train knowledge again with the same data"
    ))
}

/// The semantic descriptors of these classes.
pub fn known_as<'a>(
    knowledge: &Knowledge,
    words: &Words,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<SemanticDescriptor>> {
    let classes = base_classes(knowledge, words, names)?;
    Ok(classes.into_iter().map(|class| class.descriptor).collect())
}

/// The synsets and semantic descriptors of these classes.
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
            // `SemanticDescriptor` expects its hypernyms sorted.
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
    fn synthetic_embeddings_lie_around_the_direction_of_the_row() {
        let seen = [array![[4.0, 1.0], [4.0, -1.0]], array![[-4.0, 1.0], [-4.0, -1.0]]];
        let prototypes = array![[4.0, 0.0], [-4.0, 0.0]];
        // Relative to their mean (1, 1), one row points up and the other down.
        let rows = array![[1.0, 1.5], [1.0, 0.5]];
        let synthetic = synthetic(rows.view(), &prototypes, &seen);
        let [first, again, other] = [0, 0, 1].map(synthetic);
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
