//! One thread owns the recognizer; all other threads send it jobs through a bounded queue.
//!
//! A job is a closure on the owned state; its result returns through a oneshot channel. A full
//! queue refuses at once, jobs of closed connections are skipped, and a panic fails one job only.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use edge::Recognizer;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::jobs::error::JobError;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A handle to the thread that owns an `S`. The thread ends when the last handle is dropped.
pub struct EngineThread<S = Recognizer> {
    jobs: mpsc::Sender<Job<S>>,
    max_queue: usize,
}

impl<S: Send + 'static> EngineThread<S> {
    /// Starts the thread. At most `max_queue` jobs wait for it.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(mut state: S, max_queue: usize) -> io::Result<(Self, JoinHandle<()>)> {
        let (jobs, mut queue) = mpsc::channel::<Job<S>>(max_queue);
        // A thread and not a task: jobs block, for the time of the network and of an `fsync`.
        let thread = thread::Builder::new().name("engine".to_owned()).spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut state);
            }
        })?;
        Ok((Self { jobs, max_queue }, thread))
    }

    /// Runs `work` on the thread and waits for its result.
    ///
    /// # Errors
    /// [`JobError::QueueFull`], [`JobError::Stopped`], [`JobError::Panicked`].
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let (reply, result) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| {
            // A closed channel means that the connection is gone.
            if !reply.is_closed() {
                // The connection may close meanwhile; the work stays done.
                let _ = reply.send(catch_panic(|| work(state)));
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => JobError::QueueFull(self.max_queue),
            TrySendError::Closed(_) => JobError::Stopped,
        })?;
        result.await.unwrap_or(Err(JobError::Stopped))
    }

    /// False after the thread has ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }
}

fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, JobError> {
    // A panic leaves the recognizer usable: a change is applied only after its commit, and a
    // gallery whose commit did not end reloads its store before the next change.
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|panic| JobError::Panicked(panic_message(panic.as_ref())))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// A thread that owns a counter; its first job waits until the sender is used.
    async fn blocked(
        max_queue: usize,
    ) -> (Arc<EngineThread<u32>>, Sender<()>, tokio::task::JoinHandle<()>) {
        let engine = Arc::new(EngineThread::start(0, max_queue).unwrap().0);
        let (release, wait) = channel::<()>();
        let (started, running) = oneshot::channel();
        let caller = Arc::clone(&engine);
        let call = tokio::spawn(async move {
            let work = move |_: &mut u32| {
                started.send(()).unwrap();
                wait.recv().unwrap();
            };
            caller.call(work).await.unwrap();
        });
        running.await.unwrap();
        (engine, release, call)
    }

    fn add(n: &mut u32) -> u32 {
        *n += 1;
        *n
    }

    #[tokio::test]
    async fn jobs_run_one_after_another_on_the_same_state() {
        let (engine, thread) = EngineThread::start(0, 8).unwrap();
        for expected in 1..=3 {
            assert_eq!(engine.call(add).await.unwrap(), expected);
        }
        drop(engine);
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_recovers() {
        let (engine, release, first) = blocked(1).await;
        let caller = Arc::clone(&engine);
        let second = tokio::spawn(async move { caller.call(add).await });
        while engine.jobs.capacity() == 1 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(engine.call(add).await, Err(JobError::QueueFull(1))));
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 1);
        assert_eq!(engine.call(add).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn jobs_of_cancelled_calls_are_skipped() {
        let (engine, release, first) = blocked(4).await;
        let caller = Arc::clone(&engine);
        let cancelled = tokio::spawn(async move { caller.call(add).await });
        while engine.jobs.capacity() == 4 {
            tokio::task::yield_now().await;
        }
        cancelled.abort();
        assert!(cancelled.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(engine.call(add).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_panic_fails_one_job_only() {
        let (engine, _thread) = EngineThread::start(0, 8).unwrap();
        let failed = engine.call(|_| panic!("ouch")).await;
        assert!(matches!(failed, Err::<(), _>(JobError::Panicked(text)) if text == "ouch"));
        assert_eq!(engine.call(add).await.unwrap(), 1);
    }
}
