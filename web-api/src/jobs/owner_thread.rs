//! A thread that owns a state; all other threads send it jobs through a fair queue.
//!
//! `gallery` owns the galleries; [`EngineThread`](super::engine_thread::EngineThread) is the same
//! for the backbone, with batches. A job is a closure on the owned state; its result returns
//! through a oneshot channel. Addresses take turns by the time that their jobs took, the job of a
//! request that has ended leaves the queue, and a panic fails one job only. Each request, and each
//! list that is being sent, has one job at a time, or a few images in work, so the number of
//! connections bounds the queues.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;

use super::client::Caller;
use super::error::{JobError, catch_panic};
use super::fair_queue::{ClearOnDrop, FairQueue};

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A handle to the thread that owns an `S`. The thread ends when the handle is dropped.
pub struct OwnerThread<S> {
    jobs: Arc<FairQueue<Job<S>>>,
}

impl<S: Send + 'static> OwnerThread<S> {
    /// Starts a thread of this name.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(name: &str, mut state: S) -> io::Result<(Self, JoinHandle<()>)> {
        let jobs = Arc::new(FairQueue::<Job<S>>::new());
        let queue = ClearOnDrop(Arc::clone(&jobs));
        // A thread and not a task: jobs block, for the time of the network and of an `fsync`.
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some((caller, job)) = queue.0.pop(|_, _| true) {
                let start = Instant::now();
                job(&mut state);
                queue.0.charge(caller, start.elapsed());
            }
        })?;
        Ok((Self { jobs }, thread))
    }

    /// Runs `work` on the thread and waits for its result.
    ///
    /// # Errors
    /// [`JobError::Stopped`], [`JobError::Panicked`].
    pub async fn call<T: Send + 'static>(
        &self,
        caller: impl Into<Caller>,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let (reply, result) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| {
            // A closed channel means that the connection is gone, or the time of the request over.
            if !reply.is_closed() {
                // The connection may close meanwhile; the work stays done.
                let _ = reply.send(catch_panic(|| work(state)));
            }
        });
        // It leaves the queue when this call is dropped.
        let _ticket = self.jobs.push(caller.into(), job).map_err(|_| JobError::Stopped)?;
        result.await.unwrap_or(Err(JobError::Stopped))
    }
}

impl<S> OwnerThread<S> {
    /// False after the thread has ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }
}

impl<S> Drop for OwnerThread<S> {
    fn drop(&mut self) {
        // What clients were promised is still done.
        self.jobs.close();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc::{Sender, channel};

    use super::super::client::tests::client;
    use super::*;

    /// A thread that owns a counter; its first job waits until the sender is used.
    async fn blocked() -> (Arc<OwnerThread<u32>>, Sender<()>, tokio::task::JoinHandle<()>) {
        let owner = Arc::new(OwnerThread::start("counter", 0).unwrap().0);
        let (release, wait) = channel::<()>();
        let (started, running) = oneshot::channel();
        let caller = Arc::clone(&owner);
        let call = tokio::spawn(async move {
            let work = move |_: &mut u32| {
                started.send(()).unwrap();
                wait.recv().unwrap();
            };
            caller.call(client(1), work).await.unwrap();
        });
        running.await.unwrap();
        (owner, release, call)
    }

    fn add(n: &mut u32) -> u32 {
        *n += 1;
        *n
    }

    #[tokio::test]
    async fn jobs_run_one_after_another_on_the_same_state() {
        let (owner, thread) = OwnerThread::start("counter", 0).unwrap();
        for expected in 1..=3 {
            assert_eq!(owner.call(client(1), add).await.unwrap(), expected);
        }
        drop(owner);
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn jobs_of_cancelled_calls_are_skipped() {
        let (owner, release, first) = blocked().await;
        let caller = Arc::clone(&owner);
        let cancelled = tokio::spawn(async move { caller.call(client(1), add).await });
        // Polled once, it waits for its turn.
        tokio::task::yield_now().await;
        cancelled.abort();
        assert!(cancelled.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(owner.call(client(1), add).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_panic_fails_one_job_only() {
        let (owner, _thread) = OwnerThread::start("counter", 0).unwrap();
        let failed = owner.call(client(1), |_| panic!("ouch")).await;
        assert!(matches!(failed, Err::<(), _>(JobError::Panicked(text)) if text == "ouch"));
        assert_eq!(owner.call(client(1), add).await.unwrap(), 1);
    }
}
