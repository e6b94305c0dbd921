//! Answers of changes that had an idempotency key: what is sent again is answered again.
//!
//! They are in memory until the process ends. Their number and bytes are bounded, the oldest go
//! first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, StatusCode};

use super::budget::{Budget, Lease};
use super::client::ClientAddress;

/// How long an answer is kept.
pub const KEPT_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The most answers that are kept.
const MAX_ANSWERS: usize = 10_000;

/// The most bytes that they take.
const MAX_BYTES: usize = 32 << 20;

/// What an answer takes beside its key, headers and body: two entries of the tables, two hashes.
const ENTRY_BYTES: usize = 512;

/// The most calls with a key that run at once. They run to their end also when their client has
/// left, so the number of connections does not bound them.
const MAX_RUNNING: usize = 256;

/// One place in 64 is granted to an address whatever the others have.
const SMALL_PARTS: usize = 64;

/// A SHA-256 hash.
pub type Sha256 = [u8; 32];

/// A key, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplayKey(Arc<str>);

/// The body that came with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentBody {
    /// The call did not read it.
    Unread,
    /// It was read to its end.
    Whole {
        /// Its bytes.
        length: u64,
        /// Their hash.
        sha256: Sha256,
    },
}

/// The answer to a call, and what the call was.
#[derive(Debug)]
pub struct Kept {
    /// The hash of method, path, query and content type.
    pub request: Sha256,
    /// The body of the request.
    pub sent: SentBody,
    /// The status of the answer.
    pub status: StatusCode,
    /// Its headers, except those that every answer gets anew.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body; `None` if it is too long to be kept.
    pub body: Option<Bytes>,
}

/// What is known of a key.
#[derive(Debug)]
pub enum Found {
    /// Nothing: the call is to be made.
    New(Running),
    /// The first call with it is being made.
    Running,
    /// The first call was answered.
    Answered(Arc<Kept>),
    /// Nothing, but as many calls as may run do so already.
    NoPlace,
}

/// The answers that are kept, and the calls that run.
#[derive(Debug)]
pub struct Replays {
    table: Mutex<Table>,
    places: Arc<Budget>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<ReplayKey, Entry>,
    /// The answered ones, the oldest first.
    order: VecDeque<(Instant, ReplayKey)>,
    bytes: usize,
}

#[derive(Debug)]
enum Entry {
    Running,
    Answered(Arc<Kept>),
}

/// A call that runs. Its key is free again when this is dropped without an answer.
#[derive(Debug)]
pub struct Running {
    replays: Arc<Replays>,
    key: ReplayKey,
    is_answered: bool,
    _place: Lease,
}

impl ReplayKey {
    /// The key of this owner; without access keys there is one owner.
    #[must_use]
    pub fn new(owner: Option<&str>, key: &str) -> Self {
        // A key has no such character, so the two cannot be taken for another pair.
        Self(format!("{}\0{key}", owner.unwrap_or_default()).into())
    }
}

impl Kept {
    fn bytes(&self, key: &ReplayKey) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
        let body = self.body.as_ref().map_or(0, Bytes::len);
        ENTRY_BYTES + key.0.len() + headers + body
    }
}

impl Replays {
    /// Without answers.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let places = Budget::new(MAX_RUNNING, SMALL_PARTS);
        Arc::new(Self { table: Mutex::default(), places })
    }

    /// Looks a key up; one that is new is running from now on.
    pub fn begin(self: &Arc<Self>, key: ReplayKey, client: ClientAddress, now: Instant) -> Found {
        let mut table = self.lock();
        table.forget_old(now);
        match table.entries.get(&key) {
            Some(Entry::Running) => return Found::Running,
            Some(Entry::Answered(kept)) => return Found::Answered(Arc::clone(kept)),
            None => {}
        }
        let Some(place) = self.places.take(client, 1) else { return Found::NoPlace };
        table.entries.insert(key.clone(), Entry::Running);
        Found::New(Running { replays: Arc::clone(self), key, is_answered: false, _place: place })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it is held; what it holds is valid in any case.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Keeps the answer.
    pub fn answered(mut self, kept: Kept, now: Instant) {
        self.is_answered = true;
        self.replays.lock().keep(self.key.clone(), kept, now);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_answered {
            self.replays.lock().entries.remove(&self.key);
        }
    }
}

impl Table {
    fn keep(&mut self, key: ReplayKey, kept: Kept, now: Instant) {
        self.bytes += kept.bytes(&key);
        self.entries.insert(key.clone(), Entry::Answered(Arc::new(kept)));
        self.order.push_back((now, key));
        while self.order.len() > MAX_ANSWERS || self.bytes > MAX_BYTES {
            self.forget_oldest();
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((at, _)) = self.order.front()
            && now.saturating_duration_since(*at) >= KEPT_TIME
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.order.pop_front() else { return };
        if let Some(Entry::Answered(kept)) = self.entries.remove(&key) {
            self.bytes -= kept.bytes(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::client::tests::client;
    use super::*;

    fn key(key: &str) -> ReplayKey {
        ReplayKey::new(None, key)
    }

    fn kept(body: usize) -> Kept {
        Kept {
            request: [1; 32],
            sent: SentBody::Unread,
            status: StatusCode::CREATED,
            headers: Vec::new(),
            body: Some(vec![7; body].into()),
        }
    }

    fn begun(replays: &Arc<Replays>, name: &str, now: Instant) -> Running {
        match replays.begin(key(name), client(1), now) {
            Found::New(running) => running,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn is_answered(replays: &Arc<Replays>, name: &str, now: Instant) -> bool {
        matches!(replays.begin(key(name), client(1), now), Found::Answered(_))
    }

    #[test]
    fn a_key_is_new_then_running_then_answered() {
        let replays = Replays::new();
        let now = Instant::now();
        let running = begun(&replays, "a", now);
        assert!(matches!(replays.begin(key("a"), client(2), now), Found::Running));
        running.answered(kept(3), now);
        let Found::Answered(found) = replays.begin(key("a"), client(2), now) else { panic!() };
        assert_eq!((found.status, found.body.as_ref().unwrap().len()), (StatusCode::CREATED, 3));
    }

    #[test]
    fn a_call_without_an_answer_leaves_its_key_free() {
        let replays = Replays::new();
        let now = Instant::now();
        drop(begun(&replays, "a", now));
        drop(begun(&replays, "a", now));
        assert_eq!(replays.places.used(), 0);
    }

    #[test]
    fn the_keys_of_two_owners_do_not_meet() {
        assert_ne!(ReplayKey::new(Some("line"), "a"), key("a"));
        assert_ne!(ReplayKey::new(Some("line"), "a"), ReplayKey::new(Some("lab"), "a"));
        assert_eq!(ReplayKey::new(None, "a"), ReplayKey::new(Some(""), "a"));
    }

    #[test]
    fn an_answer_is_kept_for_a_day() {
        let replays = Replays::new();
        let start = Instant::now();
        begun(&replays, "a", start).answered(kept(1), start);
        let almost = start + KEPT_TIME - Duration::from_secs(1);
        assert!(is_answered(&replays, "a", almost));
        assert!(!is_answered(&replays, "a", start + KEPT_TIME));
        assert_eq!(replays.lock().bytes, 0);
    }

    #[test]
    fn the_oldest_answers_go_first() {
        let replays = Replays::new();
        let now = Instant::now();
        let half = MAX_BYTES / 2 - 1024;
        for name in ["a", "b"] {
            begun(&replays, name, now).answered(kept(half), now);
        }
        assert!(is_answered(&replays, "a", now) && is_answered(&replays, "b", now));
        begun(&replays, "c", now).answered(kept(half), now);
        assert!(!is_answered(&replays, "a", now));
        assert!(is_answered(&replays, "b", now) && is_answered(&replays, "c", now));
        for number in 0..MAX_ANSWERS {
            begun(&replays, &format!("n{number}"), now).answered(kept(1), now);
        }
        assert!(!is_answered(&replays, "c", now));
        let table = replays.lock();
        assert_eq!((table.order.len(), table.entries.len()), (MAX_ANSWERS, MAX_ANSWERS));
    }

    #[test]
    fn the_calls_that_run_are_limited() {
        let replays = Replays::new();
        let now = Instant::now();
        let mut running = Vec::new();
        for number in 0..MAX_RUNNING {
            match replays.begin(key(&number.to_string()), client(1), now) {
                Found::New(one) => running.push(one),
                Found::NoPlace => break,
                other => panic!("{other:?}"),
            }
        }
        assert!((8..MAX_RUNNING).contains(&running.len()), "{}", running.len());
        assert!(matches!(replays.begin(key("x"), client(2), now), Found::New(_)));
        drop(running);
        drop(begun(&replays, "x", now));
    }
}
