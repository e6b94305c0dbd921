//! What training learns on base classes in closed form: the name regressor, its constants, and the
//! statistics of attributes. Nothing here needs libtorch.
//!
//! # Examples
//! ```
//! use few_shot::kernel::NameRegressor;
//! use models::knowledge::descriptor::SemanticDescriptor;
//! use models::knowledge::wordnet::SynsetId;
//! use ndarray::array;
//!
//! let cat = SemanticDescriptor { word_vector: array![1.0, 0.0], hypernyms: vec![SynsetId(1)] };
//! let car = SemanticDescriptor { word_vector: array![0.0, 1.0], hypernyms: vec![SynsetId(2)] };
//! let regressor = NameRegressor::fit(&[cat, car], array![[4.0, 0.0], [0.0, 4.0]].view());
//! assert_eq!(regressor.frame().center(), array![2.0, 2.0]);
//! ```

pub mod base_classes;
mod cholesky;
pub mod decision_fit;
pub mod estimator_errors;
pub mod kernel_classes;
pub mod kernel_fit;
pub mod name_bias;
pub mod name_prior;
pub mod statistics;
