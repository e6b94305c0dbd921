//! `handful gallery salvage` on a store whose file is damaged.

use std::fs;

use serde_json::json;

use crate::gallery_command::{json_of, refused, sandbox, state, summaries};
use crate::sandbox::Sandbox;

const PAGE_BYTES: usize = 4096;
/// The beginning of a row of embeddings (`docs/formats.md`).
const EMBEDDINGS: [u8; 9] = [0xF5, 0x48, 0x1A, 0x72, 0x6F, 0x77, 0xC3, 0x0A, 3];

const STORE: &str = "data/handful/store";
const FILE: &str = "data/handful/store/gallery.redb";

/// The store of the other folder in the place of that of the sandbox.
fn use_instead(sandbox: &Sandbox, folder: &str) {
    fs::remove_dir_all(sandbox.path(STORE)).unwrap();
    fs::rename(sandbox.path(folder), sandbox.path(STORE)).unwrap();
}

#[test]
fn a_store_that_is_whole_is_saved_whole() {
    let sandbox = sandbox();
    let before = (state(&sandbox), summaries(&sandbox));
    let answer = json_of(&sandbox, &["salvage", STORE, "--into", "saved"]);
    assert_eq!((&answer["is_whole"], &answer["store"]), (&json!(true), &json!("saved")));
    let gallery = &answer["galleries"][0];
    assert_eq!((&gallery["gallery"], &gallery["lost"]), (&json!("default"), &json!(0)));
    assert_eq!((&gallery["examples"], &gallery["images"]), (&json!(6), &json!(6)));
    use_instead(&sandbox, "saved");
    assert_eq!((state(&sandbox), summaries(&sandbox)), before);
}

#[test]
fn a_store_that_is_damaged_names_the_command_that_saves_the_rest() {
    let sandbox = sandbox();
    sandbox.ok(&["gallery", "compact"]);
    let mut bytes = fs::read(sandbox.path(FILE)).unwrap();
    let at = bytes.windows(EMBEDDINGS.len()).position(|part| part == EMBEDDINGS).unwrap();
    let page = at / PAGE_BYTES * PAGE_BYTES;
    bytes[page..page + PAGE_BYTES].fill(0);
    fs::write(sandbox.path(FILE), &bytes).unwrap();
    let refusal = sandbox.run(&["gallery", "list"]);
    assert!(refusal.err.contains("handful gallery salvage"), "{refusal:?}");
    let bytes = fs::read(sandbox.path(FILE)).unwrap();

    let saved = sandbox.run(&["gallery", "salvage", STORE, "--into", "saved"]);
    assert_eq!(saved.code, 1, "{saved:?}");
    assert!(saved.out.starts_with("gallery ") && saved.out.contains("\nsaved "), "{saved:?}");
    assert!(saved.err.starts_with("error: not all of the store was whole: "), "{saved:?}");
    assert_eq!(fs::read(sandbox.path(FILE)).unwrap(), bytes, "the damaged store was written");
    use_instead(&sandbox, "saved");
    sandbox.ok(&["enroll", "things"]);
    let classes = json_of(&sandbox, &["list"])["classes"].clone();
    let examples = classes.as_array().unwrap().iter().map(|class| class["examples"].clone());
    assert_eq!(examples.collect::<Vec<_>>(), [json!(2), json!(2), json!(2)], "enrolled again");
}

#[test]
fn what_is_no_store_and_a_folder_that_is_in_use_are_refused() {
    let sandbox = sandbox();
    refused(&sandbox, &["salvage", "gray.png", "--into", "saved"], &["gray.png", "no row"]);
    refused(&sandbox, &["salvage", "none", "--into", "saved"], &["none", "cannot be read"]);
    assert!(!sandbox.path("saved").exists());
    refused(&sandbox, &["salvage", STORE, "--into", "things"], &["things", "not empty"]);
}
