//! Word vectors: GloVe's text, plain or packed, and JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::knowledge::vectors::Vectors;

fuzz_target!(|bytes: &[u8]| {
    let _ = Vectors::parse(bytes);
});
