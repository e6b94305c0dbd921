//! HTTP itself: connections, the middleware around all routes, request bodies, and errors.

pub mod answers;
pub mod body;
pub mod client;
pub mod conditions;
pub mod deadline;
pub mod middleware;
pub mod problem;
pub mod refusals;
pub mod server;
pub mod write_timeout;
