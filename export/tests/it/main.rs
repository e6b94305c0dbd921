//! The export as a whole: what it writes, on every engine, and what it refuses.
#![allow(clippy::unwrap_used)]

mod command;
mod committed;
mod engines;
mod folding;
mod python;
mod refusals;
mod sample;
mod verification;
