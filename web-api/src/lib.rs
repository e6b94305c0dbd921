//! The HTTP service and its page: enroll classes from a few images, classify new images.
//!
//! Only this crate uses axum and tokio. A request passes [`http::listener`] and [`http::tls`],
//! [`http::server`] (connections), [`http::middleware`] (request id, client address of a proxy,
//! origin check, log), [`routes`], [`http::gate`] (keys, roles), [`http::body`] (body limits),
//! [`jobs::decode_queue`] (image decoding) and [`jobs::owner_thread`] (one thread owns the engine,
//! another one the galleries). The answer is a type of [`wire`] or an [`http::problem`].

pub mod allocator;
pub mod config;
pub mod connections;
pub mod engines;
pub mod exposure;
pub mod file_stamp;
pub mod health;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod log;
pub mod metrics;
pub mod reembed;
pub mod report;
pub mod retention;
pub mod routes;
pub mod state;
pub mod systemd;
pub mod wire;
