//! The stages of a run, one module each.

pub mod class_source;
pub mod complete;
pub mod ensemble;
pub mod evaluate;
pub mod finetune;
pub mod golden;
pub mod import;
pub mod knowledge;
pub mod lexicon;
pub mod pretrain;
pub mod protocomnet;
pub mod statistics;
mod validation;
