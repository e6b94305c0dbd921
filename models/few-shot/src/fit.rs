//! What training learns on base classes in closed form: the name regressor, its constants, and the
//! statistics of attributes. Nothing here needs libtorch.

pub mod base_classes;
pub mod estimator_errors;
pub mod kernel_fit;
pub mod name_bias;
pub mod name_prior;
pub mod statistics;
