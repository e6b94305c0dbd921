//! `handful galleries`.

use std::fs;

use crate::bad_input::assert_refused;
use crate::sandbox::Sandbox;

fn names(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.json(&["galleries", "list", "--json"]);
    let galleries = listed["galleries"].as_array().unwrap().iter();
    galleries.map(|one| one["gallery"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_gallery_is_renamed() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["galleries", "create", "line 2"]);
    sandbox.ok(&["galleries", "create", "other"]);
    let renamed = sandbox.ok(&["galleries", "rename", "LINE 2", "line 3"]);
    assert!(renamed.starts_with("renamed LINE 2 to line 3\n"), "{renamed}");
    assert_eq!(names(&sandbox), ["default", "line 3", "other"]);
    for (gallery, name, words) in [
        ("line 2", "x", ["no gallery `line 2`", "handful galleries list"]),
        ("line 3", "OTHER", ["`OTHER` exists already", "choose another name"]),
        ("line 3", "default", ["`default` exists already", "choose another name"]),
        ("default", "x", ["`default`", "renamed"]),
        ("line 3", "a/b", ["the name", "may not contain `/`"]),
    ] {
        let outcome = sandbox.run(&["galleries", "rename", gallery, name]);
        assert_refused(&outcome, 2, &words);
    }
    assert_eq!(names(&sandbox), ["default", "line 3", "other"]);
}

#[test]
fn a_refused_restore_says_what_stands_in_the_way() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["galleries", "create", "line"]);
    let restore = ["galleries", "restore", "line"];
    assert_refused(&sandbox.run(&restore), 2, &["the gallery `line` is not deleted"]);
    sandbox.ok(&["galleries", "delete", "line"]);
    sandbox.ok(&["galleries", "create", "line"]);
    assert_refused(&sandbox.run(&restore), 2, &["`line` exists already", "delete that one first"]);
}

#[test]
fn deleted_galleries_are_listed_and_restored_by_id() {
    let sandbox = Sandbox::new();
    let list = ["galleries", "list", "--deleted"];
    assert!(sandbox.ok(&list).contains("there is no store yet"));
    for _ in 0..2 {
        sandbox.ok(&["galleries", "create", "line"]);
        sandbox.ok(&["galleries", "delete", "line"]);
    }
    let listed = sandbox.json(&["galleries", "list", "--deleted", "--json"]);
    let ids = [0, 1].map(|at| listed["galleries"][at]["id"].as_str().unwrap().to_owned());
    let [last, first] = &ids;
    assert_eq!(listed["galleries"][0]["gallery"], "line");
    for field in ["deleted_at", "kept_until"] {
        assert!(listed["galleries"][0][field].as_str().unwrap().ends_with('Z'), "{listed}");
    }
    let text = sandbox.ok(&list);
    assert!(text.contains("kept until (UTC)") && text.contains(first), "{text}");
    assert!(text.trim_end().ends_with(&format!("handful galleries restore {last}")), "{text}");
    let backup = sandbox.ok(&["galleries", "backup", "copies"]);
    assert!(backup.contains("left out: 2 deleted galleries; `handful galleries list --deleted`"));
    let restored = sandbox.ok(&["galleries", "restore", first]);
    assert!(restored.starts_with("restored line\n"), "{restored}");
    sandbox.ok(&["galleries", "purge", last, "--yes"]);
    assert!(sandbox.ok(&list).contains("there is no deleted gallery"));
    assert_eq!(names(&sandbox), ["default", "line"]);
    let words = ["no gallery `nobody`", "handful galleries list --deleted"];
    assert_refused(&sandbox.run(&["galleries", "restore", "nobody"]), 2, &words);
}

#[test]
fn a_backup_keeps_and_names_the_files_of_galleries_that_are_gone() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["galleries", "create", "line"]);
    sandbox.ok(&["galleries", "backup", "copies"]);
    sandbox.ok(&["galleries", "delete", "line"]);
    let backup = ["galleries", "backup", "copies", "--force"];
    let words = ["copies has a backup already", "--force", "another folder"];
    assert_refused(&sandbox.run(&backup[..3]), 2, &words);
    let again = sandbox.run(&backup);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.err.contains("not of this store any more: line.handful;"), "{again:?}");
    assert!(sandbox.path("copies/line.handful").exists());
    fs::write(sandbox.path("file"), "x").unwrap();
    let words = ["file is a file; name a folder"];
    assert_refused(&sandbox.run(&["galleries", "backup", "file"]), 2, &words);
}
