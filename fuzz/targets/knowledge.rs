//! What `handful-train knowledge` writes of classes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::knowledge::attributes::Knowledge;

fuzz_target!(|bytes: &[u8]| {
    let _ = Knowledge::parse(bytes);
});
