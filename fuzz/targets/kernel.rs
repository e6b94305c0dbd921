//! Kernel completers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::few_shot::kernel::KernelCompleter;

fuzz_target!(|bytes: &[u8]| {
    let _ = KernelCompleter::parse(bytes);
});
