//! Data sets in `.tar`, `.tar.gz`, `.tar.xz` and `.zip`: the first bytes decide which.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use models::dataset::Dataset;

fuzz_target!(|bytes: &[u8]| {
    let file = std::env::temp_dir().join(format!("handful-fuzz-{}", std::process::id()));
    if fs::write(&file, bytes).is_ok() {
        let _ = Dataset::open(&file);
    }
});
