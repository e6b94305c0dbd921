//! Bad input, a taken destination, a full disk: one clear error line, and nothing is written.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use models::tensors::TensorFile;

use crate::sample::{self, Bench, errors};

/// The program must exit with `code`, print all of `parts` in one error line, and write nothing.
fn check(bench: &Bench, output: &Output, code: i32, parts: &[&str]) {
    let text = errors(output);
    let message = text.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    for part in parts {
        assert!(message.contains(part), "{part} in\n{text}");
    }
    assert_eq!(output.status.code(), Some(code), "{text}");
    let left: Vec<_> = bench.names().into_iter().filter(|name| name.contains("out")).collect();
    assert_eq!(left, [] as [&str; 0], "{text}");
}

fn refuse(bench: &Bench, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = bench.export(&[&["--out", "out"], arguments].concat());
    check(bench, &output, code, parts);
}

fn cut(path: &Path) {
    let whole = fs::read(path).unwrap();
    fs::write(path, &whole[..whole.len() / 2]).unwrap();
}

#[test]
fn a_truncated_checkpoint() {
    let bench = Bench::new();
    cut(&bench.path("run/best.safetensors"));
    refuse(&bench, &[], 2, &["run/best.safetensors", "damaged or truncated"]);
}

#[test]
fn a_missing_file() {
    for name in ["best.safetensors", "golden.safetensors"] {
        let bench = Bench::new();
        fs::remove_file(bench.path("run").join(name)).unwrap();
        refuse(&bench, &[], 2, &[name, "cannot open", "handful-train"]);
    }
}

/// A run whose golden file is of other weights.
fn with_wrong_golden() -> Bench {
    let bench = Bench::new();
    let mut run = sample::run();
    run.golden.outputs.get_mut("embedding").unwrap().mapv_inplace(|v| 0.9 * v);
    sample::save(&run, &bench.path("run"));
    bench
}

#[test]
fn a_golden_file_of_another_run() {
    let bench = with_wrong_golden();
    refuse(&bench, &[], 1, &["does not compute what was trained", "no bundle was written"]);
    let output = bench.export(&["--out", "out", "--json"]);
    check(&bench, &output, 1, &["does not compute"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["written"], false);
    assert_eq!(object["verification"]["rows"][0]["outcome"], "differs");
}

#[test]
fn a_golden_file_of_another_shape() {
    let bench = Bench::new();
    let mut run = sample::run();
    *run.golden.outputs.get_mut("embedding").unwrap() = ndarray::ArrayD::zeros(vec![4, 25]);
    sample::save(&run, &bench.path("run"));
    refuse(&bench, &[], 2, &["backbone.embedding", "[4, 25]", "[4, 24]"]);
    *run.golden.inputs.get_mut("image").unwrap() = ndarray::ArrayD::zeros(vec![]);
    sample::save(&run, &bench.path("run"));
    refuse(&bench, &[], 2, &["backbone.image", "[]", "at least one sample of [3, 32, 32]"]);
    let mut run = sample::run();
    *run.golden.outputs.get_mut("embedding").unwrap() = ndarray::ArrayD::zeros(vec![3, 24]);
    sample::save(&run, &bench.path("run"));
    refuse(&bench, &[], 2, &["backbone.embedding", "[3, 24]", "[4, 24]"]);
    let empty = TensorFile::default().to_bytes().unwrap();
    fs::write(bench.path("run/golden.safetensors"), empty).unwrap();
    refuse(&bench, &[], 2, &["golden.safetensors", "`backbone.image` is missing"]);
}

#[test]
fn an_input_size_that_is_too_small_or_not_a_number() {
    let bench = Bench::new();
    refuse(&bench, &["--input-size", "15"], 2, &["the input size 15 is too small", "larger"]);
    for size in ["0", "1025", "small"] {
        let parts =
            ["--input-size <N>", if size == "small" { "invalid digit" } else { "1..=1024" }];
        refuse(&bench, &["--input-size", size], 2, &parts);
    }
}

#[test]
fn name_knowledge_and_accuracy_hold_at_one_input_size() {
    let bench = Bench::new();
    sample::save(&sample::knowing_run(), &bench.path("run"));
    fs::write(bench.path("lexicon.bin"), sample::lexicon()).unwrap();
    let named = ["--input-size", "20", "--lexicon", "lexicon.bin"];
    refuse(
        &bench,
        &named,
        2,
        &["--input-size 20 conflicts with --lexicon", "own size, 32", "leave one"],
    );
    for given in ["val-1.json", "libtorch=val-1.json"] {
        let measured = ["--input-size", "20", "--accuracy", given];
        let parts = [&format!("--accuracy {given}"), "of 32x32", "`handful evaluate`"];
        refuse(&bench, &measured, 2, &parts);
    }
}

#[test]
fn a_golden_file_of_another_run_is_refused_at_another_size() {
    let bench = with_wrong_golden();
    refuse(&bench, &["--input-size", "48"], 1, &["does not compute what was trained", "no bundle"]);
}

#[test]
fn weights_beyond_the_range_of_fp16() {
    let bench = Bench::new();
    let mut run = sample::run();
    run.checkpoint.parameters.get_mut("layer2.conv1.weight").unwrap()[[0, 0, 0, 0]] = 1e9;
    sample::save(&run, &bench.path("run"));
    refuse(&bench, &[], 2, &["layer2.bn1.weight", "--weights fp32"]);
}

#[test]
fn a_folder_with_other_files() {
    let bench = Bench::new();
    fs::create_dir(bench.path("mine")).unwrap();
    fs::write(bench.path("mine/diary.txt"), "dear diary").unwrap();
    let output = bench.export(&["--out", "mine"]);
    check(&bench, &output, 2, &["mine exists and is not a bundle", "nothing was written"]);
    assert_eq!(fs::read_to_string(bench.path("mine/diary.txt")).unwrap(), "dear diary");
    let output = bench.export(&["--out", "run/best.safetensors"]);
    check(&bench, &output, 2, &["it is not a folder"]);
}

#[test]
fn a_place_that_is_not_writable() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "").unwrap();
    let output = bench.export(&["--out", "file/bundle"]);
    // The path is wrong: no disk could hold a bundle there.
    check(&bench, &output, 2, &["file/bundle", "Not a directory"]);
    let output = bench.export(&["--out", "/proc/handful"]);
    check(&bench, &output, 1, &["/proc"]);
}

#[test]
#[cfg(unix)]
fn a_full_disk() {
    let bench = Bench::new();
    // A file may grow to 8 blocks of 512 or 1,024 bytes; the network needs more.
    let script = "ulimit -f 8; exec \"$0\" run --out out";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_handful-export")]);
    let output = command.current_dir(bench.folder.path()).output().unwrap();
    check(&bench, &output, 1, &["cannot write out"]);
    assert_eq!(bench.names(), ["run"]);
}

#[test]
fn invalid_arguments() {
    let bench = Bench::new();
    fs::write(bench.path("report.json"), "{}").unwrap();
    refuse(&bench, &["--name", "a/b"], 2, &["`name` is \"a/b\""]);
    refuse(&bench, &["--accuracy", "gone.json"], 2, &["--accuracy gone.json", "cannot open"]);
    refuse(&bench, &["--accuracy", "report.json"], 2, &["not a report", "n_way"]);
    refuse(&bench, &["--accuracy", "cpu:half=report.json"], 2, &["unknown precision `half`"]);
    refuse(&bench, &["--onnxruntime", "gone.so"], 2, &["gone.so"]);
    fs::rename(bench.path("run"), bench.path("elsewhere")).unwrap();
    refuse(&bench, &[], 2, &["run/best.safetensors"]);
}
