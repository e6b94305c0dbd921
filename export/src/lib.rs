//! Exports a training run as a bundle and verifies the bundle before it is put in place.
//!
//! The steps, each in a module of its own: read the [run], optionally [resize] its input, [fold]
//! batch normalizations, reduce the [precision] of weights, write [ONNX](onnx), collect everything
//! in a [draft], [verify] it on every available engine against golden outputs, and [publish] it.
//! A network that another program wrote as ONNX is [wrapped](wrap) as it is.

pub mod calibrate;
pub mod draft;
pub mod error;
pub mod fit_decision;
pub mod fold;
pub mod onnx;
pub mod precision;
pub mod publish;
pub mod resize;
pub mod run;
mod self_test;
pub mod verify;
pub mod verify_bundle;
pub mod wrap;
