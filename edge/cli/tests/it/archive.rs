//! A gallery in one file: export, import and backup. Each command is a process of its own.

use std::fs;
use std::os::unix::fs::symlink;

use edge::gallery::{Galleries, Label, NewExample};
use serde_json::{Value, json};

use crate::gallery_command::{ids, json_of, refused, sandbox, state, summaries, text};
use crate::sandbox::{Sandbox, tiny_bundle};

#[test]
fn a_gallery_moves_to_another_device_with_its_history() {
    let first = sandbox();
    let removed = ids(&first, "red")[0].clone();
    text(&first, &["remove", &removed]);
    let exported = json_of(&first, &["export", "things.handful"]);
    assert_eq!(exported["gallery"], "default");
    assert_eq!(exported["file"], "things.handful");
    let bytes = fs::read(first.path("things.handful")).unwrap();
    assert_eq!(exported["bytes"], json!(bytes.len()));

    let other = Sandbox::new();
    fs::write(other.path("in.handful"), &bytes).unwrap();
    let imported = json_of(&other, &["import", "in.handful"]);
    assert_eq!((&imported["gallery"], &imported["examples"]), (&json!("default"), &json!(6)));
    assert_eq!((&imported["new"], &imported["ahead"]), (&imported["changes"], &json!(0)));
    assert_eq!((&imported["in_use"], &imported["purged"]), (&json!(5), &json!(0)));
    assert_eq!(state(&other), state(&first));
    assert_eq!(summaries(&other), summaries(&first));
    let again = text(&other, &["import", "in.handful"]);
    assert!(again.starts_with("nothing to import: `default` has all"), "{again}");
    text(&other, &["undo"]);
    assert_eq!(ids(&other, "red").len(), 2, "what was removed is restored");
    text(&other, &["export", "out.handful"]);
    text(&first, &["undo"]);
    let back = fs::read(other.path("out.handful")).unwrap();
    fs::write(first.path("back.handful"), back).unwrap();
    let joined = json_of(&first, &["import", "back.handful"]);
    assert_eq!(joined["new"], json!(1), "the undo of the other device");
}

#[test]
fn an_import_makes_the_gallery_that_is_named() {
    let sandbox = sandbox();
    text(&sandbox, &["export", "things.handful"]);
    let into = ["gallery", "import", "things.handful", "--gallery", "line 2", "--json"];
    assert_eq!(sandbox.json(&into)["gallery"], "line 2");
    let list = sandbox.json(&["galleries", "list", "--json"]);
    assert_eq!(list["galleries"][1]["gallery"], "line 2");
    assert_eq!(list["galleries"][1]["examples"], 6);
    let printed = sandbox.command(&["gallery", "export", "-"]).output().unwrap();
    assert!(printed.status.success());
    assert_eq!(printed.stdout, fs::read(sandbox.path("things.handful")).unwrap());
}

#[test]
fn an_import_says_what_counts_and_what_it_purges() {
    let first = sandbox();
    text(&first, &["export", "one.handful"]);
    let other = Sandbox::new();
    fs::copy(first.path("one.handful"), other.path("one.handful")).unwrap();
    let printed = text(&other, &["import", "one.handful"]);
    assert!(first_line(&printed).ends_with("6 examples with 6 images"), "{printed}");
    text(&first, &["remove", &ids(&first, "red")[0]]);
    text(&first, &["export", "two.handful"]);
    text(&first, &["purge", "--older-than", "0", "--yes"]);
    text(&first, &["export", "three.handful"]);
    for name in ["two.handful", "three.handful"] {
        fs::copy(first.path(name), other.path(name)).unwrap();
    }
    let into_new = text(&other, &["import", "two.handful", "--gallery", "new"]);
    let words = "6 examples with 6 images (5 examples in use)";
    assert!(first_line(&into_new).ends_with(words), "{into_new}");
    let printed = text(&other, &["import", "three.handful"]);
    let words = "; it purged 1 example of this gallery for good";
    assert!(printed.trim_end().ends_with(words), "{printed}");
    let again = json_of(&other, &["import", "three.handful"]);
    assert_eq!((&again["new"], &again["purged"]), (&json!(0), &json!(0)));
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap()
}

#[test]
fn an_import_is_undone_as_a_whole() {
    let first = sandbox();
    text(&first, &["export", "one.handful"]);
    let other = Sandbox::new();
    other.ok(&["gallery", "add", "own"]);
    let before = state(&other);
    fs::copy(first.path("one.handful"), other.path("one.handful")).unwrap();
    let printed = text(&other, &["import", "one.handful"]);
    let undo = printed.lines().last().unwrap();
    let device = undo.strip_prefix("undo with: handful gallery undo --device ").unwrap();
    assert_ne!(state(&other), before);
    let undone = json_of(&other, &["undo", "--device", device]);
    assert_eq!(undone["undone"].as_array().unwrap().len(), 3, "one enrollment for each class");
    assert_eq!(state(&other), before);
    let again = json_of(&other, &["import", "one.handful"]);
    assert_eq!((&again["new"], &again["devices"]), (&json!(0), &json!([])));
    refused(&other, &["undo", "--device", device], &["nothing to undo"]);
    text(&other, &["redo"]);
    assert_eq!(ids(&other, "red").len(), 2);
    let both = other.run(&["gallery", "undo", "ch_8a3f21", "--device", device]);
    assert_eq!(both.code, 2, "{both:?}");
}

#[test]
fn an_import_into_the_name_of_a_deleted_gallery_says_so() {
    let sandbox = sandbox();
    text(&sandbox, &["export", "things.handful"]);
    sandbox.ok(&["galleries", "create", "line 2"]);
    sandbox.ok(&["galleries", "delete", "line 2"]);
    let into = ["gallery", "import", "things.handful", "--gallery", "line 2"];
    let outcome = sandbox.run(&into);
    let words = "created the gallery `line 2`; a deleted one of this name can be restored";
    assert!(outcome.code == 0 && outcome.err.contains(words), "{outcome:?}");
    let again = sandbox.run(&into);
    assert!(again.code == 0 && !again.err.contains("created"), "{again:?}");
}

#[test]
fn an_exported_gallery_is_neither_enrolled_nor_read_from_standard_input() {
    let sandbox = sandbox();
    text(&sandbox, &["export", "a.handful"]);
    refused(&sandbox, &["import", "-"], &["not standard input", "write it to a file first"]);
    for args in [&["enroll", "a.handful"][..], &["enroll", "--class", "mug", "a.handful"]] {
        let outcome = sandbox.run(args);
        let words = "import it with `handful gallery import`";
        assert!(outcome.code == 2 && outcome.err.contains(words), "{outcome:?}");
    }
}

#[test]
fn an_import_takes_the_id_of_a_gallery_and_a_wrong_name_makes_nothing() {
    let sandbox = sandbox();
    text(&sandbox, &["export", "things.handful"]);
    sandbox.ok(&["galleries", "create", "line 2"]);
    let list = sandbox.json(&["galleries", "list", "--json"]);
    let id = list["galleries"][1]["id"].as_str().unwrap();
    let imported = json_of(&sandbox, &["import", "things.handful", "--gallery", id]);
    assert_eq!((&imported["gallery"], &imported["examples"]), (&json!("line 2"), &json!(6)));
    let list = sandbox.json(&["galleries", "list", "--json"]);
    assert_eq!(list["galleries"].as_array().unwrap().len(), 2);

    let unknown = format!("g_{:032x}", 7);
    let into = ["import", "things.handful", "--gallery", &unknown];
    refused(&sandbox, &into, &["there is no gallery", "handful galleries list"]);
    let other = Sandbox::new();
    fs::copy(sandbox.path("things.handful"), other.path("things.handful")).unwrap();
    refused(&other, &into, &["there is no store"]);
    refused(&other, &["import", "things.handful", "--gallery", "a/b"], &["--gallery"]);
    assert!(!other.path("data").exists(), "no store was made");
}

#[test]
fn a_file_is_replaced_only_with_force() {
    let sandbox = sandbox();
    fs::write(sandbox.path("a.handful"), "mine").unwrap();
    refused(&sandbox, &["export", "a.handful"], &["a.handful exists already", "--force"]);
    assert_eq!(fs::read(sandbox.path("a.handful")).unwrap(), b"mine");
    text(&sandbox, &["export", "a.handful", "--force"]);
    assert!(fs::metadata(sandbox.path("a.handful")).unwrap().len() > 1000);
    fs::create_dir(sandbox.path("b.handful")).unwrap();
    refused(&sandbox, &["export", "b.handful", "--force"], &["not a regular file"]);
    symlink(sandbox.path("a.handful"), sandbox.path("c.handful")).unwrap();
    refused(&sandbox, &["export", "c.handful", "--force"], &["not a regular file"]);
    refused(&sandbox, &["export", "-", "--json"], &["--json cannot be used with `-`"]);
    let unknown = ["export", "d.handful", "--gallery", "nobody"];
    refused(&sandbox, &unknown, &["there is no gallery `nobody`", "handful galleries list"]);
    assert!(!sandbox.path("d.handful").exists());
}

#[test]
fn a_file_that_cannot_be_used_makes_neither_store_nor_gallery() {
    let sandbox = sandbox();
    text(&sandbox, &["export", "whole.handful"]);
    let whole = fs::read(sandbox.path("whole.handful")).unwrap();
    let other = Sandbox::new();
    fs::write(other.path("cut.handful"), &whole[..whole.len() / 2]).unwrap();
    fs::write(other.path("text.handful"), "hello").unwrap();
    let words = ["cut.handful", "not a whole archive", "nothing was imported"];
    refused(&other, &["import", "cut.handful"], &words);
    refused(&other, &["import", "text.handful"], &["text.handful", "no gallery that Handful"]);
    refused(&other, &["import", "missing.handful"], &["missing.handful", "cannot be read"]);
    assert!(!other.path("data").exists(), "no store was made");

    let before = state(&sandbox);
    let mut flipped = whole;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(sandbox.path("flipped.handful"), flipped).unwrap();
    let into = ["import", "flipped.handful", "--gallery", "new"];
    refused(&sandbox, &into, &["not a whole archive"]);
    assert_eq!(state(&sandbox), before);
    let list = sandbox.json(&["galleries", "list", "--json"]);
    assert_eq!(list["galleries"].as_array().unwrap().len(), 1);
}

#[test]
fn embeddings_of_another_length_than_those_of_the_model_make_no_store() {
    let sandbox = Sandbox::new();
    let space_id = tiny_bundle().manifest.space_id;
    let galleries = Galleries::open(&sandbox.path("wrong"), &space_id).unwrap();
    let example = NewExample {
        sha256: [1; 32],
        crop: None,
        embedding: vec![1.0; 3],
        precision: "fp32".to_owned(),
        image: None,
    };
    let mut gallery = galleries.gallery("default").unwrap();
    gallery.enroll(&Label::parse("mug").unwrap(), vec![example], true).unwrap();
    let export = galleries.export("default").unwrap();
    let bytes: Vec<u8> = export.flat_map(Result::unwrap).collect();
    fs::write(sandbox.path("in.handful"), bytes).unwrap();
    let words = ["in.handful", "have 3 values, those of this model have"];
    refused(&sandbox, &["import", "in.handful"], &words);
    assert!(!sandbox.path("data").exists(), "no store was made");
}

#[test]
fn a_backup_has_every_gallery() {
    let sandbox = sandbox();
    sandbox.ok(&["galleries", "create", "line 2"]);
    sandbox.ok(&["enroll", "--gallery", "line 2", "things"]);
    let made = sandbox.json(&["galleries", "backup", "copies", "--json"]);
    assert_eq!(made["files"][1]["file"], "copies/line 2.handful");
    assert_eq!(made["files"].as_array().unwrap().len(), 2);
    let again = sandbox.run(&["galleries", "backup", "copies"]);
    assert!(again.code == 2 && again.err.contains("copies has a backup already; "), "{again:?}");
    sandbox.ok(&["galleries", "backup", "copies", "--force"]);

    let other = Sandbox::new();
    for name in ["default.handful", "line 2.handful"] {
        let file = sandbox.path("copies").join(name);
        text(&other, &["import", file.to_str().unwrap()]);
    }
    for at in 0..2 {
        for field in ["gallery", "classes", "examples"] {
            assert_eq!(listed(&sandbox)[at][field], listed(&other)[at][field], "{field}");
        }
    }
}

fn listed(sandbox: &Sandbox) -> Value {
    sandbox.json(&["galleries", "list", "--json"])["galleries"].clone()
}
