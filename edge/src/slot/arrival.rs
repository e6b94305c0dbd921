//! An engine that a child has built and verified starts in the process that serves.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use super::child::RefusedBuild;
use super::in_use::Running;
use super::same_bundle::SameBundle;
use super::starter::Starter;
use crate::backbone::verify_against_fp32;
use crate::engine::{EngineKind, EngineOptions, catch_panic};

/// How long a stop of this program may stay unseen.
const POLL: Duration = Duration::from_millis(50);

/// What is started.
pub(super) struct Arrival {
    pub(super) starter: Arc<dyn Starter>,
    pub(super) bundle: SameBundle,
    pub(super) kind: EngineKind,
    pub(super) options: EngineOptions,
}

/// Starts the engine on a thread of its own and verifies it once more. A stop does not wait for a
/// driver that takes minutes: then the thread is left behind, and ends with the program.
///
/// # Errors
/// [`RefusedBuild`].
pub(super) fn start(arrival: Arrival, stop: &Receiver<()>) -> Result<Running, RefusedBuild> {
    let (sender, started) = channel();
    let thread = thread::Builder::new().name("engine-start".to_owned());
    thread
        .spawn(move || {
            let started = catch_panic(|| arrival.start()).map_err(RefusedBuild::Failed);
            // After a stop nobody waits for it.
            let _ = sender.send(started.flatten());
        })
        .map_err(|error| RefusedBuild::Failed(format!("no thread can be started: {error}")))?;
    loop {
        match started.recv_timeout(POLL) {
            Ok(started) => return started,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(RefusedBuild::Failed("its thread has ended".to_owned()));
            }
        }
        if stop.try_recv() == Err(TryRecvError::Disconnected) {
            return Err(RefusedBuild::Stopped);
        }
    }
}

impl Arrival {
    fn start(self) -> Result<Running, RefusedBuild> {
        let Self { starter, bundle, kind, options } = self;
        let bundle = bundle.open().map_err(RefusedBuild::Replaced)?;
        let started = starter.start(&bundle, kind, &options);
        // The child has started it and found it right: here it may be right another time.
        let mut engine = started.map_err(|rejection| RefusedBuild::Failed(rejection.reason))?;
        verify_against_fp32(engine.as_mut(), &bundle.manifest, kind.precision)
            .map_err(RefusedBuild::Failed)?;
        Ok(Running { engine, kind, ms: None })
    }
}
