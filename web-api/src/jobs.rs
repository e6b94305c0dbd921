//! Work behind the routes: images are decoded on a few threads and embedded on one.
//!
//! What clients share is divided by their addresses: [`budget`] bounds what they hold,
//! [`fair_queue`] orders what they wait for.

pub mod budget;
pub mod client;
pub mod decode_queue;
pub mod engine_thread;
pub mod error;
pub mod fair_queue;
pub mod uploads;
