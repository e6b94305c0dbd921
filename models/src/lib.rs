//! What every part of Handful shares.
//!
//! Networks as data ([`graph`]) with a slow, obvious interpreter ([`mod@reference`]), images and
//! how they become tensors ([`image`], [`preprocess`], [`dataset`]), the files that parts hand to
//! each other ([`tensors`], [`checkpoint`], [`bundle`]), and what is known of classes before any
//! image ([`knowledge`]).
//!
//! This crate is pure: bytes in, bytes out. It knows no engine, no network and no global state, and
//! it opens files in [`disk`] only.

pub mod bundle;
#[cfg(feature = "cases")]
pub mod cases;
pub mod checkpoint;
pub mod dataset;
pub mod disk;
pub mod fault;
pub mod graph;
pub mod hex;
pub mod image;
pub mod knowledge;
pub mod layout;
pub mod preprocess;
pub mod random;
pub mod reference;
pub mod split;
pub mod tensors;
