//! The stages of a run, a page each.

pub mod embed;
pub mod evaluate;
pub mod golden;
pub mod import;
pub mod pretrain;
