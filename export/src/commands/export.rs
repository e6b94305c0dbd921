//! `handful-export RUN --out BUNDLE`: writes a training run as a bundle.

mod arguments;
mod recipe;
mod text;

pub(crate) use arguments::ExportArguments;
pub(crate) use recipe::folder_name;

use std::time::Instant;

use edge::engine::{EngineChoice, EngineOptions};
use edge::locate::{self, Environment};
use export::draft::Recipe;
use export::error::ExportError;
use export::publish::publish;
use export::run::{CHECKPOINT, Run};
use models::bundle;
use models::fault::AnyFault;
use models::preprocess::Preprocess;
use terminal::note;

pub(crate) fn run(arguments: &ExportArguments) -> Result<(), AnyFault> {
    let start = Instant::now();
    let run = Run::open(&arguments.run)?;
    let own_size = run.checkpoint.preprocess.size;
    let size = arguments.input_size.unwrap_or(own_size);
    if size != own_size {
        recipe::check_size(arguments, own_size, size)?;
    }
    let preprocess = Preprocess { size, ..run.checkpoint.preprocess.clone() };
    // All files are read before the slow steps, so that errors come early.
    let recipe = recipe::read(arguments, &preprocess)?;
    let options = engine_options(arguments)?;
    for note in [name_note(&run, &recipe, size), decision_note(&run, size)].into_iter().flatten() {
        // On standard error, which leaves standard output to the JSON object.
        note!("{note}");
    }
    if !arguments.json {
        note!(
            "exporting {CHECKPOINT} of {} to {}; verification takes a moment …",
            arguments.run.display(),
            arguments.out.display()
        );
    }
    // Resizing takes a while: refuse a taken place before.
    bundle::check_place(&arguments.out).map_err(ExportError::from)?;
    let run = run.resized(size)?;
    let (draft, report) = publish(&run, &recipe, &options, &arguments.out)?;
    terminal::print(match arguments.json {
        true => text::json(&draft, &report, &arguments.out),
        false => text::summary(&draft, &report, &arguments.out, start.elapsed()),
    })?;
    Ok(())
}

fn engine_options(arguments: &ExportArguments) -> Result<EngineOptions, AnyFault> {
    let library = arguments.onnxruntime.as_deref();
    let onnxruntime = locate::onnxruntime_for(EngineChoice::Auto, library, &Environment::read())?;
    Ok(EngineOptions { onnxruntime, ..EngineOptions::default() })
}

/// What to print if the run has name knowledge and the bundle will have none.
fn name_note(run: &Run, recipe: &Recipe, size: usize) -> Option<String> {
    if run.name_regressor.is_none() || recipe.lexicon.is_some() {
        return None;
    }
    let own_size = run.checkpoint.preprocess.size;
    let reason = match size == own_size {
        true => "no --lexicon is given".to_owned(),
        false => format!("it is for images of {own_size}x{own_size}"),
    };
    Some(format!(
        "note: the bundle gets no name knowledge, although the run has some: {reason}; classes are learned from images only"
    ))
}

/// What to print if the run has a decision and the bundle will have none.
fn decision_note(run: &Run, size: usize) -> Option<String> {
    let own_size = run.checkpoint.preprocess.size;
    (run.decision.is_some() && size != own_size).then(|| {
        format!(
            "note: the bundle gets no decision and accepts every image, although the run has one: \
             it is for images of {own_size}x{own_size}; fit another with `handful-export fit-decision`"
        )
    })
}
