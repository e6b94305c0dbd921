//! The accuracy of prototypes over episodes: how episodes are drawn, which policies make prototypes,
//! and the report of an evaluation.

pub mod accuracy;
pub mod class_knowledge;
pub mod comparison;
pub mod conditions;
pub mod episode;
pub(crate) mod episode_data;
pub mod gaussian;
pub mod generalized_zero_shot;
pub mod label_noise;
pub mod policies;
pub mod report;
pub mod unlabeled;
