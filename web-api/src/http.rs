//! HTTP itself: connections, the middleware around all routes, request bodies, and errors.

pub mod answers;
pub mod body;
pub mod client;
pub mod conditions;
pub mod crop;
pub mod deadline;
pub mod middleware;
mod parameters;
mod plain_words;
pub mod problem;
pub mod query;
pub mod refusals;
pub mod server;
mod target;
pub mod write_timeout;
