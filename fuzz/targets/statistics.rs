//! Statistics of classes and attributes.
#![no_main]

use few_shot::fit::statistics::Statistics;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Statistics::parse(bytes);
});
