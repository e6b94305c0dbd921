//! `handful` given what it cannot use: one clear line for each, the right exit code, nothing lost.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use image::ImageFormat;

use crate::files::{copy_folder, draw_classes, edit_manifest, encode, image, png};
use crate::sandbox::{Said, Sandbox, tiny_bundle, tiny_bundle_dir};

/// The command fails with this code, and its last line on stderr has every one of these words.
fn assert_refused(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, code, "{said:?}");
    let last = said.err.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{said:?}");
    for word in words {
        assert!(last.contains(word), "{word}: {said:?}");
    }
}

#[test]
fn names_that_no_class_may_have() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("a.png"), png(0, 0)).unwrap();
    let long = "x".repeat(10_000);
    for name in ["a/b", "..", ".", "", "  ", "a\u{7}b", "a\u{202E}b", "@3", &long] {
        let said = sandbox.run(&["enroll", "--class", name, "a.png"]);
        assert_refused(&said, 2, &["--class"]);
        assert!(said.err.len() < 300, "{}", said.err);
    }
    assert!(!sandbox.path("data").exists(), "nothing was made");
    for name in ["👩\u{200D}🚀", "כוס תה", "杯子"] {
        sandbox.ok(&["enroll", "--class", name, "a.png"]);
    }
    assert_refused(&sandbox.run(&["gallery", "rename", "杯子", "a/b"]), 2, &["`/`"]);
    assert_refused(&sandbox.run(&["gallery", "rename", "杯子", "כוס תה"]), 2, &["exists already"]);
}

#[test]
fn files_that_are_no_images_are_named_and_nothing_is_enrolled() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    let jpeg = encode(image(0, 0), ImageFormat::Jpeg);
    fs::write(sandbox.path("things/red/text.png"), "not an image").unwrap();
    fs::write(sandbox.path("things/red/cut.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    fs::write(sandbox.path("things/red/empty.jpg"), "").unwrap();
    let said = sandbox.run(&["enroll", "things"]);
    assert_refused(&said, 2, &["3 of 9", "nothing was enrolled", "--skip-bad"]);
    for file in ["text.png", "cut.jpg", "empty.jpg"] {
        assert!(said.err.lines().any(|line| line.contains(file)), "{file}: {said:?}");
    }
    assert!(sandbox.ok(&["gallery", "list"]).contains("no class is enrolled"));
    let said = sandbox.run(&["enroll", "things", "--skip-bad"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("cut.jpg") && said.out.contains("red"), "{said:?}");
    fs::create_dir_all(sandbox.path("junk/thing")).unwrap();
    fs::write(sandbox.path("junk/thing/text.png"), "not an image").unwrap();
    assert_refused(&sandbox.run(&["enroll", "junk", "--skip-bad"]), 2, &["1 of 1 files"]);
}

#[test]
fn classify_answers_what_it_can_and_names_the_rest() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 2);
    sandbox.ok(&["enroll", "things"]);
    fs::write(sandbox.path("text.png"), "not an image").unwrap();
    let files = ["things/red/0.png", "text.png", "gone.png", "things"];
    let said = sandbox.run(&[&["classify"], &files[..]].concat());
    assert_refused(&said, 2, &["3 of 4"]);
    assert!(said.out.contains("things/red/0.png") && said.out.contains("red"), "{said:?}");
    for file in &files[1..] {
        assert!(
            said.err.lines().any(|line| line.starts_with(&format!("error: {file}: "))),
            "{said:?}"
        );
    }
    let steering = "things/red/\u{1b}[2J.png";
    fs::write(sandbox.path(steering), png(0, 0)).unwrap();
    let said = sandbox.run(&["classify", steering, "\u{1b}]0;x"]);
    assert!(
        said.code == 2 && !said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'),
        "{said:?}"
    );
    let said = sandbox.run(&[&["classify", "--json"], &files[..]].concat());
    let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, answer["errors"].as_array().unwrap().len()), (2, 3));
}

#[test]
fn an_empty_gallery_and_an_unknown_class() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("a.png"), png(0, 0)).unwrap();
    assert_refused(
        &sandbox.run(&["classify", "a.png"]),
        2,
        &["no class is enrolled", "handful enroll"],
    );
    sandbox.ok(&["gallery", "list"]);
    for args in [&["gallery", "delete", "mug"][..], &["gallery", "rename", "@9", "cup"]] {
        assert_refused(&sandbox.run(args), 2, &["there is no class", args[2], "gallery list"]);
    }
    assert!(!sandbox.path("data").exists(), "asking makes no store");
    sandbox.ok(&["enroll", "--class", "mug", "a.png"]);
    sandbox.ok(&["gallery", "delete", "mug"]);
    assert_refused(&sandbox.run(&["classify", "a.png"]), 2, &["no class is enrolled"]);
}

#[test]
fn folders_that_hold_no_classes() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("flat")).unwrap();
    fs::write(sandbox.path("flat/a.png"), png(0, 0)).unwrap();
    assert_refused(&sandbox.run(&["enroll", "flat"]), 2, &["flat", "NAME"]);
    assert_refused(&sandbox.run(&["enroll", "flat/a.png"]), 2, &["--class"]);
    assert_refused(&sandbox.run(&["enroll", "gone"]), 2, &["gone"]);
    fs::create_dir_all(sandbox.path("things/empty")).unwrap();
    assert_refused(&sandbox.run(&["enroll", "things"]), 2, &["empty", "no image"]);
    fs::create_dir_all(sandbox.path("bad/a\u{202E}b")).unwrap();
    assert_refused(&sandbox.run(&["enroll", "bad"]), 2, &["202e"]);
}

#[test]
fn two_processes_on_one_store() {
    let sandbox = Sandbox::new();
    let store = sandbox.path("data/handful/store");
    draw_classes(&sandbox.path("things"), 1);
    sandbox.ok(&["enroll", "things"]);
    let space = tiny_bundle().manifest.space_id;
    let held = edge::gallery::RedbGallery::open(&store, &space).unwrap();
    let me = format!("process {} (", std::process::id());
    assert_refused(&sandbox.run(&["gallery", "list"]), 1, &["in use", &me]);
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.code == 1 && doctor.out.contains(&me), "{doctor:?}");
    drop(held);
    sandbox.ok(&["gallery", "list"]);
}

#[test]
fn a_store_of_another_model() {
    let sandbox = Sandbox::new();
    let store = sandbox.path("data/handful/store");
    drop(edge::gallery::RedbGallery::open(&store, &"e".repeat(64)).unwrap());
    let said = sandbox.run(&["gallery", "list"]);
    assert_refused(&said, 2, &["another model", store.to_str().unwrap()]);
}

#[test]
fn bundles_that_cannot_be_used() {
    let sandbox = Sandbox::new();
    let bundle = sandbox.path("bundle");
    let run = |args: &[&str]| {
        Said::of(&sandbox.command(args).env("HANDFUL_BUNDLE", &bundle).output().unwrap())
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
fn an_image_is_no_data_set_and_no_answers_are_no_number() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("a.jpg"), encode(image(0, 0), ImageFormat::Jpeg)).unwrap();
    let said = sandbox.run(&["evaluate", "--data", "a.jpg", "--k-shot", "1"]);
    assert_refused(&said, 2, &["a.jpg cannot be read as a tar or tar.gz archive"]);
    assert!(!said.err.contains(char::REPLACEMENT_CHARACTER), "{said:?}");
    for top in ["0", "1001"] {
        let said = sandbox.run(&["classify", "a.jpg", "--top", top]);
        assert!(said.code == 2 && said.err.contains("1..=1000"), "{said:?}");
    }
}

#[test]
fn an_engine_that_is_asked_for_and_cannot_be_is_an_error() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["bench", "--engine", "cuda"]);
    assert_refused(&said, 1, &["onnxruntime/cuda", "ORT_DYLIB_PATH"]);
    let said = sandbox.run(&["bench", "--engine", "cpu", "--onnxruntime", "gone.so"]);
    assert_refused(&said, 2, &["gone.so"]);
    // clap's own refusals are more than one line; the code is the same.
    let said = sandbox.run(&["bench", "--engine", "gpu"]);
    assert!(said.code == 2 && said.err.contains("tensorrt"), "{said:?}");
    assert_refused(&sandbox.run(&["bench", "--threads", "0"]), 2, &["--threads"]);
}

#[test]
fn evaluations_that_cannot_be_made() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 3);
    let evaluate = |rest: &[&str]| {
        sandbox.run(&[&["evaluate", "--data", "things", "--split", "base"], rest].concat())
    };
    assert_refused(&evaluate(&[]), 2, &["base"]);
    assert_refused(&evaluate(&["--n-way", "3", "--n-query", "15"]), 2, &["base"]);
    let two = ["--n-way", "2", "--n-query", "2"];
    assert_refused(&evaluate(&[&two[..], &["--episodes", "1"]].concat()), 2, &["at least 2"]);
    assert_refused(&sandbox.run(&["evaluate", "--data", "gone"]), 2, &["gone"]);
    fs::write(sandbox.path("things/red/0.png"), "not an image").unwrap();
    assert_refused(&evaluate(&two), 2, &["red/0.png"]);
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
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
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" enroll many", size / 512 / 4);
    limited.args(["-c", &script, env!("CARGO_BIN_EXE_handful")]).arg0("sh");
    limited.current_dir(sandbox.path(".")).env("XDG_DATA_HOME", sandbox.path("data"));
    limited.env("HANDFUL_BUNDLE", tiny_bundle_dir()).env("HANDFUL_ENGINE", "tract");
    let said = Said::of(&limited.stdin(Stdio::null()).output().unwrap());
    assert_refused(&said, 1, &["no space is left", "nothing was changed"]);
    let list = sandbox.ok(&["gallery", "list"]);
    assert!(["red", "green", "blue"].iter().all(|name| list.contains(name)), "{list}");
    assert!(!list.contains("mug"), "{list}");
    sandbox.ok(&["enroll", "many"]);
}

/// Whatever reads the answer may go away, as `head` does.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = Sandbox::new();
    let mut child = sandbox.command(&["gallery", "list"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
