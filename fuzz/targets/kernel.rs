//! Kernel completers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use few_shot::kernel::NameRegressor;

fuzz_target!(|bytes: &[u8]| {
    let _ = NameRegressor::parse(bytes);
});
