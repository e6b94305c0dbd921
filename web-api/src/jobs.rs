//! Work behind the routes: images are decoded on a few threads and embedded on one; another one
//! reads and writes the galleries.
//!
//! What clients share is divided by their addresses: [`budget`] bounds what they hold,
//! [`fair_queue`] orders what they wait for.

pub mod budget;
pub mod client;
pub mod decode_queue;
pub mod engine_thread;
pub mod error;
pub mod fair_queue;
pub mod in_order;
pub mod owner_thread;
pub mod reembed;
pub mod replays;
pub mod transfers;
pub mod uploads;
