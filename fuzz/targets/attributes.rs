//! ProtoComNet and the table of attributes beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use few_shot::protocomnet::{Attributes, ProtoComNetCompleter};

fuzz_target!(|bytes: &[u8]| {
    let _ = (Attributes::parse(bytes), ProtoComNetCompleter::parse(bytes));
});
