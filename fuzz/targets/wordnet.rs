//! WordNet's noun database: an index and its data, a zero byte between.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::knowledge::wordnet::WordNet;

fuzz_target!(|bytes: &[u8]| {
    let cut = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (index, data) = bytes.split_at(cut);
    let _ = WordNet::parse(index, data.get(1..).unwrap_or_default());
});
