//! Starts engines one by one. A provider that cannot run the network is refused, and its reason is
//! kept: nothing falls back to another provider unseen.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::choice::{EngineChoice, Provider};
use super::error::EngineError;
use super::model::{Engine, EngineOptions, Model};
use super::{onnxruntime, tract};

/// An engine that works, and why the ones before it do not.
pub struct Selected {
    /// The engine to use.
    pub engine: Box<dyn Engine>,
    /// The providers that were tried before it, in order.
    pub rejected: Vec<Rejection>,
}

impl fmt::Debug for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selected")
            .field("engine", &self.engine.provider())
            .field("rejected", &self.rejected)
            .finish()
    }
}

/// A provider that was tried and not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {reason}")]
pub struct Rejection {
    /// The provider that was refused.
    pub provider: Provider,
    /// The reason, in one line.
    pub reason: String,
}

/// No engine can run the network.
#[derive(Debug, thiserror::Error)]
#[error("no engine can run this network: {}", list(.rejected))]
pub struct SelectError {
    /// Every provider that was tried, with the reason of its refusal.
    pub rejected: Vec<Rejection>,
}

fn list(rejected: &[Rejection]) -> String {
    let lines: Vec<_> = rejected.iter().map(Rejection::to_string).collect();
    lines.join("; ")
}

/// The first engine of `choice` that loads `model`, of those that start at once unless the user
/// insists on another one.
///
/// # Errors
/// [`SelectError`] with the reason of every refusal.
pub fn select(
    model: &Model,
    choice: EngineChoice,
    options: &EngineOptions,
) -> Result<Selected, SelectError> {
    let mut rejected = Vec::new();
    for provider in choice.providers_at_once() {
        match start_verified(model, provider, options, &mut |_| Ok(())) {
            Ok(engine) => return Ok(Selected { engine, rejected }),
            Err(rejection) => rejected.push(rejection),
        }
    }
    Err(SelectError { rejected })
}

/// Starts one provider and verifies it with `verify`. A panic in the library of an engine is a
/// refusal like any other.
///
/// # Errors
/// [`Rejection`] with the reason in one line.
pub fn start_verified(
    model: &Model,
    provider: Provider,
    options: &EngineOptions,
    verify: &mut dyn FnMut(&mut dyn Engine) -> Result<(), String>,
) -> Result<Box<dyn Engine>, Rejection> {
    // Nothing of an attempt that panicked is used again.
    let started = catch_panic(|| start(model, provider, options, verify)).flatten();
    started.map_err(|reason| Rejection { provider, reason: one_line(&reason) })
}

fn start(
    model: &Model,
    provider: Provider,
    options: &EngineOptions,
    verify: &mut dyn FnMut(&mut dyn Engine) -> Result<(), String>,
) -> Result<Box<dyn Engine>, String> {
    let mut engine = load(model, provider, options).map_err(|error| error.to_string())?;
    verify(engine.as_mut())?;
    Ok(engine)
}

fn load(
    model: &Model,
    provider: Provider,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, EngineError> {
    Ok(match provider {
        Provider::Tract => Box::new(tract::Tract::load(model, options.threads.unwrap_or(1))?),
        other => Box::new(onnxruntime::OnnxRuntime::load(model, other, options)?),
    })
}

/// Does what an engine may answer with a panic, which becomes an error in one line. This is the
/// only place that catches one.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.map_err(|panic| one_line(&format!("it panicked: {}", panic_text(panic.as_ref()))))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// The text with its line breaks and runs of spaces as single spaces, cut to a readable length.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
