//! Weights in fewer bits.

pub mod fp16;
pub mod int8;
