//! The history of a gallery, undo, redo and purge. Each command is a process of its own, so every
//! undo is one after a restart.

use std::fs;

use serde_json::{Value, json};

use crate::bad_input::assert_refused;
use crate::files::draw_classes;
use crate::gallery_command::{ids, json_of, refused, sandbox, short, state, summaries, text};
use crate::sandbox::Sandbox;

#[test]
fn what_does_not_exist_is_refused_and_nothing_changes() {
    let sandbox = sandbox();
    let before = json_of(&sandbox, &["list"]);
    let red = ids(&sandbox, "red");
    let example = red[0].as_str();
    let no_example = ["no example `e_000000`", "handful gallery show CLASS", "nothing was changed"];
    refused(&sandbox, &["move", example, "e_000000", "--to", "green"], &no_example);
    refused(&sandbox, &["remove", example, "e_000000"], &no_example);
    refused(&sandbox, &["remove", "@4"], &["no example `@4`"]);
    let no_class = ["there is no class `gone`", "handful gallery list"];
    refused(&sandbox, &["move", example, "--to", "gone"], &no_class);
    refused(&sandbox, &["merge", "gone", "red"], &no_class);
    refused(&sandbox, &["merge", "red", "gone"], &no_class);
    refused(&sandbox, &["merge", "red", "RED"], &["cannot be merged into itself"]);
    let no_change = ["there is no change `ch_000000`", "handful gallery history"];
    refused(&sandbox, &["undo", "ch_000000"], &no_change);
    refused(&sandbox, &["redo", "ch_000000"], &no_change);
    refused(&sandbox, &["history", "--after", "ch_000000"], &no_change);
    for wrong in ["last", "ch_1", "c_000000", "CH_000000"] {
        refused(&sandbox, &["undo", wrong], &[wrong, "there is no change"]);
    }
    refused(&sandbox, &["redo"], &["nothing to redo"]);
    assert_eq!(json_of(&sandbox, &["list"]), before);
}

#[test]
fn command_lines_that_are_not_whole_are_refused() {
    let sandbox = Sandbox::new();
    let cases: [(&[&str], &str); 7] = [
        (&["move", "e_000000"], "--to <CLASS>"),
        (&["move", "e_000000", "--to", "red", "--to-background"], "--to-background"),
        (&["move", "--to", "red"], "<ID>"),
        (&["remove"], "<ID>"),
        (&["merge", "red"], "<INTO>"),
        (&["history", "--limit", "0"], "--limit"),
        (&["purge", "--older-than", "36501"], "--older-than"),
    ];
    for (args, word) in cases {
        let outcome = sandbox.run(&[&["gallery"][..], args].concat());
        assert!(outcome.code == 2 && outcome.err.contains(word), "{args:?}: {outcome:?}");
    }
    let days = "expected a whole number of days, 0 to 36500";
    for args in [["purge", "--older-than"], ["settings", "--retention-days"]] {
        for value in ["abc", "1.5", "-1", "36501"] {
            let option = format!("{}={value}", args[1]);
            let outcome = sandbox.run(&["gallery", args[0], option.as_str()]);
            assert!(outcome.code == 2 && outcome.err.contains(days), "{option}: {outcome:?}");
        }
    }
}

#[test]
fn commands_that_need_a_store_make_none() {
    let sandbox = Sandbox::new();
    let commands: [&[&str]; 10] = [
        &["export", "out"],
        &["show", "red", "--save", "out"],
        &["move", "e_000000", "--to", "red"],
        &["remove", "e_000000"],
        &["merge", "red", "green"],
        &["history"],
        &["undo"],
        &["redo"],
        &["purge", "--yes"],
        &["compact"],
    ];
    for args in commands {
        refused(&sandbox, args, &["there is no store in", "handful enroll"]);
    }
    assert!(!sandbox.path("data").exists() && !sandbox.path("out").exists());
}

#[test]
fn the_history_lists_changes_newest_first() {
    let sandbox = sandbox();
    let listed = text(&sandbox, &["history"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines[0], "change     when (UTC)        who  what");
    assert_eq!(lines.len(), 4, "{listed}");
    for (line, class) in lines[1..].iter().zip(["red", "green", "blue"]) {
        assert!(line.starts_with("ch_"), "{listed}");
        assert!(line.ends_with(&format!("  cli  enrolled 2 images in \"{class}\"")), "{listed}");
    }
    let first = json_of(&sandbox, &["history", "--limit", "2"]);
    let changes = first["history"].as_array().unwrap();
    assert_eq!((changes.len(), &first["next"]), (2, &changes[1]["change"]));
    let newest = &changes[0];
    // The names of the HTTP API.
    let names: Vec<_> = newest.as_object().unwrap().keys().collect();
    assert_eq!(names, ["actor", "at", "change", "device", "is_undo", "summary", "undone"]);
    assert_eq!((&newest["actor"], &newest["undone"]), (&json!("cli"), &json!(false)));
    assert_eq!((&newest["is_undo"], newest["at"].as_str().unwrap().len()), (&json!(false), 24));
    let after = short(&first["next"]);
    let older = format!("\nolder ones: handful gallery history --after {after}\n");
    assert!(text(&sandbox, &["history", "--limit", "2"]).ends_with(&older));
    let rest = json_of(&sandbox, &["history", "--after", &after]);
    assert_eq!(rest["history"][0]["summary"], "enrolled 2 images in \"blue\"");
    assert_eq!((rest["history"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
}

#[test]
fn a_gallery_without_changes_has_no_history() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("text.png"), "not an image").unwrap();
    assert_eq!(sandbox.run(&["enroll", "--class", "red", "text.png"]).code, 2);
    assert_eq!(text(&sandbox, &["history"]), "there are no changes\n");
    assert_eq!(json_of(&sandbox, &["history"])["history"], json!([]));
    refused(&sandbox, &["undo"], &["nothing to undo"]);
}

#[test]
fn the_last_line_of_each_change_undoes_it() {
    let sandbox = sandbox();
    sandbox.ok(&["enroll", "--background", "gray.png"]);
    let red = ids(&sandbox, "red");
    let unknown = short(&json_of(&sandbox, &["show", "--background"])["examples"][0]["id"]);
    let before = state(&sandbox);
    let commands: [&[&str]; 12] = [
        &["enroll", "--class", "red", "new.png"],
        &["enroll", "--class", "mug", "new.png"],
        &["enroll", "--background", "new.png"],
        &["gallery", "add", "lamp"],
        &["gallery", "rename", "red", "crimson"],
        &["gallery", "delete", "blue"],
        &["gallery", "merge", "red", "blue"],
        &["gallery", "move", &red[0], "--to", "blue"],
        &["gallery", "remove", &red[1]],
        &["gallery", "background", "remove", &unknown],
        &["gallery", "settings", "--rate", "0.1"],
        &["gallery", "settings", "--keep-images", "off", "--retention-days", "7"],
    ];
    for args in commands {
        let answer = sandbox.ok(args);
        assert_ne!(state(&sandbox), before, "{args:?}");
        let last = answer.lines().last().unwrap_or_default();
        let undo = last.strip_prefix("undo with: handful ");
        let undo: Vec<&str> = undo.unwrap_or_else(|| panic!("{answer}")).split(' ').collect();
        sandbox.ok(&undo);
        assert_eq!(state(&sandbox), before, "{args:?}");
    }
}

#[test]
fn json_has_the_change_or_null() {
    let sandbox = sandbox();
    for args in [["rename", "red", "crimson"], ["settings", "--rate", "0.1"]] {
        let changed = json_of(&sandbox, &args);
        let newest = json_of(&sandbox, &["history"])["history"][0].clone();
        assert_eq!(changed["change"], newest["change"], "{args:?}");
    }
    for args in [["rename", "crimson", "crimson"], ["settings", "--rate", "0.1"]] {
        assert_eq!(json_of(&sandbox, &args)["change"], Value::Null, "{args:?}");
    }
    let unchanged = text(&sandbox, &["rename", "crimson", "crimson"]);
    assert!(!unchanged.contains("undo with"), "{unchanged}");
    assert!(json_of(&sandbox, &["settings"]).get("change").is_none(), "nothing was asked for");
}

#[test]
fn each_class_of_an_enrollment_is_undone_by_its_own_change() {
    let sandbox = Sandbox::new();
    draw_classes(&sandbox.path("things"), 1);
    let enrolled = sandbox.json(&["enroll", "things", "--json"]);
    let classes = enrolled["classes"].as_array().unwrap();
    assert_eq!(enrolled["change"], classes[2]["change"]);
    text(&sandbox, &["undo", classes[1]["change"].as_str().unwrap()]);
    let left = json_of(&sandbox, &["list"]);
    let labels: Vec<&Value> =
        left["classes"].as_array().unwrap().iter().map(|class| &class["label"]).collect();
    assert_eq!(labels, ["blue", "red"]);
    let again = sandbox.ok(&["enroll", "things"]);
    assert!(again.lines().last().unwrap().starts_with("undo with: handful gallery undo ch_"));
    assert!(again.contains("\nred      0        1         1  -\n"), "{again}");
}

#[test]
fn an_undo_names_what_stands_in_the_way() {
    let sandbox = sandbox();
    let enrolled = sandbox.json(&["enroll", "--class", "mug", "new.png", "--json"]);
    let renamed = json_of(&sandbox, &["rename", "mug", "cup"]);
    let changes = [short(&enrolled["change"]), short(&renamed["change"])];
    let words = [changes[0].as_str(), changes[1].as_str(), "cannot be undone", "--through"];
    refused(&sandbox, &["undo", &changes[0]], &words);
    let undone = json_of(&sandbox, &["undo", &changes[0], "--through"]);
    let undone_ids: Vec<&Value> =
        undone["undone"].as_array().unwrap().iter().map(|one| &one["change"]).collect();
    assert_eq!(undone_ids, [&renamed["change"], &enrolled["change"]], "latest first");
    assert_eq!(undone["undone"][0]["undone"], true);
    assert_eq!(json_of(&sandbox, &["list"])["classes"].as_array().unwrap().len(), 3);
    refused(&sandbox, &["undo", &changes[0]], &["undone already"]);
    let history = text(&sandbox, &["history"]);
    let marked = history.lines().filter(|line| line.ends_with("  undone"));
    assert_eq!(marked.count(), 2, "{history}");
}

#[test]
fn an_undo_is_taken_back() {
    let sandbox = sandbox();
    let before = state(&sandbox);
    text(&sandbox, &["delete", "red"]);
    let deleted = state(&sandbox);
    let undone = text(&sandbox, &["undo"]);
    assert!(undone.starts_with("undone:\nchange     when (UTC)        who  what\nch_"), "{undone}");
    assert!(undone.contains("  cli  deleted \"red\"\n"), "{undone}");
    assert_eq!(state(&sandbox), before);
    let last = undone.lines().last().unwrap();
    let command = last.strip_prefix("redo with: handful ").unwrap_or_else(|| panic!("{undone}"));
    let redo: Vec<&str> = command.split(' ').collect();
    let redone = sandbox.ok(&redo);
    assert!(redone.starts_with("taken back:\n") && redone.contains("undid: deleted"), "{redone}");
    assert_eq!(state(&sandbox), deleted);
    assert_eq!(summaries(&sandbox)[0], "redid: deleted \"red\"");
    text(&sandbox, &["undo"]);
    assert_eq!(state(&sandbox), before);
    text(&sandbox, &["redo"]);
    assert_eq!(state(&sandbox), deleted);
    // An undo of the redo.
    let redo = short(&json_of(&sandbox, &["history"])["history"][0]["change"]);
    text(&sandbox, &["redo", &redo]);
    assert_eq!(summaries(&sandbox)[0], "undid: deleted \"red\"");
}

#[test]
fn only_an_undo_is_taken_back() {
    let sandbox = sandbox();
    let deleted = json_of(&sandbox, &["delete", "red"]);
    let id = short(&deleted["change"]);
    refused(&sandbox, &["redo", &id], &[&id, "deleted \"red\"", "is not an undo"]);
    assert_eq!(summaries(&sandbox)[0], "deleted \"red\"");
}

#[test]
fn a_purge_needs_consent() {
    let sandbox = sandbox();
    text(&sandbox, &["delete", "red"]);
    refused(&sandbox, &["purge", "--older-than", "0"], &["no terminal", "--yes", "nothing was"]);
    assert_eq!(summaries(&sandbox)[0], "deleted \"red\"");
    text(&sandbox, &["undo"]);
    assert_eq!(ids(&sandbox, "red").len(), 2, "nothing was purged");
}

#[test]
fn a_deleted_gallery_is_purged_with_consent() {
    let sandbox = sandbox();
    sandbox.ok(&["galleries", "create", "line"]);
    sandbox.ok(&["enroll", "--gallery", "line", "things"]);
    let purge = ["galleries", "purge", "line", "--yes"];
    assert_refused(&sandbox.run(&purge), 2, &["`line` is not deleted"]);
    sandbox.ok(&["galleries", "delete", "line"]);
    assert_refused(&sandbox.run(&purge[..3]), 2, &["no terminal", "--yes", "nothing was"]);
    let purged = sandbox.ok(&purge);
    let expected = "purged the deleted gallery \"line\", with 6 examples;";
    assert!(purged.starts_with(expected), "{purged}");
    assert_refused(&sandbox.run(&["galleries", "restore", "line"]), 2, &["`line` was purged"]);
    assert_refused(&sandbox.run(&purge), 2, &["`line` was purged"]);
    assert_eq!(ids(&sandbox, "red").len(), 2, "other galleries are as they were");
}

#[test]
fn a_purge_counts_the_deleted_galleries_of_a_name() {
    let sandbox = sandbox();
    for _ in 0..2 {
        sandbox.ok(&["galleries", "create", "line"]);
        sandbox.ok(&["enroll", "--gallery", "line", "things"]);
        sandbox.ok(&["galleries", "delete", "line"]);
    }
    let purged = sandbox.ok(&["galleries", "purge", "line", "--yes"]);
    let expected = "purged 2 deleted galleries called \"line\", with 12 examples;";
    assert!(purged.starts_with(expected), "{purged}");
}

#[test]
fn what_was_purged_does_not_come_back() {
    let sandbox = sandbox();
    text(&sandbox, &["delete", "red"]);
    let recent = json_of(&sandbox, &["purge", "--yes"]);
    assert_eq!((&recent["purged"], &recent["older_than_days"]), (&json!(0), &json!(30)));
    assert_eq!(recent["change"], Value::Null);
    let purged = json_of(&sandbox, &["purge", "--older-than", "0", "--yes"]);
    assert_eq!((&purged["purged"], &purged["older_than_days"]), (&json!(2), &json!(0)));
    assert_eq!(summaries(&sandbox)[0], "purged 2 images");
    let id = short(&purged["change"]);
    refused(&sandbox, &["undo", &id], &["purged 2 images", "cannot be undone", "for good"]);
    let deletion = short(&json_of(&sandbox, &["history"])["history"][1]["change"]);
    refused(&sandbox, &["undo", &deletion], &["deleted \"red\"", "cannot be undone"]);
    let again = text(&sandbox, &["purge", "--older-than", "0", "--yes"]);
    assert!(again.starts_with("purged: 0 examples (what was removed)\n"), "{again}");
    assert!(again.contains("backups and exported files are not changed"), "{again}");
    assert_eq!(ids(&sandbox, "green").len(), 2);
}

#[test]
fn the_retention_time_is_that_of_the_settings() {
    let sandbox = sandbox();
    let red = ids(&sandbox, "red");
    text(&sandbox, &["settings", "--retention-days", "0"]);
    text(&sandbox, &["remove", &red[0]]);
    let purged = json_of(&sandbox, &["purge", "--yes"]);
    assert_eq!((&purged["purged"], &purged["older_than_days"]), (&json!(1), &json!(0)));
}

#[test]
fn compacting_changes_only_the_size() {
    let sandbox = sandbox();
    let before = state(&sandbox);
    let history = text(&sandbox, &["history"]);
    let compacted = json_of(&sandbox, &["compact"]);
    assert!(compacted["bytes_after"].as_u64().unwrap() > 0, "{compacted}");
    assert!(compacted["bytes_after"].as_u64() <= compacted["bytes_before"].as_u64());
    assert!(text(&sandbox, &["compact"]).starts_with("the store takes "));
    assert_eq!((state(&sandbox), text(&sandbox, &["history"])), (before, history));
}
