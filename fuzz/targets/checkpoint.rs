//! Checkpoints, with all that is done before one is used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::checkpoint::Checkpoint;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = Checkpoint::parse(bytes) {
        let _ = (checkpoint.backbone(), checkpoint.space_id());
    }
});
