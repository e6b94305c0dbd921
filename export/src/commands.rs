//! The subcommands, a file each, and what they share.

mod accuracy;
pub(crate) mod export;
pub(crate) mod failure;
pub(crate) mod fit_decision;
pub(crate) mod inspect;
mod output;
pub(crate) mod verify;
pub(crate) mod wrap;
