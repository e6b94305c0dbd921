//! Images as people send them. Panics of decoders are caught, as on a device.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::image::{self, Detail, ImageLimits};

fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        let limits = ImageLimits { max_pixels: 1 << 16, ..ImageLimits::default() };
        let _ = image::decode(bytes, &limits, Detail::Full);
        let _ = image::decode(bytes, &limits, Detail::ShorterSide(64));
        let part = "0.3,0.2,0.5,0.7".parse().ok();
        let _ = image::decode_cropped(bytes, &limits, Detail::ShorterSide(64), part);
    }
);
