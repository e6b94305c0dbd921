//! A bundle's manifest, and what is written of it again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::bundle::Manifest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse(bytes) {
        assert_eq!(Manifest::parse(&manifest.to_bytes()).ok(), Some(manifest));
    }
});
