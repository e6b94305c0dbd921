//! Weights in fewer bits.

pub mod fp16;
