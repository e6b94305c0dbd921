//! What every part of Handful shares.
//!
//! Networks as data ([`graph`]) with a slow, obvious interpreter ([`mod@reference`]), pictures and how they
//! become tensors ([`picture`], [`preprocess`], [`dataset`]), the files that parts hand to each other
//! ([`tensors`], [`checkpoint`], [`bundle`]), what words tell of classes ([`knowledge`]) and the mathematics of
//! few-shot recognition ([`few_shot`]).
//!
//! This crate is pure: bytes in, bytes out. It knows no engine, no network and no global state, and it
//! opens files in [`disk`] only.

pub mod bundle;
#[cfg(feature = "cases")]
pub mod cases;
pub mod checkpoint;
pub mod dataset;
pub mod disk;
pub mod few_shot;
pub mod graph;
pub mod hex;
pub mod knowledge;
pub mod picture;
pub mod preprocess;
pub mod random;
pub mod reference;
pub mod tensors;
