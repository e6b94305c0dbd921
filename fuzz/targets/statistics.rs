//! Statistics of classes and attributes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use few_shot::statistics::Statistics;

fuzz_target!(|bytes: &[u8]| {
    let _ = Statistics::parse(bytes);
});
