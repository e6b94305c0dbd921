//! ProtoComNet and the table of attributes beside it.
#![no_main]

use few_shot::protocomnet::{Attributes, ProtoComNetCompleter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = (Attributes::parse(bytes), ProtoComNetCompleter::parse(bytes));
});
