//! A bundle that can reject images, for the tests of `edge` and of its command.

use std::fs;
use std::path::Path;

use models::bundle::{Bundle, BundleLimits};
use models::hex;

use crate::decision_bytes::decision_bytes;
use crate::files::edit_manifest;

const FILE: &str = "decision.safetensors";

/// Adds a decision to the bundle in this folder.
pub(crate) fn add_decision(dir: &Path) {
    let manifest = Bundle::open(dir, &BundleLimits::default()).unwrap().manifest;
    write_decision(dir, &decision_bytes(manifest.backbone.embedding_size, &manifest.space_id));
}

/// Adds these bytes as the decision.
pub(crate) fn write_decision(dir: &Path, bytes: &[u8]) {
    fs::write(dir.join(FILE), bytes).unwrap();
    edit_manifest(dir, |manifest| {
        manifest["decision"] = FILE.into();
        manifest["files"][FILE]["sha256"] = hex::sha256(bytes).into();
        manifest["files"][FILE]["bytes"] = bytes.len().into();
    });
}
