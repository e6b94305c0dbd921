//! Builds, verifies and times an engine in a child process, which cannot take this one down.
//!
//! The parent writes a [`Job`] as one line of JSON to the child's standard input and keeps it open:
//! at its end the child ends too, also if the parent was killed. The child writes one line of JSON
//! for each stage, and one with the result. Lines of other kinds are not read: libraries write.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{self, Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use models::bundle::{Bundle, BundleLimits, Manifest, Precision};
use rustix::process::{Pid, Signal, kill_process_group, setpriority_process};
use serde::{Deserialize, Serialize};

use super::starter::Starter;
use crate::backbone::{time_an_image, verify_against_fp32};
use crate::engine::{
    Engine, EngineFiles, EngineKind, EngineOptions, GpuOptions, PrecisionChoice, Provider, Stage,
    one_line,
};

/// The hidden subcommand with which a program builds an engine as a child.
pub const SUBCOMMAND: &str = "build-engine";

/// Why nothing is built of a bundle that was replaced.
pub(super) const OTHER_BUNDLE: &str =
    "the bundle was replaced while the service runs; start the service anew";

/// How long a stop of the parent may stay unseen.
const POLL: Duration = Duration::from_millis(50);

/// The lowest priority, on the scale of `nice`.
const LOWEST_PRIORITY: i32 = 19;

/// More than a line of the child has.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// The process that builds an engine.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What is set in its environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Job {
    pub(super) fn new(
        bundle: PathBuf,
        manifest: &Manifest,
        kind: EngineKind,
        options: &EngineOptions,
        folder: Option<PathBuf>,
    ) -> Self {
        let EngineOptions { onnxruntime, threads, gpu, .. } = options;
        Self {
            bundle,
            manifest: manifest.sha256(),
            provider: kind.provider.word().to_owned(),
            precision: kind.precision,
            onnxruntime: onnxruntime.clone(),
            threads: *threads,
            batch: gpu.batch,
            dla_core: gpu.dla_core,
            free_memory: gpu.free_memory,
            folder,
        }
    }

    fn options(&self) -> EngineOptions {
        let files = self.folder.clone().map_or(EngineFiles::Nowhere, EngineFiles::Build);
        EngineOptions {
            onnxruntime: self.onnxruntime.clone(),
            threads: self.threads,
            precision: PrecisionChoice::Only(self.precision),
            gpu: GpuOptions {
                batch: self.batch,
                dla_core: self.dla_core,
                free_memory: self.free_memory,
                files,
            },
        }
    }
}

impl Builder {
    /// This program with [`SUBCOMMAND`].
    ///
    /// # Errors
    /// When the system does not say where this program is.
    pub fn this_program() -> io::Result<Self> {
        Ok(Self::of(std::env::current_exe()?))
    }

    /// Another program with [`SUBCOMMAND`].
    #[must_use]
    pub fn of(program: PathBuf) -> Self {
        Self { program, args: vec![SUBCOMMAND.into()], environment: Vec::new() }
    }
}

/// What a process that builds may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The time.
    pub deadline: Duration,
    /// The bytes of its address space; `None` for no limit.
    pub max_memory_bytes: Option<u64>,
    /// The bytes of a file; `None` for no limit.
    pub max_file_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        // TensorRT takes up to twenty minutes on the smallest boards.
        Self {
            deadline: Duration::from_secs(45 * 60),
            max_memory_bytes: None,
            max_file_bytes: None,
        }
    }
}

/// What a child has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The folder of the bundle.
    pub bundle: PathBuf,
    /// What [`Manifest::sha256`] has to be: another bundle may lie there now.
    pub manifest: String,
    /// The word for the provider.
    pub provider: String,
    /// The arithmetic of the file.
    pub precision: Precision,
    /// The library of ONNX Runtime.
    pub onnxruntime: Option<PathBuf>,
    /// The threads of one run.
    pub threads: Option<usize>,
    /// The batch for which the engine is built.
    pub batch: Option<usize>,
    /// The accelerator for which the engine is built.
    pub dla_core: Option<u32>,
    /// The bytes of memory of which the engine takes a share.
    pub free_memory: Option<u64>,
    /// Where the built engine is written.
    pub folder: Option<PathBuf>,
}

/// Why a child has built no engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedBuild {
    /// This program stops.
    Stopped,
    /// The child failed or took too long: it may succeed another time.
    Failed(String),
    /// The engine cannot be used: it would be the same another time.
    Refused(String),
}

/// A line of a child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Stage(String),
    Ms(f64),
    Refused(String),
}

/// Runs a child and waits for its result: the time of one image in milliseconds. The child is
/// killed when `stop` is closed, or after the deadline.
///
/// # Errors
/// [`RefusedBuild`].
pub(super) fn run(
    builder: &Builder,
    job: &Job,
    limits: &Limits,
    stop: &Receiver<()>,
    on_stage: &mut dyn FnMut(Stage),
) -> Result<f64, RefusedBuild> {
    let mut child = Killed(spawn(builder).map_err(failed("cannot be started"))?);
    // Before the child has its job, and so before it does anything.
    limit(&child.0, limits).map_err(failed("cannot be limited"))?;
    let mut stdin = child.0.stdin.take().expect("invariant: it is piped");
    let stdout = child.0.stdout.take().expect("invariant: it is piped");
    let text = serde_json::to_string(job).map_err(failed("cannot be given its job"))?;
    // A child that has ended already says why below.
    let _ = writeln!(stdin, "{text}");
    let lines = read_lines(stdout).map_err(failed("cannot be read"))?;
    let end = Instant::now() + limits.deadline;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(Line::Stage(word)) => {
                if let Some(stage) = Stage::ALL.into_iter().find(|stage| stage.word() == word) {
                    on_stage(stage);
                }
            }
            Ok(Line::Ms(ms)) if ms.is_finite() && ms > 0.0 => return Ok(ms),
            Ok(Line::Ms(ms)) => {
                return Err(RefusedBuild::Refused(format!("it was timed at {ms} ms an image")));
            }
            Ok(Line::Refused(reason)) => return Err(RefusedBuild::Refused(one_line(&reason))),
            Err(RecvTimeoutError::Disconnected) => match child.0.try_wait() {
                Ok(Some(status)) => return Err(RefusedBuild::Failed(ended(status))),
                _ => thread::sleep(POLL / 10),
            },
            Err(RecvTimeoutError::Timeout) => {}
        }
        if stop.try_recv() == Err(TryRecvError::Disconnected) {
            return Err(RefusedBuild::Stopped);
        }
        if Instant::now() >= end {
            let seconds = limits.deadline.as_secs_f64();
            let reason = format!("the build took longer than {seconds} s and was ended");
            return Err(RefusedBuild::Failed(reason));
        }
    }
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> RefusedBuild {
    move |error| RefusedBuild::Failed(format!("the process that builds {what}: {error}"))
}

fn spawn(builder: &Builder) -> io::Result<Child> {
    Command::new(&builder.program)
        .args(&builder.args)
        .envs(builder.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // What a terminal sends is for this program, which ends the child itself; and the child is
        // ended with all that it started.
        .process_group(0)
        .spawn()
}

#[cfg(target_os = "linux")]
fn limit(child: &Child, limits: &Limits) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, prlimit};

    let pid = Pid::from_child(child);
    // A service manager may forbid it, which is no reason to build nothing.
    let _ = setpriority_process(Some(pid), LOWEST_PRIORITY);
    for (resource, most) in [
        (Resource::As, limits.max_memory_bytes),
        (Resource::Fsize, limits.max_file_bytes),
        // A crash is reported; its memory is not wanted on the disk.
        (Resource::Core, Some(0)),
    ] {
        if most.is_some() {
            prlimit(Some(pid), resource, Rlimit { current: most, maximum: most })?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn limit(child: &Child, _: &Limits) -> io::Result<()> {
    let _ = setpriority_process(Some(Pid::from_child(child)), LOWEST_PRIORITY);
    Ok(())
}

fn read_lines(stdout: ChildStdout) -> io::Result<Receiver<Line>> {
    let (sender, lines) = channel();
    thread::Builder::new().name("build-output".to_owned()).spawn(move || {
        let mut output = BufReader::new(stdout);
        let mut text = Vec::new();
        // A library may write anything, such as text without an end or in another encoding.
        while let Ok(1..) = output.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut text) {
            let line = serde_json::from_slice(&text);
            text.clear();
            let Ok(line) = line else { continue };
            if sender.send(line).is_err() {
                break;
            }
        }
    })?;
    Ok(lines)
}

/// Why a child without a result has ended.
fn ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "the build was killed (SIGKILL), as by a lack of memory".to_owned(),
        (Some(6), _) => "the build was aborted (SIGABRT), as by a lack of memory".to_owned(),
        (Some(11), _) => "the build crashed (SIGSEGV)".to_owned(),
        (Some(7), _) => "the build crashed (SIGBUS)".to_owned(),
        (Some(25), _) => "the build wrote too large a file (SIGXFSZ)".to_owned(),
        (Some(signal), _) => format!("the build was ended by signal {signal}"),
        (None, code) => {
            format!("the build ended without a result (exit code {})", code.unwrap_or(-1))
        }
    }
}

/// A child that is gone after this, with all that it started.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // After its result it has nothing left to do. The number of one that has ended may be that
        // of another process now.
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// The work of a child: reads a [`Job`], builds, verifies and times the engine, and says so on
/// standard output. It ends with its parent.
#[must_use]
pub fn build_as_child(starter: &dyn Starter) -> ExitCode {
    let mut text = String::new();
    let job = match io::stdin().read_line(&mut text).map(|_| serde_json::from_str::<Job>(&text)) {
        Ok(Ok(job)) => job,
        _ => return ExitCode::from(2),
    };
    end_with_parent();
    be_first_to_be_killed();
    let result = build(&job, starter);
    say(&result.map_or_else(Line::Refused, Line::Ms));
    ExitCode::SUCCESS
}

fn end_with_parent() {
    // At once, also in the middle of a build; the end of standard input is for other systems.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let watch = || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        process::exit(1);
    };
    let _ = thread::Builder::new().name("parent".to_owned()).spawn(watch);
}

/// If memory is short, the system ends this process before the one that answers.
fn be_first_to_be_killed() {
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

fn build(job: &Job, starter: &dyn Starter) -> Result<f64, String> {
    say(&Line::Stage(Stage::Starting.word().to_owned()));
    let bundle = Bundle::open(&job.bundle, &BundleLimits::default());
    let bundle = bundle.map_err(|error| error.to_string())?;
    if bundle.manifest.sha256() != job.manifest {
        return Err(OTHER_BUNDLE.to_owned());
    }
    let provider = Provider::ALL.into_iter().find(|one| one.word() == job.provider);
    let provider = provider.ok_or_else(|| format!("unknown provider {}", job.provider))?;
    let kind = EngineKind { provider, precision: job.precision };
    say(&Line::Stage(Stage::Loading.word().to_owned()));
    let mut options = job.options();
    let mut engine = start(starter, &bundle, kind, &options)?;
    if let EngineFiles::Build(folder) = options.gpu.files {
        // Some of its files are written when it ends. The service loads these files, so they are
        // what is verified: an engine that cannot be loaded fails here.
        drop(engine);
        options.gpu.files = EngineFiles::Built(folder);
        engine = start(starter, &bundle, kind, &options)?;
    }
    say(&Line::Stage(Stage::Verifying.word().to_owned()));
    verify_against_fp32(engine.as_mut(), &bundle.manifest, job.precision)?;
    say(&Line::Stage(Stage::Measuring.word().to_owned()));
    time_an_image(engine.as_mut(), &bundle.manifest).map_err(|error| error.to_string())
}

fn start(
    starter: &dyn Starter,
    bundle: &Bundle,
    kind: EngineKind,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, String> {
    starter.start(bundle, kind, options).map_err(|rejection| rejection.reason)
}

fn say(line: &Line) {
    let text = serde_json::to_string(line).expect("invariant: words and numbers are JSON");
    let mut stdout = io::stdout().lock();
    // A library may have left a line without its end. Without a parent that reads, this process
    // ends.
    let _ = writeln!(stdout, "\n{text}").and_then(|()| stdout.flush());
}
