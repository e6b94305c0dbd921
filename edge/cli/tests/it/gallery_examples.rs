//! `handful gallery show`, `move`, `remove` and `merge`.

use std::fs;

use models::hex;
use serde_json::{Value, json};

use crate::files::png;
use crate::gallery_command::{ids, json_of, refused, sandbox, short, state, text};

#[test]
fn the_examples_of_a_class_are_shown() {
    let sandbox = sandbox();
    let hash = hex::sha256(&png(0, 0));
    let shown = json_of(&sandbox, &["show", "red"]);
    let first = &shown["examples"][0];
    assert_eq!((&shown["class"]["label"], &first["label"]), (&json!("red"), &json!("red")));
    assert_eq!((&first["sha256"], &first["precision"]), (&json!(hash), &json!("fp32")));
    assert_eq!(shown["examples"].as_array().unwrap().len(), 2);
    let text_of_red = text(&sandbox, &["show", "red"]);
    let lines: Vec<&str> = text_of_red.lines().collect();
    assert!(lines[0].starts_with("red (c_") && lines[0].ends_with("): 2 examples"), "{lines:?}");
    assert_eq!(lines[1], "id        added (UTC)       sha256        precision");
    let added_at = first["added_at"].as_str().unwrap();
    assert!(added_at.ends_with('Z') && added_at.len() == 24, "{added_at}");
    let minute = added_at[..16].replace('T', " ");
    assert_eq!(lines[2], format!("{}  {minute}  {}  fp32", short(&first["id"]), &hash[..12]));
    assert_eq!(lines.len(), 4);
}

#[test]
fn the_background_set_is_shown() {
    let sandbox = sandbox();
    let empty = text(&sandbox, &["show", "--background"]);
    assert_eq!(empty, "background set (\"none of these\"): 0 examples\n");
    sandbox.ok(&["enroll", "--background", "gray.png"]);
    let shown = json_of(&sandbox, &["show", "--background"]);
    assert_eq!((&shown["class"], &shown["examples"][0]["label"]), (&Value::Null, &Value::Null));
    let text_of_it = text(&sandbox, &["show", "--background"]);
    assert!(text_of_it.contains(&short(&shown["examples"][0]["id"])), "{text_of_it}");
    for wrong in [&["gallery", "show"][..], &["gallery", "show", "red", "--background"]] {
        assert_eq!(sandbox.run(wrong).code, 2, "{wrong:?}");
    }
    refused(&sandbox, &["show", "gone"], &["there is no class `gone`", "handful gallery list"]);
}

#[test]
fn kept_images_are_saved_and_no_file_is_replaced() {
    let sandbox = sandbox();
    let save = ["show", "red", "--save", "out/images"];
    let saved = &json_of(&sandbox, &save)["saved"];
    let files = saved["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{saved}");
    for file in files {
        let name = file.as_str().unwrap();
        let image = fs::read(sandbox.path("out/images").join(name)).unwrap();
        assert!(name.starts_with("e_") && name.ends_with(".jpg"), "{name}");
        assert!(image.starts_with(b"\xFF\xD8\xFF"), "{name}");
    }
    let mine = sandbox.path("out/images").join(files[0].as_str().unwrap());
    fs::write(&mine, "mine").unwrap();
    let again = text(&sandbox, &save);
    assert!(again.contains("saved in out/images: 0 images\n"), "{again}");
    assert!(again.contains("already and stay as they are: 2\n"), "{again}");
    assert_eq!(fs::read(&mine).unwrap(), b"mine");
}

#[test]
fn the_settings_decide_what_is_kept_of_an_image() {
    let sandbox = sandbox();
    text(&sandbox, &["settings", "--keep-images", "original"]);
    sandbox.ok(&["enroll", "--class", "whole", "new.png"]);
    let saved = json_of(&sandbox, &["show", "whole", "--save", "out"]);
    let name = saved["saved"]["files"][0].as_str().unwrap().to_owned();
    assert!(name.ends_with(".png"), "{name}");
    assert_eq!(fs::read(sandbox.path("out").join(&name)).unwrap(), png(0, 9));
    text(&sandbox, &["settings", "--keep-images", "off"]);
    sandbox.ok(&["enroll", "--class", "bare", "gray.png"]);
    let saved = json_of(&sandbox, &["show", "bare", "--save", "out"]);
    assert_eq!(saved["saved"]["files"], json!([]));
    assert_eq!(saved["saved"]["without_image"][0], saved["examples"][0]["id"]);
}

#[test]
fn examples_are_moved() {
    let sandbox = sandbox();
    let red = ids(&sandbox, "red");
    let green = ids(&sandbox, "green");
    let moved = text(&sandbox, &["move", &red[0], &green[0], &red[0], "--to", "green"]);
    assert!(moved.starts_with("moved: 1; were there already: 1\ngreen (c_"), "{moved}");
    assert!(moved.contains("): 3 examples\nundo with: handful gallery undo ch_"), "{moved}");
    assert_eq!(ids(&sandbox, "red"), red[1..]);
    let moved = json_of(&sandbox, &["move", &red[0], &red[1], "--to-background"]);
    assert_eq!((&moved["moved"], &moved["to"]), (&json!(2), &Value::Null));
    assert_eq!((&moved["background"], ids(&sandbox, "red").len()), (&json!(2), 0));
    let same = json_of(&sandbox, &["move", &red[0], "--to-background"]);
    assert_eq!((&same["moved"], &same["change"]), (&json!(0), &Value::Null));
    text(&sandbox, &["undo"]);
    text(&sandbox, &["undo"]);
    assert_eq!((ids(&sandbox, "red"), ids(&sandbox, "green")), (red, green));
}

#[test]
fn examples_are_removed_and_come_back() {
    let sandbox = sandbox();
    let before = state(&sandbox);
    let ids = [ids(&sandbox, "red"), ids(&sandbox, "green")].concat();
    let removed = text(&sandbox, &["remove", &ids[0], &ids[2]]);
    let lines: Vec<&str> = removed.lines().collect();
    let header = "id        added (UTC)       sha256        precision  class";
    assert_eq!(lines[..2], ["removed:", header]);
    assert!(lines[2].starts_with(&ids[0]) && lines[2].ends_with("fp32       red"), "{removed}");
    assert!(lines[3].starts_with(&ids[2]) && lines[3].ends_with("fp32       green"), "{removed}");
    assert_eq!(json_of(&sandbox, &["list"])["classes"][1]["examples"], 1);
    let removed = json_of(&sandbox, &["remove", &ids[1]]);
    assert_eq!(short(&removed["examples"][0]["id"]), ids[1]);
    text(&sandbox, &["undo", &short(&removed["change"])]);
    text(&sandbox, &["undo"]);
    assert_eq!(state(&sandbox), before);
}

#[test]
fn a_class_is_merged_into_another() {
    let sandbox = sandbox();
    let before = state(&sandbox);
    let merged = json_of(&sandbox, &["merge", "red", "green"]);
    let class = &merged["classes"][0];
    assert_eq!((&class["label"], &class["examples"]), (&json!("green"), &json!(4)));
    assert_eq!(json_of(&sandbox, &["list"])["classes"].as_array().unwrap().len(), 2);
    assert!(text(&sandbox, &["history"]).contains("merged \"red\" into \"green\""));
    text(&sandbox, &["undo"]);
    assert_eq!(state(&sandbox), before);
}
