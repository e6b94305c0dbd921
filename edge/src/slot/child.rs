//! Builds, verifies and times an engine in a child process, which cannot take this one down.
//!
//! The parent writes a [`Job`] as one line of JSON to the child's standard input and keeps it open:
//! at its end the child ends too, also if the parent was killed. The child writes one line of JSON
//! for each stage, and one with the result. All else that it writes is passed over: libraries write
//! what they like, also half a line or bytes that are no text.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{self, Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use models::bundle::{Bundle, Precision};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, setpriority_process, waitid,
};
use serde::{Deserialize, Serialize};

use super::same_bundle::SameBundle;
use super::starter::Starter;
use crate::backbone::{time_an_image, verify_against_fp32};
use crate::engine::{
    EngineFiles, EngineKind, EngineOptions, GpuOptions, PrecisionChoice, Provider, Rejection,
    Stage, one_line,
};

/// The hidden subcommand with which a program builds an engine as a child.
pub const SUBCOMMAND: &str = "build-engine";

/// How long a stop of the parent may stay unseen.
const POLL: Duration = Duration::from_millis(50);

/// The lowest priority, on the scale of `nice`.
const LOWEST_PRIORITY: i32 = 19;

/// More bytes than a line of a child has.
const MAX_LINE: u64 = 64 * 1024;

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
        bundle: SameBundle,
        kind: EngineKind,
        options: &EngineOptions,
        folder: Option<PathBuf>,
    ) -> Self {
        let EngineOptions { onnxruntime, threads, gpu, .. } = options;
        Self {
            bundle,
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
    /// The bundle.
    pub bundle: SameBundle,
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
    /// The bundle in use is not in its folder any more: nothing is known of the engine.
    Replaced(String),
}

/// A line of a child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Stage(String),
    Ms(f64),
    Refused(String),
    Replaced(String),
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
    let child = spawn(builder).map_err(failed("cannot be started"))?;
    let mut child = Killed { child, is_over: false };
    // Before the child has its job, and so before it does anything.
    limit(&child.child, limits).map_err(failed("cannot be limited"))?;
    let mut stdin = child.child.stdin.take().expect("invariant: it is piped");
    let stdout = child.child.stdout.take().expect("invariant: it is piped");
    let text = serde_json::to_string(job).map_err(failed("cannot be given its job"))?;
    // A child that has ended already says why below.
    let _ = writeln!(stdin, "{text}");
    let lines = read_lines(stdout).map_err(failed("cannot be read"))?;
    let end = Instant::now() + limits.deadline;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => {
                if let Some(result) = take(line, on_stage) {
                    return result;
                }
            }
            Err(RecvTimeoutError::Disconnected) if child.has_ended() => return Err(child.reason()),
            Err(RecvTimeoutError::Disconnected) => thread::sleep(POLL / 10),
            // What the child has started may hold its output open.
            Err(RecvTimeoutError::Timeout) if child.has_ended() => child.kill(),
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

/// The result, if the line is one.
fn take(line: Line, on_stage: &mut dyn FnMut(Stage)) -> Option<Result<f64, RefusedBuild>> {
    Some(match line {
        Line::Stage(word) => {
            Stage::ALL.into_iter().filter(|stage| stage.word() == word).for_each(on_stage);
            return None;
        }
        Line::Ms(ms) if ms.is_finite() && ms > 0.0 => Ok(ms),
        Line::Ms(ms) => Err(RefusedBuild::Refused(format!("it was timed at {ms} ms an image"))),
        Line::Refused(reason) => Err(RefusedBuild::Refused(one_line(&reason))),
        Line::Replaced(reason) => Err(RefusedBuild::Replaced(one_line(&reason))),
    })
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

    give_way(child);
    let pid = Some(Pid::from_child(child));
    // A crash is reported; its memory is not wanted on the disk.
    let _ = prlimit(pid, Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    for (resource, most) in
        [(Resource::As, limits.max_memory_bytes), (Resource::Fsize, limits.max_file_bytes)]
    {
        if most.is_some() {
            prlimit(pid, resource, Rlimit { current: most, maximum: most })?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn limit(child: &Child, _: &Limits) -> io::Result<()> {
    give_way(child);
    Ok(())
}

/// A wish: an engine that is built at the usual priority is better than none. A sandbox may forbid
/// the call.
fn give_way(child: &Child) {
    let _ = setpriority_process(Some(Pid::from_child(child)), LOWEST_PRIORITY);
}

fn read_lines(stdout: ChildStdout) -> io::Result<Receiver<Line>> {
    let (sender, lines) = channel();
    thread::Builder::new().name("build-output".to_owned()).spawn(move || {
        let mut stdout = BufReader::new(stdout);
        while let Some(bytes) = next_line(&mut stdout) {
            let Ok(line) = serde_json::from_slice(&bytes) else { continue };
            if sender.send(line).is_err() {
                break;
            }
        }
    })?;
    Ok(lines)
}

/// The next line, or as much of it as is held at once; `None` at the end.
fn next_line(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from.take(MAX_LINE).read_until(b'\n', &mut bytes);
    read.ok().filter(|count| *count > 0).map(|_| bytes)
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
struct Killed {
    child: Child,
    is_over: bool,
}

impl Killed {
    /// Whether it has ended. It keeps its number until it is waited for.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(Some(_)))
    }

    /// Why it has ended without a result.
    fn reason(&mut self) -> RefusedBuild {
        self.end().map_or_else(failed("cannot be waited for"), |status| {
            RefusedBuild::Failed(ended(status))
        })
    }

    fn kill(&self) {
        // The number of one that was waited for may be that of another process now.
        if !self.is_over {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.is_over = true;
        self.child.wait()
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // After its result it has nothing left to do.
        let _ = self.end();
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
    be_killed_first();
    say(&build(&job, starter));
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

/// Where memory ends, the system ends this process and not the one that answers requests.
fn be_killed_first() {
    // Without it the system chooses by size.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// The last line.
fn build(job: &Job, starter: &dyn Starter) -> Line {
    say(&Line::Stage(Stage::Starting.word().to_owned()));
    match job.bundle.open() {
        Ok(bundle) => try_to_build(job, &bundle, starter).map_or_else(Line::Refused, Line::Ms),
        Err(reason) => Line::Replaced(reason),
    }
}

fn try_to_build(job: &Job, bundle: &Bundle, starter: &dyn Starter) -> Result<f64, String> {
    let provider = Provider::ALL.into_iter().find(|one| one.word() == job.provider);
    let provider = provider.ok_or_else(|| format!("unknown provider {}", job.provider))?;
    let kind = EngineKind { provider, precision: job.precision };
    let mut options = job.options();
    say(&Line::Stage(Stage::Loading.word().to_owned()));
    let started = starter.start(bundle, kind, &options);
    let mut engine = started.map_err(|rejection| rejection.reason)?;
    say(&Line::Stage(Stage::Verifying.word().to_owned()));
    if let Some(folder) = &job.folder {
        // Some of its files are written when it ends.
        drop(engine);
        // As the process that serves will: what crashes then crashes here first.
        options.gpu.files = EngineFiles::Built(folder.clone());
        let started = starter.start(bundle, kind, &options);
        engine = started.map_err(|Rejection { reason, .. }| format!("once built: {reason}"))?;
    }
    verify_against_fp32(engine.as_mut(), &bundle.manifest, job.precision)?;
    say(&Line::Stage(Stage::Measuring.word().to_owned()));
    time_an_image(engine.as_mut(), &bundle.manifest).map_err(|error| error.to_string())
}

fn say(line: &Line) {
    // Without a parent that reads, this process ends.
    let _ = write_line(&mut io::stdout().lock(), line);
}

fn write_line(to: &mut dyn Write, line: &Line) -> io::Result<()> {
    let text = serde_json::to_string(line).expect("invariant: words and numbers are JSON");
    // A library may have written half a line.
    writeln!(to, "\n{text}").and_then(|()| to.flush())
}

#[cfg(test)]
mod tests;
