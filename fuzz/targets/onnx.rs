//! Networks in the embedded engine: what a bundle holds that its author made to harm. Panics of tract are caught, as on a
//! device.
#![no_main]

use edge::engine::{EngineChoice, EngineOptions, Model, Provider, select};
use libfuzzer_sys::fuzz_target;
use models::bundle::Precision;

fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        let inputs = [("image".to_owned(), vec![3, 8, 8])];
        let model =
            Model { onnx: bytes, inputs: &inputs, max_batch: 1, precision: Precision::Fp32 };
        let _ = select(&model, EngineChoice::Only(Provider::Tract), &EngineOptions::default());
    }
);
