//! HTTP itself: connections, the middleware around all routes, keys, request bodies, and errors.

pub mod answers;
pub mod auth;
mod base_path;
pub mod body;
pub mod client;
pub mod conditions;
pub mod crop;
pub mod deadline;
mod forwarded;
pub mod gate;
mod https_only;
pub mod idempotency;
pub mod inference_error;
pub mod listener;
pub mod middleware;
mod parameters;
mod plain_words;
pub mod problem;
pub mod query;
pub mod refusals;
pub mod server;
mod target;
pub mod tls;
pub mod write_timeout;
