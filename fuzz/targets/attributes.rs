//! ProtoComNet and the table of attributes beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::few_shot::protocomnet::{Attributes, LearnedCompleter};

fuzz_target!(|bytes: &[u8]| {
    let _ = (Attributes::parse(bytes), LearnedCompleter::parse(bytes));
});
