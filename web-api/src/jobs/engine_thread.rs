//! One thread owns what cannot be shared; everybody else hands it work through a bounded queue.
//!
//! A command is a closure on the owned state, its answer comes back through a oneshot channel.
//! A full queue refuses at once, a client that has left is not worked for, and a panic becomes an
//! error of that one command.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::http::problem::{Code, Problem};

type Command<S> = Box<dyn FnOnce(&mut S) + Send>;

/// The way to the thread that owns an `S`. It ends when the last worker of it is dropped.
pub struct EngineThread<S> {
    commands: mpsc::Sender<Command<S>>,
    max_queue: usize,
}

impl<S: Send + 'static> EngineThread<S> {
    /// Starts the thread. At most `max_queue` commands wait for it.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(mut state: S, max_queue: usize) -> io::Result<(Self, JoinHandle<()>)> {
        let (commands, mut queue) = mpsc::channel::<Command<S>>(max_queue);
        let thread = thread::Builder::new().name("owner".to_owned()).spawn(move || {
            while let Some(command) = queue.blocking_recv() {
                command(&mut state);
            }
        })?;
        Ok((Self { commands, max_queue }, thread))
    }

    /// Has `work` done and waits for its answer.
    ///
    /// # Errors
    /// What `work` says; `busy` when the queue is full; `not_ready` when the thread has ended.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        let command: Command<S> = Box::new(move |state| {
            if !reply.is_closed() {
                // The client may have left meanwhile; what was done stays done.
                let _ = reply.send(guarded(|| work(state)));
            }
        });
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => busy(self.max_queue),
            TrySendError::Closed(_) => gone(),
        })?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// False once the thread has ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.commands.is_closed()
    }
}

fn guarded<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Problem::internal(format!("the owner thread panicked: {text}")))
    })
}

fn busy(max_queue: usize) -> Problem {
    Problem::busy(format!("All {max_queue} places in the queue are taken"))
}

fn gone() -> Problem {
    Problem::new(Code::NotReady, "The service is stopping.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// A worker on a counter whose first command waits until the sender is used.
    async fn blocked(
        max_queue: usize,
    ) -> (Arc<EngineThread<u32>>, Sender<()>, tokio::task::JoinHandle<()>) {
        let worker = Arc::new(EngineThread::start(0, max_queue).unwrap().0);
        let (release, wait) = channel::<()>();
        let (started, running) = oneshot::channel();
        let caller = Arc::clone(&worker);
        let call = tokio::spawn(async move {
            let work = move |_: &mut u32| {
                started.send(()).unwrap();
                wait.recv().unwrap();
                Ok(())
            };
            caller.call(work).await.unwrap();
        });
        running.await.unwrap();
        (worker, release, call)
    }

    fn add(n: &mut u32) -> Result<u32, Problem> {
        *n += 1;
        Ok(*n)
    }

    #[tokio::test]
    async fn commands_are_done_one_after_another_on_the_same_state() {
        let (worker, thread) = EngineThread::start(0, 8).unwrap();
        for expected in 1..=3 {
            assert_eq!(worker.call(add).await.unwrap(), expected);
        }
        drop(worker);
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_recovers() {
        let (worker, release, first) = blocked(1).await;
        let caller = Arc::clone(&worker);
        let second = tokio::spawn(async move { caller.call(add).await });
        while worker.commands.capacity() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(worker.call(add).await.unwrap_err().code(), Code::Busy);
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 1);
        assert_eq!(worker.call(add).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn nobody_works_for_a_client_that_has_left() {
        let (worker, release, first) = blocked(4).await;
        let caller = Arc::clone(&worker);
        let leaver = tokio::spawn(async move { caller.call(add).await });
        while worker.commands.capacity() == 4 {
            tokio::task::yield_now().await;
        }
        leaver.abort();
        assert!(leaver.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(worker.call(add).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_panic_is_the_error_of_one_command() {
        let (worker, _thread) = EngineThread::start(0, 8).unwrap();
        let failed = worker.call(|_| -> Result<(), Problem> { panic!("ouch") }).await;
        assert_eq!(failed.unwrap_err().code(), Code::Internal);
        assert_eq!(worker.call(add).await.unwrap(), 1);
    }
}
