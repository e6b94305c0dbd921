//! An engine that differs from TensorRT only in the process that builds it: this test program.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use edge::backbone::start_kind;
use edge::engine::cache::{EngineCache, Machine};
use edge::engine::{
    Engine, EngineError, EngineFiles, EngineKind, EngineOptions, Provider, Rejection,
};
use edge::slot::{Builder, Limits, Starter, Tuning, build_as_child};
use models::bundle::{Bundle, Precision};
use ndarray::{ArrayD, ArrayViewD};

/// The candidate of these tests.
pub(super) const FAKE: EngineKind =
    EngineKind { provider: Provider::TensorRt, precision: Precision::Fp32 };

const MODE: &str = "EDGE_TEST_SLOT_MODE";
const FOLDER: &str = "EDGE_TEST_SLOT_FOLDER";
pub(super) const PARENT: &str = "EDGE_TEST_SLOT_PARENT";

/// What tract takes in the child, where nothing else is measured.
const TRACT: Duration = Duration::from_millis(10);
/// Between tract and the candidate.
const CUDA: Duration = Duration::from_millis(4);
/// Far more, as other programs may slow the child down.
const SLOWER: Duration = Duration::from_millis(200);
/// A build, which takes minutes in earnest.
const BUILD: Duration = Duration::from_secs(1);

/// More bytes than fit a full disk.
const BUILT: [u8; 64] = [7; 64];

/// What the process that builds does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Good,
    Slow,
    Slower,
    Crash,
    Memory,
    Hang,
    Wrong,
}

impl Mode {
    const ALL: [Self; 7] =
        [Self::Good, Self::Slow, Self::Slower, Self::Crash, Self::Memory, Self::Hang, Self::Wrong];
}

pub(super) fn builder(mode: Mode, folder: &Path) -> Builder {
    Builder {
        program: env::current_exe().unwrap(),
        args: ["slot::child", "--exact", "--nocapture"].map(Into::into).to_vec(),
        environment: vec![
            (MODE.into(), format!("{mode:?}").into()),
            (FOLDER.into(), folder.into()),
        ],
    }
}

pub(super) fn tuning(mode: Mode, folder: &Path) -> Tuning {
    Tuning {
        limits: Limits::default(),
        pause: Duration::from_millis(10),
        quiet: Duration::from_millis(1),
        starter: Arc::new(Fake::default()),
        ..Tuning::new(builder(mode, folder), Some(EngineCache::new(folder.join("cache"))))
    }
}

pub(super) fn run_as_child() {
    let Some(word) = env::var_os(MODE) else { return };
    let mode = Mode::ALL.into_iter().find(|mode| word == *format!("{mode:?}")).unwrap();
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    let _ = build_as_child(&Fake { child: Some((mode, folder)), ..Fake::default() });
}

pub(super) fn folder_of_parent() -> Option<PathBuf> {
    env::var_os(PARENT).map(PathBuf::from)
}

/// How many processes have begun to build.
pub(super) fn builds(folder: &Path) -> u64 {
    fs::read_to_string(folder.join("builds")).unwrap_or_default().lines().count() as u64
}

/// The process that builds.
pub(super) fn wait_for_child(folder: &Path) -> u32 {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let text = fs::read_to_string(folder.join("builds")).unwrap_or_default();
        if let Some(process) = text.strip_suffix('\n').and_then(|text| text.parse().ok()) {
            return process;
        }
        assert!(Instant::now() < end, "no build begins");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs; one that has ended may wait to be counted by its parent.
pub(super) fn is_running(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = state.rsplit_once(") ").map(|(_, rest)| rest.starts_with(['Z', 'X']));
    state == Some(false)
}

/// Starts tract as if it were both engines.
#[derive(Debug, Default)]
pub(super) struct Fake {
    pub(super) child: Option<(Mode, PathBuf)>,
    /// The version of the library.
    pub(super) version: &'static str,
    /// Whether the engine that took over fails.
    pub(super) fails: Arc<AtomicBool>,
    /// How a built engine starts in the service.
    pub(super) starts: Starts,
    /// Whether there is a second candidate, which is not as fast.
    pub(super) has_cuda: bool,
}

/// How a built engine starts in the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Starts {
    #[default]
    Well,
    Never,
    WithPanic,
    /// As in a driver that hangs.
    TooLate,
}

impl Starter for Fake {
    fn built(&self, _: &EngineOptions) -> Vec<Provider> {
        let cuda = self.has_cuda.then_some(Provider::Cuda);
        [Provider::TensorRt, Provider::Tract].into_iter().chain(cuda).collect()
    }

    fn machine(&self, _: &EngineOptions) -> Machine {
        Machine { onnxruntime: Some(self.version.to_owned()), ..Machine::default() }
    }

    fn start(
        &self,
        bundle: &Bundle,
        kind: EngineKind,
        options: &EngineOptions,
    ) -> Result<Box<dyn Engine>, Rejection> {
        let is_fake = kind == FAKE;
        let mode = self.child.as_ref().filter(|_| is_fake).map(|(mode, _)| *mode);
        match &options.gpu.files {
            EngineFiles::Build(to) => {
                if let Some((mode, folder)) = self.child.as_ref().filter(|_| is_fake) {
                    build(*mode, folder);
                }
                fs::write(to.join("engine"), BUILT).unwrap();
            }
            EngineFiles::Built(folder) => {
                assert_eq!(fs::read(folder.join("engine")).unwrap(), BUILT);
                self.starts.begin(kind.provider)?;
            }
            EngineFiles::Nowhere => {}
        }
        let tract = EngineKind { provider: Provider::Tract, ..kind };
        let inner = start_kind(bundle, tract, options)?;
        let delay = match (kind.provider, mode) {
            (Provider::Cuda, _) => CUDA,
            (Provider::TensorRt, Some(Mode::Slower)) => SLOWER,
            (Provider::TensorRt, _) => Duration::ZERO,
            _ => TRACT,
        };
        let is_wrong = mode == Some(Mode::Wrong);
        let fails = is_fake.then(|| Arc::clone(&self.fails));
        Ok(Box::new(FakeEngine { inner, provider: kind.provider, delay, is_wrong, fails }))
    }
}

impl Starts {
    fn begin(self, provider: Provider) -> Result<(), Rejection> {
        match self {
            Self::Well => {}
            Self::Never => {
                return Err(Rejection { provider, reason: "no memory on the GPU".to_owned() });
            }
            Self::WithPanic => panic!("the driver is of another version"),
            Self::TooLate => thread::sleep(Duration::from_secs(600)),
        }
        Ok(())
    }
}

fn build(mode: Mode, folder: &Path) {
    let mut builds = OpenOptions::new().create(true).append(true).open(folder.join("builds"));
    // In one write, so that a reader sees the whole number.
    let line = format!("{}\n", process::id());
    builds.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    match mode {
        Mode::Good | Mode::Slower | Mode::Wrong => {}
        Mode::Slow => thread::sleep(BUILD),
        Mode::Crash => process::abort(),
        Mode::Hang => thread::sleep(Duration::from_secs(600)),
        Mode::Memory => {
            let mut taken = Vec::new();
            loop {
                taken.push(vec![1_u8; 64 << 20]);
            }
        }
    }
}

struct FakeEngine {
    inner: Box<dyn Engine>,
    provider: Provider,
    delay: Duration,
    is_wrong: bool,
    fails: Option<Arc<AtomicBool>>,
}

impl Engine for FakeEngine {
    fn provider(&self) -> Provider {
        self.provider
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
        thread::sleep(self.delay);
        if self.fails.as_ref().is_some_and(|fails| fails.load(Ordering::SeqCst)) {
            return Err(EngineError::Refused("the GPU has fallen off the bus".to_owned()));
        }
        let mut outputs = self.inner.run(inputs)?;
        if self.is_wrong {
            outputs.iter_mut().for_each(|output| output.mapv_inplace(|value| -value));
        }
        Ok(outputs)
    }
}
