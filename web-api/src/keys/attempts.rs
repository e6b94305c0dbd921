//! How many wrong keys an address may send. A right key is not affected by it, and the same wrong
//! one again is no new guess: a device whose key was revoked is told so each time.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::jobs::client::ClientAddress;

/// Wrong keys that an address may send at once.
const BURST: NonZeroU32 = NonZeroU32::new(10).expect("invariant: ten is not zero");

/// The time after which it may send one more.
const PERIOD: Duration = Duration::from_secs(6);

/// The most addresses that are counted: they come and go, and memory is bounded.
const MAX_ADDRESSES: usize = 10_000;

/// Counts wrong keys by address.
pub struct Attempts {
    limiter: DefaultKeyedRateLimiter<ClientAddress>,
    clock: DefaultClock,
    /// The hash of the last wrong key of each address.
    last: Mutex<HashMap<ClientAddress, u64>>,
    hasher: RandomState,
}

impl Default for Attempts {
    fn default() -> Self {
        let quota = Quota::with_period(PERIOD).expect("invariant: the period is not zero");
        Self {
            limiter: RateLimiter::keyed(quota.allow_burst(BURST)),
            clock: DefaultClock::default(),
            last: Mutex::default(),
            hasher: RandomState::new(),
        }
    }
}

impl Attempts {
    /// Counts a wrong key, unless it is the one that the address sent before.
    ///
    /// # Errors
    /// The time after which the address may send another one, if it sent too many.
    pub fn count_wrong(&self, client: ClientAddress, key: impl Hash) -> Result<(), Duration> {
        let hash = self.hasher.hash_one(key);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&client) == Some(&hash) {
            return Ok(());
        }
        if self.limiter.len() >= MAX_ADDRESSES {
            self.limiter.retain_recent();
            if self.limiter.len() >= MAX_ADDRESSES {
                // That many addresses in a minute are one attack.
                return Err(PERIOD);
            }
        }
        let counted = self.limiter.check_key(&client);
        counted.map_err(|until| until.wait_time_from(self.clock.now()))?;
        if last.len() >= MAX_ADDRESSES {
            last.clear();
        }
        last.insert(client, hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use super::*;

    fn client(number: u32) -> ClientAddress {
        IpAddr::from(number.to_be_bytes()).into()
    }

    #[test]
    fn an_address_may_send_ten_wrong_keys_at_once() {
        let attempts = Attempts::default();
        for n in 0..10 {
            assert_eq!(attempts.count_wrong(client(1), n), Ok(()), "{n}");
            assert_eq!(attempts.count_wrong(client(1), n), Ok(()), "{n} again");
        }
        let wait = attempts.count_wrong(client(1), 10).unwrap_err();
        assert!(wait > Duration::from_secs(4) && wait <= PERIOD, "{wait:?}");
        assert!(attempts.count_wrong(client(1), 10).is_err(), "it was not counted");
        assert_eq!(attempts.count_wrong(client(2), 10), Ok(()), "of another address");
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for number in 0..10_100 {
            let counted = attempts.count_wrong(client(number), "key");
            assert_eq!(counted.is_ok(), (number as usize) < MAX_ADDRESSES, "{number}");
        }
        assert_eq!(attempts.limiter.len(), MAX_ADDRESSES);
    }
}
