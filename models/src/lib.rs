//! What every part of Handful shares.
//!
//! * Networks as data ([`graph`]), and a slow, obvious interpreter ([`mod@reference`]).
//! * Images, and how they become tensors ([`image`], [`preprocess`], [`dataset`]).
//! * The files that the parts exchange ([`tensors`], [`checkpoint`], [`bundle`]).
//! * What is known of classes without any image ([`knowledge`]).
//! * Names that have one meaning everywhere ([`actor`], [`label`]).
//!
//! This crate is pure: bytes in, bytes out. It has no engine, no network access and no global
//! state, and it opens files in [`disk`] only.

pub mod actor;
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
pub mod label;
pub mod layout;
pub mod preprocess;
pub mod random;
pub mod reference;
pub mod split;
pub mod tensors;
pub mod utc;
