//! Turns arguments into a [`Recipe`]: reads and checks the files that they name.

use std::path::Path;

use export::calibrate;
use export::draft::{Calibration, Recipe};
use export::error::ExportError;
use models::bundle::Precision;
use models::disk;
use models::fault::{AnyFault, Message};
use models::knowledge::lexicon;
use models::preprocess::Preprocess;

use super::arguments::ExportArguments;
use crate::commands::accuracy;

/// Refuses arguments that hold only at the run's own input size.
pub(super) fn check_size(
    arguments: &ExportArguments,
    own: usize,
    wanted: usize,
) -> Result<(), Message> {
    if arguments.lexicon.is_some() {
        return Err(Message::input(format!(
            "--input-size {wanted} conflicts with --lexicon: name knowledge is fitted at the run's own size, {own}; leave one of them out, or import the weights with a recipe of that size (`handful-train import --preprocess FILE`) and run `knowledge` and `complete` there"
        )));
    }
    // Other engines measure the finished bundle; training evaluates the run at its own size.
    match arguments.accuracy.iter().find(|given| accuracy::is_of_training(given)) {
        Some(given) => Err(Message::input(format!(
            "--accuracy {given}: libtorch measured it on images of {own}x{own}, not of {wanted}x{wanted}; measure the bundle with `handful evaluate` and name the engine, ENGINE=FILE"
        ))),
        None => Ok(()),
    }
}

/// Reads the files that the arguments name; calibration images become inputs as `preprocess` says.
pub(super) fn read(
    arguments: &ExportArguments,
    preprocess: &Preprocess,
) -> Result<Recipe, AnyFault> {
    Ok(Recipe {
        name: arguments.name.clone().unwrap_or_else(|| folder_name(&arguments.out)),
        storage: arguments.weights.storage(),
        max_batch: arguments.batch_max,
        accuracy: arguments
            .accuracy
            .iter()
            .map(|given| accuracy::read(given))
            .collect::<Result<_, _>>()?,
        weights_license: arguments.license.clone(),
        lexicon: arguments.lexicon.as_deref().map(read_lexicon).transpose()?,
        half_arithmetic: asks_for(arguments, Precision::Fp16),
        calibration: calibration(arguments, preprocess)?,
    })
}

/// The default of a bundle's name.
pub(crate) fn folder_name(out: &Path) -> String {
    out.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn asks_for(arguments: &ExportArguments, precision: Precision) -> bool {
    arguments.precision.iter().any(|arithmetic| arithmetic.includes(precision))
}

/// The int8 variants and their images, if any are asked for.
fn calibration(
    arguments: &ExportArguments,
    preprocess: &Preprocess,
) -> Result<Option<Calibration>, AnyFault> {
    let precisions: Vec<_> = Precision::ALL
        .into_iter()
        .filter(|&precision| precision.is_integer() && asks_for(arguments, precision))
        .collect();
    if precisions.is_empty() {
        return Ok(None);
    }
    let Some(data) = &arguments.calibrate else {
        return Err(Message::input(
            "--precision int8 needs --calibrate DATA: images that the network was trained on, or images like those it will recognize".to_owned(),
        )
        .into());
    };
    let images = calibrate::images(data, preprocess).map_err(ExportError::from)?;
    Ok(Some(Calibration { precisions, images }))
}

fn read_lexicon(path: &Path) -> Result<Vec<u8>, Message> {
    disk::read(path, lexicon::MAX_BYTES).map_err(|e| Message::input(format!("--lexicon: {e}")))
}
