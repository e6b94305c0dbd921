//! `handful` with input that it cannot use: one clear error line, the right exit code, no data
//! lost.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use image::ImageFormat;

use crate::files::{copy_folder, draw_classes, edit_manifest, encode, image, png};
use crate::sandbox::{Outcome, Sandbox, tiny_bundle, tiny_bundle_dir};

/// The command fails with this code, and its last line on stderr has every one of these words.
pub(crate) fn assert_refused(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, code, "{outcome:?}");
    let last = outcome.err.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{outcome:?}");
    for word in words {
        assert!(last.contains(word), "{word}: {outcome:?}");
    }
}

/// The command fails with one line, which is about its only file.
fn assert_refused_in_a_line(outcome: &Outcome, file: &str) {
    assert_refused(outcome, 2, &[file]);
    let errors = outcome.err.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{outcome:?}");
}

#[test]
fn invalid_class_names_are_refused() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("a.png"), png(0, 0)).unwrap();
    let long = "x".repeat(10_000);
    for name in ["a/b", "..", ".", "", "  ", "a\u{7}b", "a\u{202E}b", "c_8f3a21", &long] {
        let outcome = sandbox.run(&["enroll", "--class", name, "a.png"]);
        assert_refused(&outcome, 2, &["--class"]);
        assert!(outcome.err.len() < 300, "{}", outcome.err);
    }
    assert!(!sandbox.path("data").exists(), "nothing was made");
    for name in ["👩\u{200D}🚀", "כוס תה", "杯子"] {
        sandbox.ok(&["enroll", "--class", name, "a.png"]);
    }
    assert_refused(&sandbox.run(&["gallery", "rename", "杯子", "a/b"]), 2, &["`/`"]);
    assert_refused(&sandbox.run(&["gallery", "rename", "杯子", "כוס תה"]), 2, &["exists already"]);
}

#[test]
fn enroll_names_files_that_are_no_images_and_enrolls_nothing() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    let jpeg = encode(image(0, 0), ImageFormat::Jpeg);
    fs::write(sandbox.path("things/red/text.png"), "not an image").unwrap();
    fs::write(sandbox.path("things/red/cut.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    fs::write(sandbox.path("things/red/empty.jpg"), "").unwrap();
    let outcome = sandbox.run(&["enroll", "things"]);
    assert_refused(&outcome, 2, &["3 of 9", "nothing was enrolled", "--skip-bad"]);
    assert_eq!(outcome.out, "", "no empty line");
    assert!(!outcome.err.contains("send"), "advice for HTTP: {outcome:?}");
    for file in ["text.png", "cut.jpg", "empty.jpg"] {
        assert!(outcome.err.lines().any(|line| line.contains(file)), "{file}: {outcome:?}");
    }
    assert!(sandbox.ok(&["gallery", "list"]).contains("no class is enrolled"));
    let outcome = sandbox.run(&["enroll", "things", "--skip-bad"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.err.contains("cut.jpg") && outcome.out.contains("red"), "{outcome:?}");
    let skipped = outcome.err.lines().filter(|line| line.starts_with("warning: skipped: "));
    assert_eq!(skipped.count(), 3, "{outcome:?}");
    assert!(!outcome.err.lines().any(|line| line.starts_with("error: ")), "{outcome:?}");
    fs::create_dir_all(sandbox.path("junk/thing")).unwrap();
    fs::write(sandbox.path("junk/thing/text.png"), "not an image").unwrap();
    for args in [&["enroll", "junk"][..], &["enroll", "junk", "--skip-bad"]] {
        let outcome = sandbox.run(args);
        assert_refused_in_a_line(&outcome, "text.png");
        assert!(outcome.err.ends_with("; nothing was enrolled\n"), "{outcome:?}");
    }
}

#[test]
fn an_image_above_max_pixels_is_refused_or_read_at_reduced_size() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    sandbox.ok(&["enroll", "things"]);
    let small = image(0, 0);
    let limit = (small.width() * small.height() - 1).to_string();
    fs::write(sandbox.path("a.png"), png(0, 0)).unwrap();
    fs::write(sandbox.path("a.jpg"), encode(small, ImageFormat::Jpeg)).unwrap();
    let outcome = sandbox.run(&["classify", "a.png", "--max-pixels", &limit]);
    let of_png = outcome.err.lines().find(|line| line.contains("a.png"));
    assert!(of_png.is_some_and(|line| line.contains("reduce it first")), "{outcome:?}");
    assert_eq!(outcome.code, 2, "{outcome:?}");
    sandbox.ok(&["classify", "a.jpg", "--max-pixels", &limit]);
    sandbox.ok(&["classify", "a.png"]);
}

#[test]
fn classify_skips_and_names_bad_files() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    sandbox.ok(&["enroll", "things"]);
    fs::write(sandbox.path("text.png"), "not an image").unwrap();
    fs::create_dir_all(sandbox.path("bare")).unwrap();
    let files = ["things/red/0.png", "text.png", "gone.png", "bare"];
    let outcome = sandbox.run(&[&["classify"], &files[..]].concat());
    assert_refused(&outcome, 2, &["3 of 4"]);
    assert!(outcome.out.contains("things/red/0.png") && outcome.out.contains("red"), "{outcome:?}");
    for file in &files[1..] {
        assert!(
            outcome.err.lines().any(|line| line.starts_with(&format!("error: {file}: "))),
            "{outcome:?}"
        );
    }
    let gone = "error: gone.png: cannot open it: No such file or directory";
    assert!(outcome.err.lines().any(|line| line == gone), "{outcome:?}");
    let steering = "things/red/\u{1b}[2J.png";
    fs::write(sandbox.path(steering), png(0, 0)).unwrap();
    let outcome = sandbox.run(&["classify", steering, "\u{1b}]0;x"]);
    assert!(
        outcome.code == 2 && !outcome.out.contains('\u{1b}') && !outcome.err.contains('\u{1b}'),
        "{outcome:?}"
    );
    let outcome = sandbox.run(&[&["classify", "--json"], &files[..]].concat());
    let answer: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!((outcome.code, answer["errors"].as_array().unwrap().len()), (2, 3));
    let outcome = sandbox.run(&["classify", "text.png"]);
    assert_eq!((outcome.code, outcome.out.as_str()), (2, ""), "no empty line");
    assert_refused_in_a_line(&outcome, "text.png");
}

#[test]
fn an_empty_gallery_and_an_unknown_class_are_errors() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("a.png"), png(0, 0)).unwrap();
    assert_refused(
        &sandbox.run(&["classify", "a.png"]),
        2,
        &["no class is enrolled", "handful enroll"],
    );
    assert!(sandbox.ok(&["gallery", "list"]).contains("there is no store"));
    for args in [&["gallery", "delete", "mug"][..], &["gallery", "rename", "c_999999", "cup"]] {
        assert_refused(&sandbox.run(args), 2, &["there is no class", args[2], "gallery list"]);
    }
    assert!(!sandbox.path("data").exists(), "reading creates no store");
    sandbox.ok(&["enroll", "--class", "mug", "a.png"]);
    sandbox.ok(&["gallery", "delete", "mug"]);
    assert_refused(&sandbox.run(&["classify", "a.png"]), 2, &["no class is enrolled"]);
}

#[test]
fn a_file_is_no_store() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("a.png"), png(0, 0)).unwrap();
    let commands: [&[&str]; 7] = [
        &["gallery", "list"],
        &["gallery", "add", "mug"],
        &["gallery", "history"],
        &["galleries", "list"],
        &["galleries", "create", "line"],
        &["enroll", "--class", "mug", "a.png"],
        &["classify", "a.png"],
    ];
    for command in commands {
        let outcome = sandbox.run(&[command, &["--store", "a.png"][..]].concat());
        assert_refused(&outcome, 2, &["a.png is a file, not the folder of a store"]);
    }
}

#[test]
fn a_list_says_that_there_is_no_store() {
    let sandbox = Sandbox::new();
    let list = sandbox.ok(&["gallery", "list", "--store", "gone"]);
    assert!(list.starts_with("there is no store in ") && list.contains("gone yet; "), "{list}");
    assert!(!sandbox.path("gone").exists(), "reading creates no store");
    let answer = sandbox.json(&["gallery", "list", "--store", "gone", "--json"]);
    assert_eq!(answer["classes"].as_array().unwrap().len(), 0);
}

#[test]
fn folders_without_classes_are_refused() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("flat")).unwrap();
    fs::write(sandbox.path("flat/a.png"), png(0, 0)).unwrap();
    assert_refused(
        &sandbox.run(&["enroll", "flat"]),
        2,
        &["flat", "NAME", "a.png (an image in no"],
    );
    assert_refused(&sandbox.run(&["enroll", "flat/a.png"]), 2, &["--class"]);
    assert_refused(&sandbox.run(&["enroll", "gone"]), 2, &["gone"]);
    fs::write(sandbox.path("cut.zip"), b"PK\x03\x04 and no more").unwrap();
    assert_refused(&sandbox.run(&["enroll", "cut.zip"]), 2, &["the zip file is damaged or cut"]);
    fs::create_dir_all(sandbox.path("things/empty")).unwrap();
    assert_refused(&sandbox.run(&["enroll", "things"]), 2, &["no images", "empty (a folder"]);
    draw_classes(&sandbox.path("things"), 1);
    for args in [&["enroll", "things"][..], &["enroll", "things", "--skip-bad"]] {
        let outcome = sandbox.run(args);
        assert!(outcome.code == 0, "{outcome:?}");
        assert!(outcome.err.contains("left out: empty: a folder without"), "{outcome:?}");
    }
    assert!(sandbox.ok(&["gallery", "list"]).contains("blue"));
    fs::create_dir_all(sandbox.path("bad/a\u{202E}b")).unwrap();
    fs::write(sandbox.path("bad/a\u{202E}b/a.png"), png(0, 0)).unwrap();
    assert_refused(&sandbox.run(&["enroll", "bad"]), 2, &["202e"]);
}

#[test]
fn a_store_in_use_names_the_other_process() {
    let sandbox = Sandbox::new();
    let store = sandbox.path("data/handful/store");
    draw_classes(&sandbox.path("things"), 1);
    sandbox.ok(&["enroll", "things"]);
    let space = tiny_bundle().manifest.space_id;
    let held = edge::gallery::Gallery::open(&store, &space).unwrap();
    let me = format!("process {} (", std::process::id());
    assert_refused(&sandbox.run(&["gallery", "list"]), 1, &["in use", &me]);
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.code == 1 && doctor.out.contains(&me), "{doctor:?}");
    drop(held);
    sandbox.ok(&["gallery", "list"]);
}

#[test]
fn damaged_bundles_are_refused() {
    let sandbox = Sandbox::new();
    let bundle = sandbox.path("bundle");
    let run = |args: &[&str]| {
        Outcome::of(&sandbox.command(args).env("HANDFUL_BUNDLE", &bundle).output().unwrap())
    };
    assert_refused(&run(&["gallery", "list"]), 2, &["bundle", "not found", "--bundle"]);
    copy_folder(&tiny_bundle_dir(), &bundle);
    let network = bundle.join(tiny_bundle().manifest.backbone.file);
    let whole = fs::read(&network).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    fs::write(&network, flipped).unwrap();
    assert_refused(&run(&["bench"]), 2, &["SHA-256", "copy the bundle again"]);
    fs::remove_file(&network).unwrap();
    assert_refused(&run(&["bench"]), 2, &[network.file_name().unwrap().to_str().unwrap()]);
    fs::write(&network, whole).unwrap();
    edit_manifest(&bundle, |manifest| manifest["backbone"]["file"] = "../x".into());
    assert_refused(&run(&["bench"]), 2, &["backbone.file"]);
    edit_manifest(&bundle, |manifest| manifest["format"] = 99.into());
    assert_refused(&run(&["bench"]), 2, &["format 99", "expected 1"]);
}

#[test]
fn invalid_data_sets_and_numbers_are_refused() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("a.jpg"), encode(image(0, 0), ImageFormat::Jpeg)).unwrap();
    let outcome = sandbox.run(&["evaluate", "--data", "a.jpg", "--k-shot", "1"]);
    assert_refused(&outcome, 2, &["a.jpg cannot be read as a .zip, .tar"]);
    assert!(!outcome.err.contains(char::REPLACEMENT_CHARACTER), "{outcome:?}");
    for top in ["0", "1001"] {
        let outcome = sandbox.run(&["classify", "a.jpg", "--top", top]);
        assert!(outcome.code == 2 && outcome.err.contains("1..=1000"), "{outcome:?}");
    }
}

#[test]
fn an_unavailable_engine_is_an_error() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&["bench", "--engine", "cuda"]);
    assert_refused(&outcome, 1, &["no engine can run this network: onnxruntime/cuda"]);
    let outcome = sandbox.run(&["bench", "--engine", "cpu", "--onnxruntime", "gone.so"]);
    assert_refused(&outcome, 2, &["gone.so"]);
    // clap's own refusals are more than one line; the code is the same.
    let outcome = sandbox.run(&["bench", "--engine", "gpu"]);
    assert!(outcome.code == 2 && outcome.err.contains("tensorrt"), "{outcome:?}");
    let outcome = sandbox.run(&["bench", "--threads", "0"]);
    assert!(outcome.code == 2 && outcome.err.contains("--threads"), "{outcome:?}");
    let outcome = sandbox.run(&["bench", "--max-pixels", "0"]);
    assert!(outcome.code == 2 && outcome.err.contains("--max-pixels"), "{outcome:?}");
    let outcome = sandbox.run(&["bench", "--threads", "999999"]);
    assert!(
        outcome.code == 2 && outcome.err.contains("the cores of this machine, got 999999"),
        "{outcome:?}"
    );
    fs::write(sandbox.path("handful.toml"), "threads = 999999\n").unwrap();
    let outcome = sandbox.run(&["bench", "--config", "handful.toml"]);
    assert_refused(&outcome, 2, &["handful.toml", "the cores of this machine, got 999999"]);
}

#[test]
fn a_named_library_that_cannot_be_used_is_an_error() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("text.so"), "no library").unwrap();
    let auto = &["bench", "--engine", "auto", "--onnxruntime", "text.so"];
    assert_refused(&sandbox.run(auto), 2, &["text.so cannot be used as ONNX Runtime's library"]);
    let mut named = sandbox.bare(&["doctor", "--engine", "auto"]);
    let named = named.env("HANDFUL_BUNDLE", tiny_bundle_dir()).env("ORT_DYLIB_PATH", "text.so");
    let outcome = Outcome::of(&named.output().unwrap());
    assert!(outcome.code == 2 && outcome.out.contains("problem: text.so cannot"), "{outcome:?}");
    // tract needs no library.
    sandbox.ok(&["gallery", "list", "--engine", "tract", "--onnxruntime", "text.so"]);
}

#[test]
fn an_empty_environment_variable_counts_as_not_set() {
    let sandbox = Sandbox::new();
    let names = settings::variables::<settings::Device>();
    for name in names.chain(["HANDFUL_CONFIG", "ORT_DYLIB_PATH"]) {
        let mut list = sandbox.command(&["gallery", "list", "--json"]);
        if name == "HANDFUL_BUNDLE" {
            list.args(["--bundle", tiny_bundle_dir().to_str().unwrap()]);
        }
        let outcome = Outcome::of(&list.env(name, "").output().unwrap());
        assert_eq!(outcome.code, 0, "{name}: {outcome:?}");
    }
}

#[test]
fn a_program_in_a_checkout_finds_its_bundles() {
    let sandbox = Sandbox::new();
    let outcome = Outcome::of(&sandbox.bare(&["doctor", "--engine", "tract"]).output().unwrap());
    assert!(outcome.code == 0 && outcome.out.contains("models/bundles/"), "{outcome:?}");
}

#[test]
fn a_full_disk_is_reported_and_loses_nothing() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    sandbox.ok(&["enroll", "things"]);
    let many = sandbox.path("many/mug");
    fs::create_dir_all(&many).unwrap();
    for variant in 0..12 {
        fs::write(many.join(format!("{variant}.png")), png(2, variant)).unwrap();
    }
    // The store's file may not grow by a byte, and no file be written beyond its size.
    let size = fs::metadata(sandbox.path("data/handful/store/gallery.redb")).unwrap().len();
    let mut limited = Command::new("sh");
    let script = format!("ulimit -f {}; exec \"$0\" enroll many", size / 512 / 4);
    limited.args(["-c", &script, env!("CARGO_BIN_EXE_handful")]).arg0("sh");
    limited.current_dir(sandbox.path(".")).env("XDG_DATA_HOME", sandbox.path("data"));
    limited.env("HANDFUL_BUNDLE", tiny_bundle_dir()).env("HANDFUL_ENGINE", "tract");
    let outcome = Outcome::of(&limited.stdin(Stdio::null()).output().unwrap());
    assert_refused(&outcome, 1, &["no space is left", "nothing was changed"]);
    let list = sandbox.ok(&["gallery", "list"]);
    assert!(["red", "green", "blue"].iter().all(|name| list.contains(name)), "{list}");
    assert!(!list.contains("mug"), "{list}");
    sandbox.ok(&["enroll", "many"]);
}
