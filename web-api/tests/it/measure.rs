//! What the measurements under load share: clients at chosen addresses, times, memory, the program
//! that is measured, tables and reports.

pub(crate) mod memory;
pub(crate) mod plan;
pub(crate) mod request;
pub(crate) mod socket;
pub(crate) mod table;
pub(crate) mod target;
pub(crate) mod times;

use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One measurement at a time: two would disturb each other.
pub(crate) fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A measurement that failed leaves nothing behind.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The loopback address 127.0.0.`last`.
pub(crate) fn loopback(last: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(last).unwrap())
}
