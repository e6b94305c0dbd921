//! Validates ProtoComNet during training, by episodes with fused prototypes.

use anyhow::{Context, Result, ensure};
use few_shot::evaluation::accuracy::Outcome;
use few_shot::evaluation::comparison::compare;
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::policies::{Inputs, Policy};
use few_shot::protocomnet::{Described, OfClasses, ProtoComNetCompleter};
use models::dataset::{Class, Dataset, Split};
use ndarray::Array2;

use super::pretrain::{episodes, spec};
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
    let inputs = Inputs { completer: Some(&completer), knowledge: None };
    // The fusion of the paper, which meta-training trains through.
    let policies = [Policy::Gaussian];
    let outcomes = compare(rows, inputs, &policies, episodes(validation), Conditions::PLAIN)
        .context("validation")?;
    let fused = outcomes.into_iter().find(|outcome| outcome.fusion == Policy::Gaussian);
    fused.context("the comparison has no result for fused prototypes")
}
