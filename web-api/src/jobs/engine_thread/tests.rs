#![allow(clippy::unwrap_used)]
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use edge::backbone::Started;
use edge::engine::{Engine, EngineError, Provider};
use models::bundle::{Bundle, BundleLimits, Precision};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use tokio::task::JoinSet;

use super::super::client::tests::client;
use super::*;

/// An input that begins with this value fails its run.
const BAD: f32 = -1.0;
/// One that begins with this value panics.
const WORSE: f32 = -2.0;

/// The sizes of the runs.
type Runs = Arc<Mutex<Vec<usize>>>;

/// An engine whose run takes the same time whatever its batch; the embedding repeats the first
/// value of the input.
struct Fake {
    provider: Provider,
    run: Duration,
    size: usize,
    runs: Runs,
}

impl Engine for Fake {
    fn provider(&self) -> Provider {
        self.provider
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
        let firsts: Vec<f32> =
            inputs[0].1.outer_iter().map(|input| input.iter().copied().next().unwrap()).collect();
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(firsts.len());
        thread::sleep(self.run);
        assert!(!firsts.contains(&WORSE), "a bad input");
        if firsts.contains(&BAD) {
            return Err(EngineError::Refused("a bad input".to_owned()));
        }
        let shape = IxDyn(&[firsts.len(), self.size]);
        Ok(vec![ArrayD::from_shape_fn(shape, |index| firsts[index[0]])])
    }
}

/// A thread with such an engine, the sizes of its runs, and the length of its inputs.
struct Fixture {
    engine: Arc<EngineThread>,
    runs: Runs,
    length: usize,
}

/// Its runs have grown to a whole batch.
async fn fixture(max_batch: usize, run: Duration) -> Fixture {
    let runs = Runs::default();
    let embedder = embedder(Provider::Cpu, max_batch, run, &runs);
    let size = embedder.manifest().preprocess.size;
    let length = 3 * size * size;
    let (engine, _) = EngineThread::start(embedder, Duration::ZERO).unwrap();
    let fixture = Fixture { engine: Arc::new(engine), runs, length };
    while fixture.runs().last() != Some(&max_batch) {
        let release = fixture.busy().await;
        let calls: Vec<_> =
            (0..max_batch).map(|_| tokio::spawn(fixture.embed(caller(201), 1.0))).collect();
        settle().await;
        release.send(()).unwrap();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
    fixture.runs.lock().unwrap().clear();
    fixture
}

fn embedder(provider: Provider, max_batch: usize, run: Duration, runs: &Runs) -> Embedder {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge/tests/fixtures/tiny-bundle");
    let mut manifest = Bundle::open(&folder, &BundleLimits::default()).unwrap().manifest;
    manifest.backbone.max_batch = max_batch;
    let size = manifest.backbone.embedding_size;
    let engine = Box::new(Fake { provider, run, size, runs: Arc::clone(runs) });
    let started = Started { engine, precision: Precision::Fp32, rejected: Vec::new() };
    Embedder::of(&manifest, started)
}

impl Fixture {
    /// A call of a client for the embedding of an input that begins with this value.
    fn embed(
        &self,
        caller: Caller,
        first: f32,
    ) -> impl Future<Output = Result<Embedding, JobError>> + Send + use<> {
        let engine = Arc::clone(&self.engine);
        let mut input = vec![0.0; self.length];
        input[0] = first;
        async move { engine.embed(caller, &EngineLease::default(), input, None).await }
    }

    fn runs(&self) -> Vec<usize> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the thread busy until the sender is used, so that what is called next waits together.
    async fn busy(&self) -> std::sync::mpsc::Sender<()> {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let engine = Arc::clone(&self.engine);
        tokio::spawn(async move {
            let work = move |_: &mut Embedder| {
                started.send(()).unwrap();
                wait.recv().unwrap();
            };
            engine.call(caller(200), work).await.unwrap();
        });
        running.await.unwrap();
        release
    }
}

fn caller(number: u8) -> Caller {
    client(number).into()
}

/// Lets tasks that were spawned put their jobs into the queue.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_waits_shares_a_run_and_each_has_its_own_embedding() {
    let fixture = fixture(4, Duration::ZERO).await;
    let release = fixture.busy().await;
    let calls: Vec<_> = (1..=6_u8)
        .map(|number| tokio::spawn(fixture.embed(caller(number), f32::from(number))))
        .collect();
    settle().await;
    release.send(()).unwrap();
    for (number, call) in (1..=6_u8).zip(calls) {
        let embedding = call.await.unwrap().unwrap();
        assert!(embedding.values.iter().all(|value| *value == f32::from(number)), "{number}");
    }
    assert_eq!(fixture.runs(), [4, 2]);
}

#[tokio::test]
async fn one_bad_input_fails_by_itself() {
    for bad in [BAD, WORSE] {
        let fixture = fixture(8, Duration::ZERO).await;
        let release = fixture.busy().await;
        let calls: Vec<_> = [1.0, bad, 3.0]
            .into_iter()
            .map(|first| tokio::spawn(fixture.embed(caller(1), first)))
            .collect();
        settle().await;
        release.send(()).unwrap();
        let mut values = Vec::new();
        for call in calls {
            values.push(call.await.unwrap().ok().map(|embedding| embedding.values[0]));
        }
        assert_eq!(values, [Some(1.0), None, Some(3.0)]);
        assert_eq!(fixture.runs(), [3, 1, 1, 1], "once each");
        assert!(fixture.embed(caller(2), 5.0).await.is_ok(), "the thread goes on");
    }
}

#[tokio::test]
async fn a_call_that_has_ended_is_in_no_batch() {
    let fixture = fixture(8, Duration::ZERO).await;
    let release = fixture.busy().await;
    let calls: Vec<_> =
        (1..=3_u8).map(|number| tokio::spawn(fixture.embed(caller(number), 1.0))).collect();
    settle().await;
    calls[1].abort();
    settle().await;
    release.send(()).unwrap();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.is_ok(), number != 1);
    }
    assert_eq!(fixture.runs(), [2]);
}

#[tokio::test]
async fn addresses_take_turns_in_a_batch() {
    // Long enough for the test to see the runs before the last one.
    let fixture = fixture(4, Duration::from_millis(50)).await;
    let release = fixture.busy().await;
    let mut calls = JoinSet::new();
    for _ in 0..9 {
        calls.spawn(fixture.embed(caller(1), 1.0));
    }
    settle().await;
    let other = tokio::spawn(fixture.embed(caller(2), 2.0));
    settle().await;
    release.send(()).unwrap();
    other.await.unwrap().unwrap();
    // It came last and is in the first run: three of the others were before it, not nine.
    assert!(fixture.runs().len() <= 2, "{:?}", fixture.runs());
    while let Some(call) = calls.join_next().await {
        call.unwrap().unwrap();
    }
    assert_eq!((fixture.runs()[0], fixture.runs().iter().sum()), (4, 10_usize));
}

#[tokio::test]
async fn a_batch_has_one_priority() {
    let fixture = fixture(8, Duration::ZERO).await;
    let release = fixture.busy().await;
    let mut calls = JoinSet::new();
    for number in 1..=3 {
        calls.spawn(fixture.embed(Caller::for_images(client(number), 2), 1.0));
        calls.spawn(fixture.embed(Caller::for_images(client(number), 1), 2.0));
    }
    settle().await;
    release.send(()).unwrap();
    while let Some(call) = calls.join_next().await {
        call.unwrap().unwrap();
    }
    assert_eq!(fixture.runs(), [3, 3]);
}

/// The time of eight images of each of 16 clients.
async fn time_of_128(max_batch: usize) -> Duration {
    let fixture = fixture(max_batch, Duration::from_millis(5)).await;
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for number in 1..=16 {
        let eight: Vec<_> = (0..8).map(|_| fixture.embed(caller(number), 1.0)).collect();
        calls.spawn(async move {
            for call in eight {
                call.await.unwrap();
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    start.elapsed()
}

#[tokio::test]
async fn batches_make_a_slow_engine_six_times_as_fast() {
    let ratio = time_of_128(1).await.as_secs_f64() / time_of_128(16).await.as_secs_f64();
    println!("16 clients, one image each: {ratio:.1} x the images a second of single runs");
    assert!(ratio >= 6.0, "{ratio:.1}");
}
