//! Pictures as people send them. Panics of decoders are caught, as on a device.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::picture::{self, PictureLimits};

fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        let limits = PictureLimits { max_pixels: 1 << 16, ..PictureLimits::default() };
        let _ = picture::decode(bytes, &limits);
    }
);
