//! What `torch.save` writes, new and old.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = train::pth::read(bytes);
});
