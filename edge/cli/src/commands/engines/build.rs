//! `handful engines build`: each engine of the bundle that is not built yet.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use edge::board::next_step;
use edge::built::{self, BuildError};
use edge::engine::cache::{Found, Stored};
use edge::engine::{EngineKind, Provider, Rejection, check_provider};
use edge::slot::remember_built;
use models::fault::{AnyFault, Message};
use serde::Serialize;
use terminal::note;

use super::place::Place;
use crate::text::show;

/// How often the time is printed while an engine is built.
const PRINT_EVERY: Duration = Duration::from_secs(10);

/// What was built.
#[derive(Debug, Serialize)]
struct Answer {
    folder: String,
    engines: Vec<Outcome>,
    /// What is missing on this machine, if nothing can be built.
    missing: Option<String>,
    /// What to install.
    next_step: Option<String>,
}

/// What became of one engine.
#[derive(Debug, Serialize)]
struct Outcome {
    provider: String,
    precision: String,
    /// `built`, `already_built` or `refused`.
    state: &'static str,
    build_ms: Option<u64>,
    image_ms: Option<f64>,
    bytes: Option<u64>,
    reason: Option<String>,
}

pub(super) fn run(place: &Place, force: bool, json: bool) -> Result<(), AnyFault> {
    let kinds = built::kinds(&place.bundle, &place.options);
    let missing = missing(place, &kinds);
    let engines = match &missing {
        Some(_) => Vec::new(),
        None => kinds.iter().map(|kind| build(place, *kind, force)).collect(),
    };
    let step = missing.as_ref().and_then(|_| next_step(&place.board, Some(Provider::Cpu)));
    let answer = Answer {
        folder: place.cache.root().display().to_string(),
        engines,
        next_step: step.map(|step| step.to_string()),
        missing,
    };
    show(&answer, json)?;
    let refused = answer.engines.iter().filter(|engine| engine.state == "refused").count();
    match (&answer.missing, refused) {
        (Some(_), _) => Err(Message::machine("no engine can be built on this machine").into()),
        // Another precision works: the service has what it needs.
        (None, refused) if refused < answer.engines.len() => Ok(()),
        (None, _) => Err(Message::machine("no engine was built").into()),
    }
}

/// What is missing to build anything, in one line.
fn missing(place: &Place, kinds: &[EngineKind]) -> Option<String> {
    let Some(EngineKind { provider, .. }) = kinds.first() else {
        let precision = place.options.precision;
        return Some(format!("the bundle has no file in {precision} for TensorRT"));
    };
    let checked = check_provider(*provider, &place.options);
    checked.err().map(|error| error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
}

fn build(place: &Place, kind: EngineKind, force: bool) -> Outcome {
    let made = built::made_for(&place.bundle, kind, &place.options, &place.machine);
    let found = match made {
        Ok(made) => place.cache.open(&made.key()),
        Err(rejection) => return Outcome::refused(kind, &rejection.into()),
    };
    match found {
        Found::Whole(entry) if !force => {
            let stored = Stored { entry: *entry, removed: Vec::new() };
            // A service may have refused it, and was to be helped by this.
            remember(place, kind, &stored);
            return Outcome::of(kind, "already_built", &stored);
        }
        Found::Refused(reason) => note!("the engine that was there was removed: {reason}"),
        Found::Whole(_) | Found::Absent => {}
    }
    note!("building {kind}; this takes minutes on small boards");
    let built = with_elapsed(&kind.to_string(), || {
        built::build(&place.cache, &place.bundle, kind, &place.options, &place.machine)
    });
    match built {
        Ok(stored) => {
            remember(place, kind, &stored);
            for removed in &stored.removed {
                note!("removed {} to make room: it was not used for the longest time", removed.key);
            }
            Outcome::of(kind, "built", &stored)
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

/// Has the next start of a service use an engine.
fn remember(place: &Place, kind: EngineKind, stored: &Stored) {
    if let Some(ms) = stored.entry.about.image_ms {
        let Place { cache, bundle, options, machine, .. } = place;
        remember_built(cache, bundle, kind, options, machine, ms.get());
    }
}

/// Does the work, and prints from time to time how long it has taken.
fn with_elapsed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let before = Instant::now();
    thread::scope(|scope| {
        let (end, ended) = channel::<()>();
        scope.spawn(move || {
            while ended.recv_timeout(PRINT_EVERY) == Err(RecvTimeoutError::Timeout) {
                note!("building {what}: {} s", before.elapsed().as_secs());
            }
        });
        let done = work();
        drop(end);
        done
    })
}

impl Outcome {
    fn new(EngineKind { provider, precision }: EngineKind, state: &'static str) -> Self {
        Self {
            provider: provider.to_string(),
            precision: precision.to_string(),
            state,
            build_ms: None,
            image_ms: None,
            bytes: None,
            reason: None,
        }
    }

    fn of(kind: EngineKind, state: &'static str, stored: &Stored) -> Self {
        let about = &stored.entry.about;
        Self {
            build_ms: Some(about.build_ms),
            image_ms: about.image_ms.map(|ms| ms.get()),
            bytes: Some(stored.entry.bytes),
            ..Self::new(kind, state)
        }
    }

    fn refused(kind: EngineKind, error: &BuildError) -> Self {
        let reason = match error {
            // The name of the engine is beside it.
            BuildError::Rejected(Rejection { reason, .. }) => reason.clone(),
            error => error.to_string(),
        };
        Self { reason: Some(reason), ..Self::new(kind, "refused") }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for engine in &self.engines {
            let Outcome { provider, precision, build_ms, image_ms, reason, .. } = engine;
            match (reason, engine.state) {
                (Some(reason), _) => writeln!(f, "{provider} in {precision}: refused: {reason}")?,
                (None, state) => {
                    let state = if state == "built" { "built" } else { "already built" };
                    let seconds = build_ms.unwrap_or_default() as f64 / 1e3;
                    write!(f, "{provider} in {precision}: {state} in {seconds:.0} s")?;
                    match image_ms {
                        Some(ms) => writeln!(f, ", {ms:.2} ms an image")?,
                        None => writeln!(f)?,
                    }
                }
            }
        }
        if let Some(missing) = &self.missing {
            writeln!(f, "TensorRT cannot build here: {missing}")?;
        }
        match (&self.next_step, &self.missing) {
            (Some(step), _) => writeln!(f, "a better engine, {step}"),
            (None, Some(_)) => {
                writeln!(f, "nothing to install helps here: `handful doctor` shows what runs")
            }
            (None, None) => writeln!(f, "kept in {}", self.folder),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use edge::board::Board;
    use edge::engine::EngineOptions;
    use edge::engine::cache::{About, EngineCache, Machine, Milliseconds};
    use models::bundle::{Bundle, BundleLimits};

    use super::*;

    #[test]
    fn an_engine_that_is_built_already_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
        let bundle = Bundle::open(&fixtures.join("tiny-bundle"), &BundleLimits::default()).unwrap();
        let place = Place {
            cache: EngineCache::new(folder.path().to_owned()),
            bundle,
            options: EngineOptions::default(),
            board: Board::read(Path::new("/")),
            machine: Machine { gpu: Some("Orin".to_owned()), ..Machine::default() },
        };
        let kind = built::kinds(&place.bundle, &place.options)[0];
        let made_for =
            built::made_for(&place.bundle, kind, &place.options, &place.machine).unwrap();
        let new = place.cache.begin(&made_for.key()).unwrap();
        fs::write(new.folder().join("context.onnx"), "built").unwrap();
        let image_ms = Some(Milliseconds::new(1.25));
        let bundle = "tiny".to_owned();
        new.finish(About { made_for, bundle, build_ms: 61_000, image_ms }).unwrap();

        assert_eq!(build(&place, kind, false).state, "already_built");
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
        let text = fs::read_to_string(files.next().unwrap()).unwrap();
        let remembered: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(remembered["measured"][0]["ms"], 1.25);
        assert_eq!(remembered["refused"], serde_json::json!([]));
    }
}
