//! Validates ProtoComNet during training, by episodes with fused prototypes.

use anyhow::{Context, Result, ensure};
use few_shot::compare::{ClassKnowledge, Conditions, compare};
use few_shot::embedding_frame::EmbeddingFrame;
use few_shot::evaluate::Outcome;
use few_shot::fusion::Fusion;
use few_shot::name_bias::NameBias;
use few_shot::protocomnet::{Described, OfClasses, ProtoComNetCompleter};
use models::dataset::{Class, Dataset, Split};
use ndarray::{Array1, Array2};

use super::pretrain::spec;
use crate::config::Validation;
use crate::error::BadInput;

/// The validation classes, checked to be enough for the episodes.
pub(super) fn validation_classes<'a>(
    dataset: &'a Dataset,
    validation: &Validation,
) -> Result<Vec<&'a Class>> {
    let classes = dataset.split(Split::Val);
    let none = "the data has no validation classes; the best epoch is selected on them";
    ensure!(!classes.is_empty(), BadInput(none.to_owned()));
    spec(validation)
        .check(with_sizes(&classes))
        .context("[validation] does not fit the validation classes")?;
    Ok(classes)
}

/// Names and numbers of images.
pub(super) fn with_sizes(classes: &[&Class]) -> Vec<(String, usize)> {
    classes.iter().map(|class| (class.name.clone(), class.images.len())).collect()
}

/// The accuracy of fused prototypes on the classes of these embeddings, `[images, s]` each.
pub(super) fn fused_accuracy(
    rows: &[Array2<f32>],
    completer: ProtoComNetCompleter,
    classes: &[Described],
    validation: &Validation,
) -> Result<Outcome> {
    let completer = OfClasses { completer, classes: classes.to_vec() };
    let size = rows.first().map_or(0, Array2::ncols);
    let nothing = ClassKnowledge {
        frame: EmbeddingFrame::new(Array1::zeros(size), 1.0),
        semantic: Array2::zeros((classes.len(), size)),
        errors: None,
        name_bias: NameBias::default(),
    };
    let &Validation { episodes, seed, .. } = validation;
    let spec = spec(validation);
    let outcomes = compare(rows, &nothing, &completer, spec, Conditions::PLAIN, episodes, seed)
        .context("validation")?;
    let fused = outcomes.into_iter().find(|outcome| outcome.fusion == Fusion::Gaussian);
    fused.context("the comparison has no result for fused prototypes")
}
