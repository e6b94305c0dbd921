//! Writes a training run as a bundle that a device can run, and proves it before it appears.
//!
//! A [`run::Run`] is read and, where another size of images is asked for, [resized](resize), its network
//! [folded](fold) and its weights [narrowed](precision), the result written as [ONNX](onnx), [verified](verify) on
//! every engine at hand against the training engine's golden outputs, and only then [put in place](bundle_writer).

pub mod bundle_writer;
pub mod calibrate;
pub mod completer;
pub mod fold;
pub mod inspect;
pub mod onnx;
pub mod precision;
pub mod recheck;
pub mod resize;
pub mod run;
pub mod variant;
pub mod verify;
