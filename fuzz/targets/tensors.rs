//! Files of tensors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::tensors::TensorFile;

fuzz_target!(|bytes: &[u8]| {
    let _ = TensorFile::parse(bytes);
});
