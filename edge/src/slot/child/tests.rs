//! What a child writes and how it ends.

use super::*;

fn job() -> Job {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bundle");
    let bundle = Bundle::open(&folder, &models::bundle::BundleLimits::default()).unwrap();
    let kind = EngineKind { provider: Provider::Tract, precision: Precision::Fp32 };
    Job::new(SameBundle::of(&bundle), kind, &EngineOptions::default(), None)
}

/// Runs a script in the place of the program that builds.
fn run_script(script: &str) -> (Result<f64, RefusedBuild>, Vec<Stage>) {
    let args = ["-c", script].map(Into::into).to_vec();
    let builder = Builder { program: "/bin/sh".into(), args, environment: Vec::new() };
    let limits = Limits { deadline: Duration::from_secs(60), ..Limits::default() };
    let (_running, stop) = channel();
    let mut stages = Vec::new();
    let result = run(&builder, &job(), &limits, &stop, &mut |stage| stages.push(stage));
    (result, stages)
}

#[test]
fn bytes_that_are_no_text_hide_no_result() {
    let script = r#"printf '\377\376\n{"stage":"loading"}\nhalf a line \303\n{"ms":1.5}\n'"#;
    assert_eq!(run_script(script), (Ok(1.5), vec![Stage::Loading]));
}

#[test]
fn a_line_without_an_end_hides_no_result() {
    let script = r#"head -c 3000000 /dev/zero; printf '\n{"ms":2.5}\n'"#;
    assert_eq!(run_script(script).0, Ok(2.5));
}

#[test]
fn a_long_line_is_held_in_parts() {
    let mut endless = BufReader::new(io::repeat(b'x'));
    for _ in 0..3 {
        assert_eq!(next_line(&mut endless).unwrap().len() as u64, MAX_LINE);
    }
    let mut two = BufReader::new(&b"one\ntwo"[..]);
    assert_eq!(next_line(&mut two).unwrap(), b"one\n");
    assert_eq!(next_line(&mut two).unwrap(), b"two");
    assert_eq!(next_line(&mut two), None);
}

#[test]
fn a_line_is_whole_after_half_a_line_of_a_library() {
    let mut written = b"[TRT] 50 %".to_vec();
    write_line(&mut written, &Line::Ms(1.5)).unwrap();
    let mut written = BufReader::new(&written[..]);
    assert_eq!(next_line(&mut written).unwrap(), b"[TRT] 50 %\n");
    assert_eq!(next_line(&mut written).unwrap(), b"{\"ms\":1.5}\n");
}

#[test]
fn what_a_child_leaves_behind_ends_with_it() {
    // It holds the output open for longer than the deadline.
    let (result, _) = run_script("sleep 600 & exit 3");
    let reason = "the build ended without a result (exit code 3)".to_owned();
    assert_eq!(result, Err(RefusedBuild::Failed(reason)));
}

#[test]
#[cfg(target_os = "linux")]
fn a_refused_priority_is_no_failure() {
    let mut child = Command::new("/bin/true").spawn().unwrap();
    child.wait().unwrap();
    // Nothing can be set of a process that is gone.
    limit(&child, &Limits::default()).unwrap();
    let limits = Limits { max_file_bytes: Some(1), ..Limits::default() };
    assert!(limit(&child, &limits).is_err());
}
