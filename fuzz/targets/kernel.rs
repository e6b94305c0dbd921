//! Kernel completers.
#![no_main]

use few_shot::kernel::NameRegressor;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = NameRegressor::parse(bytes);
});
