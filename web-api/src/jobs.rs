//! Work behind the routes: images are decoded on a few threads and embedded on one.

pub mod decode_queue;
pub mod engine_thread;
pub mod error;
pub mod uploads;
