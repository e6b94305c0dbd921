//! The engine in use is replaced while images are embedded, whatever happens to the process that
//! builds the next one.

mod fake;
mod requests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use edge::built::build_with;
use edge::embedder::Embedder;
use edge::engine::{
    CandidateState, EngineChoice, EngineKind, EngineOptions, EngineStates, Provider, Stage,
};
use edge::slot::{Builder, Limits, Starter, Tuning, remember_built};
use models::bundle::{Bundle, BundleLimits, Manifest};
use tempfile::TempDir;

use crate::files::png;
use crate::fixtures::{options, tiny_bundle, tiny_bundle_dir};
use fake::{FAKE, Fake, Mode, Starts, builder, is_running, tuning};

/// Longer than any of these builds takes on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);

fn open(tuning: &Tuning) -> Embedder {
    Embedder::open_tuned(&tiny_bundle(), EngineChoice::Auto, &options(None), tuning).unwrap()
}

fn serves_fake(states: &EngineStates) -> bool {
    states.serving.kind == FAKE
}

fn is(state: fn(&CandidateState) -> bool) -> impl Fn(&EngineStates) -> bool {
    move |states| states.candidate(FAKE).is_some_and(state)
}

/// Embeds an image after another until the fake engine serves; how many the first one embedded.
fn embed_until_it_serves(embedder: &mut Embedder) -> usize {
    let end = Instant::now() + LONGEST;
    for before in 0.. {
        let embedded = embedder.embed(&png(8, 8)).unwrap();
        if embedded.engine == FAKE {
            return before;
        }
        let states = embedder.watch().states();
        assert!(Instant::now() < end, "{states:?}");
        thread::sleep(Duration::from_millis(5));
    }
    unreachable!()
}

/// What a candidate is refused for in this mode, and whether it may be tried again.
fn refusal(mode: Mode, limits: Limits) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let tuning = Tuning { limits, pause: LONGEST, ..tuning(mode, folder.path()) };
    let embedder = open(&tuning);
    let is_refused = is(|state| matches!(state, CandidateState::Refused { .. }));
    let states = embedder.watch().wait(LONGEST, is_refused);
    assert_eq!(states.serving.kind.provider, Provider::Tract);
    match states.candidate(FAKE) {
        Some(CandidateState::Refused { reason, until }) => (reason.clone(), until.is_some()),
        other => panic!("{other:?}"),
    }
}

/// Runs until the fake engine serves, and returns how many processes have built it in the folder.
fn serve(tuning: &Tuning, folder: &TempDir) -> u64 {
    let mut embedder = open(tuning);
    embed_until_it_serves(&mut embedder);
    fake::builds(folder.path())
}

/// The file of the engine in the cache.
fn kept(folder: &TempDir) -> PathBuf {
    let engines = folder.path().join("cache");
    let mut entries = fs::read_dir(engines).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.is_dir()).unwrap().join("engine")
}

/// What a child process of these tests does; an ordinary test without a mode.
#[test]
fn child() {
    fake::run_as_child();
}

#[test]
fn images_are_embedded_while_an_engine_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let mut embedder = open(&tuning(Mode::Slow, folder.path()));
    let is_building = |states: &EngineStates| {
        let state = states.candidate(FAKE);
        matches!(state, Some(CandidateState::Building { stage: Stage::Loading, .. }))
    };
    let states = embedder.watch().wait(LONGEST, is_building);
    assert!(is_building(&states), "{states:?}");
    assert!(embed_until_it_serves(&mut embedder) > 10);
    let states = embedder.watch().states();
    assert!(serves_fake(&states), "{states:?}");
    let tract = EngineKind { provider: Provider::Tract, ..FAKE };
    let before = states.candidate(tract);
    assert!(matches!(before, Some(CandidateState::Ready { ms: Some(_) })), "{states:?}");
}

#[test]
fn a_crash_is_tried_three_times() {
    let folder = tempfile::tempdir().unwrap();
    let pause = Duration::from_millis(10);
    let tuning = Tuning { pause, ..tuning(Mode::Crash, folder.path()) };
    let is_given_up = is(|state| matches!(state, CandidateState::Refused { until: None, .. }));
    let states = open(&tuning).watch().wait(LONGEST, is_given_up);
    let reason = states.candidate(FAKE).unwrap().to_string();
    assert_eq!(reason, "refused: the build was aborted (SIGABRT), as by a lack of memory");
    assert_eq!(fake::builds(folder.path()), 3);
    // Nor by the next start.
    let states = open(&tuning).watch().wait(LONGEST, |states| states.serving.ms.is_some());
    thread::sleep(Duration::from_millis(50));
    assert!(matches!(states.candidate(FAKE), Some(CandidateState::Refused { until: None, .. })));
    assert_eq!(fake::builds(folder.path()), 3);
}

#[test]
fn a_build_without_memory_is_refused_and_tried_later() {
    let limits = Limits { max_memory_bytes: Some(1 << 30), ..Limits::default() };
    let (reason, is_tried_again) = refusal(Mode::Memory, limits);
    assert!(reason.contains("lack of memory") && is_tried_again, "{reason}");
}

#[test]
fn a_build_that_hangs_is_ended() {
    let limits = Limits { deadline: Duration::from_secs(3), ..Limits::default() };
    let (reason, is_tried_again) = refusal(Mode::Hang, limits);
    assert_eq!(reason, "the build took longer than 3 s and was ended");
    assert!(is_tried_again);
}

#[test]
fn wrong_numbers_are_refused_for_good() {
    let (reason, is_tried_again) = refusal(Mode::Wrong, Limits::default());
    assert!(reason.contains("cosine") && !is_tried_again, "{reason}");
}

#[test]
fn a_full_disk_is_a_refusal() {
    let limits = Limits { max_file_bytes: Some(16), ..Limits::default() };
    let (reason, is_tried_again) = refusal(Mode::Good, limits);
    assert!(reason.contains("(SIGXFSZ)") && is_tried_again, "{reason}");
}

#[test]
fn a_slower_engine_is_measured_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut embedder = open(&tuning(Mode::Slower, folder.path()));
    let is_measured = is(|state| matches!(state, CandidateState::Measured { .. }));
    let states = embedder.watch().wait(LONGEST, is_measured);
    let ms = states.ms_of(FAKE).unwrap();
    assert!(ms > states.serving.ms.unwrap(), "{states:?}");
    assert_eq!(embedder.embed(&png(8, 8)).unwrap().engine.provider, Provider::Tract);
}

#[test]
fn the_second_start_uses_the_cache_and_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let good = tuning(Mode::Good, folder.path());
    assert_eq!(serve(&good, &folder), 1);
    let builder = Builder::of("/there/is/no/such/program".into());
    assert_eq!(serve(&Tuning { builder, ..good }, &folder), 1);
}

#[test]
fn a_cache_that_was_cut_is_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let good = tuning(Mode::Good, folder.path());
    assert_eq!(serve(&good, &folder), 1);
    let engine = kept(&folder);
    let whole = fs::read(&engine).unwrap();
    fs::write(&engine, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(serve(&good, &folder), 2);
    assert_eq!(fs::read(&engine).unwrap(), whole);
}

#[test]
fn a_cache_of_another_version_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let good = tuning(Mode::Good, folder.path());
    assert_eq!(serve(&good, &folder), 1);
    let newer = Fake { version: "2.0", ..Fake::default() };
    assert_eq!(serve(&Tuning { starter: Arc::new(newer), ..good.clone() }, &folder), 2);
    // That of the first version is there still.
    assert_eq!(serve(&good, &folder), 2);
}

#[test]
fn an_engine_that_was_built_ahead_is_used_and_not_built() {
    let folder = tempfile::tempdir().unwrap();
    let tuning = tuning(Mode::Good, folder.path());
    let (bundle, options, fake) = (tiny_bundle(), options(None), Fake::default());
    let machine = fake.machine(&options);
    let cache = tuning.cache.as_ref().unwrap();
    let mut start = |options: &EngineOptions| fake.start(&bundle, FAKE, options);
    build_with(cache, &bundle, FAKE, &options, &machine, &mut start).unwrap();
    assert_eq!(serve(&tuning, &folder), 0);
}

#[test]
fn an_engine_that_was_built_ahead_is_tried_although_one_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = tuning(Mode::Wrong, folder.path());
    let is_refused = is(|state| matches!(state, CandidateState::Refused { .. }));
    let states = open(&wrong).watch().wait(LONGEST, &is_refused);
    assert!(is_refused(&states), "{states:?}");
    let good = tuning(Mode::Good, folder.path());
    let states = open(&good).watch().states();
    assert!(is_refused(&states), "{states:?}");
    let (bundle, options) = (tiny_bundle(), options(None));
    let machine = Fake::default().machine(&options);
    remember_built(good.cache.as_ref().unwrap(), &bundle, FAKE, &options, &machine, 0.1);
    serve(&good, &folder);
}

/// A service in which a built engine starts so.
fn starting(starts: Starts, folder: &TempDir) -> Embedder {
    let starter = Arc::new(Fake { starts, ..Fake::default() });
    open(&Tuning { starter, ..tuning(Mode::Good, folder.path()) })
}

/// What is remembered of engines.
fn remembered(folder: &TempDir) -> String {
    // It is made with the first engine that is built.
    let files = fs::read_dir(folder.path().join("cache")).into_iter().flatten();
    let files = files.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    files.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

#[test]
fn an_engine_that_does_not_start_in_the_service_is_tried_three_times() {
    for (starts, reason) in
        [(Starts::Never, "no memory on the GPU"), (Starts::WithPanic, "it panicked: the driver")]
    {
        let folder = tempfile::tempdir().unwrap();
        let is_given_up = is(|state| matches!(state, CandidateState::Refused { until: None, .. }));
        let states = starting(starts, &folder).watch().wait(LONGEST, is_given_up);
        let given_up = states.candidate(FAKE).unwrap().to_string();
        assert!(given_up.starts_with(&format!("refused: {reason}")), "{given_up}");
        // It was built once.
        assert_eq!(fake::builds(folder.path()), 1);
    }
}

#[test]
fn a_service_that_crashes_while_an_engine_starts_has_counted_it() {
    const REASON: &str = "this program ended while it started";
    let folder = tempfile::tempdir().unwrap();
    let embedder = starting(Starts::TooLate, &folder);
    let end = Instant::now() + LONGEST;
    while !remembered(&folder).contains(REASON) {
        assert!(Instant::now() < end, "{}", remembered(&folder));
        thread::sleep(Duration::from_millis(5));
    }
    // A stop is no crash, and does not wait for the driver.
    let stop = Instant::now();
    drop(embedder);
    assert!(stop.elapsed() < Duration::from_secs(10));
    assert!(!remembered(&folder).contains(REASON), "{}", remembered(&folder));
    assert_eq!(serve(&tuning(Mode::Good, folder.path()), &folder), 1);
}

#[test]
fn an_engine_of_a_bundle_that_was_replaced_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    fs::create_dir(&place).unwrap();
    for file in fs::read_dir(tiny_bundle_dir()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), place.join(file.file_name())).unwrap();
    }
    let bundle = Bundle::open(&place, &BundleLimits::default()).unwrap();
    let other = Manifest { name: "another".to_owned(), ..bundle.manifest.clone() };
    fs::write(place.join("manifest.json"), other.to_bytes()).unwrap();
    let tuning = tuning(Mode::Good, folder.path());
    let options = options(None);
    let embedder = Embedder::open_tuned(&bundle, EngineChoice::Auto, &options, &tuning).unwrap();
    let is_refused = is(|state| matches!(state, CandidateState::Refused { .. }));
    let states = embedder.watch().wait(LONGEST, is_refused);
    let state = states.candidate(FAKE).unwrap().to_string();
    assert!(state.contains("has another bundle now"), "{state}");
}

#[test]
fn a_build_ends_with_its_service() {
    let folder = tempfile::tempdir().unwrap();
    let embedder = open(&tuning(Mode::Hang, folder.path()));
    let process = fake::wait_for_child(folder.path());
    assert!(is_running(process));
    let start = Instant::now();
    drop(embedder);
    assert!(!is_running(process));
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// The service of the next test.
#[test]
fn parent() {
    if let Some(folder) = fake::folder_of_parent() {
        let embedder = open(&tuning(Mode::Hang, &folder));
        thread::sleep(LONGEST);
        drop(embedder);
    }
}

#[test]
fn a_build_ends_when_its_service_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = killable(folder.path());
    let process = fake::wait_for_child(folder.path());
    assert!(is_running(process));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while is_running(process) {
        assert!(Instant::now() < end, "the child outlives its parent");
        thread::sleep(Duration::from_millis(5));
    }
}

fn killable(folder: &Path) -> std::process::Child {
    let Builder { program, .. } = builder(Mode::Hang, folder);
    let mut command = Command::new(program);
    command.args(["slot::parent", "--exact", "--nocapture"]).env(fake::PARENT, folder);
    command.stdout(Stdio::null()).spawn().unwrap()
}
