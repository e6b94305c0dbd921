//! Weights and arithmetic in fewer bits: fp16 and int8.

pub mod fp16;
pub mod int8;
