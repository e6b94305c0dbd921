//! The accuracy of prototypes over episodes, and what their galleries reject: how episodes are
//! drawn, which policies make prototypes, and the report of an evaluation.
//!
//! # Examples
//! ```
//! use few_shot::evaluation::comparison::evaluate;
//! use few_shot::evaluation::episode::{EpisodeSpec, Episodes};
//! use ndarray::array;
//!
//! let embeddings = [array![[1.0, 0.0], [2.0, 0.1]], array![[0.0, 1.0], [0.1, 3.0]]];
//! let spec = EpisodeSpec { n_way: 2, k_shot: 1, n_query: 1 };
//! let outcome = evaluate(&embeddings, Episodes { spec, count: 50, seed: 7 })?;
//! assert_eq!((outcome.accuracy, outcome.ci95), (1.0, 0.0));
//! # Ok::<(), few_shot::evaluation::accuracy::EvaluateError>(())
//! ```

pub mod accuracy;
pub mod class_knowledge;
pub mod comparison;
pub mod conditions;
pub mod episode;
pub(crate) mod episode_data;
pub mod gaussian;
pub mod generalized_zero_shot;
pub mod junk;
pub mod label_noise;
pub mod policies;
pub mod rejection;
pub mod rejection_chart;
pub mod report;
pub mod svg;
mod tables;
pub mod unknown;
pub mod unlabeled;
