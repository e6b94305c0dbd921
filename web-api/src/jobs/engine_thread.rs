//! The thread that owns the engine: it embeds inputs in batches, and compares embeddings.
//!
//! A batch is what waits, up to the `max_batch` of the bundle, and up to what gains from sharing a
//! run (`run_size`). All of it has one priority, so that an image that a person waits
//! for shares its run with no long list. Addresses take turns within a batch, and are charged for
//! equal parts of its time. An input whose call has ended leaves the queue, or the batch before it
//! runs. A batch that fails is repeated input by input, so that one bad input fails by itself.
//! Inputs that stay on different engines, after a switch, share no run.

mod run_size;

use std::io;
use std::iter::zip;
use std::slice::from_ref;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use edge::embedder::Embedder;
use edge::engine::EngineKind;
use edge::recognizer::RecognizerError;
use edge::slot::EngineLease;
use tokio::sync::oneshot;

use super::client::Caller;
use super::decode_queue::Waits;
use super::error::{JobError, catch_panic};
use super::fair_queue::{ClearOnDrop, FairQueue};
use run_size::RunSize;

/// A handle to the thread. It ends when the handle is dropped.
pub struct EngineThread {
    jobs: Arc<FairQueue<Job>>,
    batch: usize,
}

/// An embedding, and an equal part of the time of the run that computed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The raw output of the backbone.
    pub values: Vec<f32>,
    /// The engine of the request.
    pub engine: EngineKind,
    /// The time.
    pub took: Duration,
}

enum Job {
    Embed(Embed),
    /// Anything else, in a job of its own.
    Work(Box<dyn FnOnce(&mut Embedder) + Send>),
}

/// An input of the network that waits to be embedded.
struct Embed {
    input: Vec<f32>,
    /// Keeps the inputs of a request on one engine.
    lease: EngineLease,
    /// Dropped when a batch has taken the input.
    waits: Option<Waits>,
    reply: oneshot::Sender<Result<Embedding, JobError>>,
}

impl EngineThread {
    /// Starts the thread. It waits up to `wait` for more inputs, if there are fewer than a batch.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(embedder: Embedder, wait: Duration) -> io::Result<(Self, JoinHandle<()>)> {
        let jobs = Arc::new(FairQueue::new());
        let (batch, size) = (embedder.batch(), RunSize::new(in_use(&embedder)));
        let mut owner = Owner { jobs: ClearOnDrop(Arc::clone(&jobs)), embedder, wait, size };
        // A thread and not a task: a run blocks for its time.
        let thread = thread::Builder::new().name("engine".to_owned()).spawn(move || owner.run())?;
        Ok((Self { jobs, batch }, thread))
    }

    /// Embeds an input of the network on the engine of its request, in a run that it may share.
    /// `waits` is dropped when the run begins. The call may be dropped at any time.
    ///
    /// # Errors
    /// [`JobError::Recognizer`] if the engine fails; [`JobError::Stopped`], [`JobError::Panicked`].
    pub async fn embed(
        &self,
        caller: Caller,
        lease: &EngineLease,
        input: Vec<f32>,
        waits: Option<Waits>,
    ) -> Result<Embedding, JobError> {
        let (reply, result) = oneshot::channel();
        let job = Job::Embed(Embed { input, lease: lease.clone(), waits, reply });
        self.wait_for(caller, job, result).await
    }

    /// Runs `work` on the thread and waits for its result.
    ///
    /// # Errors
    /// [`JobError::Stopped`], [`JobError::Panicked`].
    pub async fn call<T: Send + 'static>(
        &self,
        caller: Caller,
        work: impl FnOnce(&mut Embedder) -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let (reply, result) = oneshot::channel();
        let job = Job::Work(Box::new(move |embedder| {
            // A closed channel means that the connection is gone, or the time of the request over.
            if !reply.is_closed() {
                // The connection may close meanwhile; the work stays done.
                let _ = reply.send(catch_panic(|| work(embedder)));
            }
        }));
        self.wait_for(caller, job, result).await
    }

    async fn wait_for<T>(
        &self,
        caller: Caller,
        job: Job,
        result: oneshot::Receiver<Result<T, JobError>>,
    ) -> Result<T, JobError> {
        // It leaves the queue when this call is dropped.
        let _ticket = self.jobs.push(caller, job).map_err(|_| JobError::Stopped)?;
        result.await.unwrap_or(Err(JobError::Stopped))
    }

    /// The most inputs of a run.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// False after the thread has ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }
}

impl Drop for EngineThread {
    fn drop(&mut self) {
        // What clients were promised is still done.
        self.jobs.close();
    }
}

/// What the thread has.
struct Owner {
    jobs: ClearOnDrop<Job>,
    embedder: Embedder,
    wait: Duration,
    size: RunSize,
}

impl Owner {
    fn run(&mut self) {
        while let Some((caller, job)) = self.jobs.0.pop(|_, _| true) {
            match job {
                Job::Work(work) => {
                    let start = Instant::now();
                    work(&mut self.embedder);
                    self.jobs.0.charge(caller, start.elapsed());
                }
                Job::Embed(first) => {
                    let batch = self.with_more(caller, first);
                    self.embed(batch);
                }
            }
        }
    }

    /// A batch of this input and of others that wait. Each address adds one before any adds
    /// another.
    fn with_more(&self, caller: Caller, first: Embed) -> Vec<(Caller, Embed)> {
        let most = self.embedder.batch().min(self.size.most());
        let begun = Instant::now();
        let end = begun + self.wait;
        let mut had_turn = vec![caller.client];
        let mut batch = vec![(caller, first)];
        while batch.len() < most {
            // Nothing is waited for while an address that had its turn may have more.
            let until = if had_turn.is_empty() { end } else { begun };
            let more = self.jobs.0.pop_until(until, |other, job| {
                let is_input = matches!(job, Job::Embed(_)) && other.priority == caller.priority;
                is_input && !had_turn.contains(&other.client)
            });
            match more {
                Some((other, Job::Embed(embed))) => {
                    had_turn.push(other.client);
                    batch.push((other, embed));
                }
                Some((_, Job::Work(_))) => unreachable!("only inputs are accepted"),
                None if had_turn.is_empty() => break,
                None => had_turn.clear(),
            }
        }
        batch
    }

    fn embed(&mut self, mut batch: Vec<(Caller, Embed)>) {
        // Nobody waits for the embeddings of calls that have ended.
        batch.retain(|(_, embed)| !embed.reply.is_closed());
        let start = Instant::now();
        let mut inputs = Vec::with_capacity(batch.len());
        let mut leases = Vec::with_capacity(batch.len());
        let mut waiting = Vec::with_capacity(batch.len());
        for (caller, Embed { input, lease, waits, reply }) in batch {
            // Others are decoded while the batch runs.
            drop(waits);
            inputs.push(input);
            leases.push(lease);
            waiting.push((caller, reply));
        }
        let results = embed_each(&mut self.embedder, &inputs, &leases);
        let elapsed = start.elapsed();
        self.measure(&leases, &results, elapsed);
        let took = elapsed / u32::try_from(inputs.len()).unwrap_or(u32::MAX).max(1);
        for (((caller, reply), lease), result) in zip(zip(waiting, leases), results) {
            self.jobs.0.charge(caller, took);
            let embedding = result.map(|values| {
                let engine = lease.kind().expect("invariant: it has just run");
                Embedding { values, engine, took }
            });
            // The connection may have been closed meanwhile.
            let _ = reply.send(embedding);
        }
    }

    /// Learns from a batch that was one run of the engine in use.
    fn measure<T, E>(&mut self, leases: &[EngineLease], results: &[Result<T, E>], took: Duration) {
        let engine = in_use(&self.embedder);
        // What fails is repeated, and what stays on another engine has a run of its own.
        let is_one_run = results.iter().all(Result::is_ok)
            && leases.iter().all(|lease| lease.kind() == Some(engine));
        if !leases.is_empty() && is_one_run {
            self.size.record(engine, leases.len(), took);
        }
    }
}

/// The engine in use.
fn in_use(embedder: &Embedder) -> EngineKind {
    EngineKind { provider: embedder.provider(), precision: embedder.precision() }
}

/// Embeds inputs together, or after a panic one by one.
fn embed_each(
    embedder: &mut Embedder,
    inputs: &[Vec<f32>],
    leases: &[EngineLease],
) -> Vec<Result<Vec<f32>, JobError>> {
    match catch_panic(|| embedder.embed_inputs_leased(inputs, leases)) {
        Ok(each) => {
            let each = each.into_iter();
            each.map(|one| one.map_err(|error| RecognizerError::from(error).into())).collect()
        }
        Err(panic) if inputs.len() == 1 => vec![Err(panic)],
        Err(_) => {
            let each = zip(inputs, leases);
            each.flat_map(|(one, lease)| embed_each(embedder, from_ref(one), from_ref(lease)))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests;
