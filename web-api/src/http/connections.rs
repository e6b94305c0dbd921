//! Which connections are open, whose they are, and which one gives way when all places are in use.
//!
//! The places are a [`Budget`] that addresses share. A client that gets none takes the place of a
//! connection that waits for its client: an idle one, else one that still sends or reads. It is one
//! of the address with the most connections, so a client that opens many loses its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::jobs::budget::{Budget, Lease};
use crate::jobs::client::ClientAddress;

/// Places beside those of the setting, for requests for the health of the service only.
const HEALTH_PLACES: usize = 16;

/// What a connection is doing. It is ordered by how readily it gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No request has been read.
    Idle,
    /// The client is sending a body or reading an answer.
    Transfer,
    /// The service is working on a request.
    Work,
}

/// What a connection may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Everything.
    All,
    /// The health of the service; no place was free for more.
    Health,
}

/// The open connections.
#[derive(Debug)]
pub struct Connections {
    places: Arc<Budget>,
    open: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<u64, Arc<Connection>>,
    next: u64,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    /// Its client.
    pub client: ClientAddress,
    /// What it may ask for.
    pub admission: Admission,
    phase: Mutex<(Phase, Instant)>,
    gives_way: Notify,
    place: Mutex<Option<Lease>>,
}

/// The place of a connection in the table; it leaves it on drop.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    id: u64,
    /// The connection.
    pub connection: Arc<Connection>,
}

impl Connections {
    /// A table with places for `max` connections.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { places: Budget::new(max), open: Mutex::default() })
    }

    /// Number of open connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Finds a place for a new connection.
    #[must_use]
    pub fn admit(self: &Arc<Self>, client: ClientAddress) -> Place {
        let mut table = self.lock();
        let place = self.places.take(client, 1).or_else(|| {
            table.displace(client, |address| self.places.held_by(address));
            self.places.take(client, 1)
        });
        let admission = if place.is_some() { Admission::All } else { Admission::Health };
        if place.is_none() {
            table.limit_health_places();
        }
        let connection = Connection {
            client,
            admission,
            phase: Mutex::new((Phase::Idle, Instant::now())),
            gives_way: Notify::new(),
            place: Mutex::new(place),
        };
        let connection = Arc::new(connection);
        let id = table.add(Arc::clone(&connection));
        Place { connections: Arc::clone(self), id, connection }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, connection: Arc<Connection>) -> u64 {
        self.next += 1;
        self.entries.insert(self.next, connection);
        self.next
    }

    /// Makes a connection give way to a new one of `client`, if one can.
    fn displace(&mut self, client: ClientAddress, held_by: impl Fn(ClientAddress) -> usize) {
        let own = held_by(client);
        let candidates = self.entries.iter().filter(|(_, connection)| {
            let held = held_by(connection.client);
            // Of two addresses, one does not take from the other what both have.
            let is_larger = connection.client == client || held > own + 1;
            let phase = connection.phase().0;
            let is_idle = phase == Phase::Idle && held >= own;
            connection.admission == Admission::All && phase != Phase::Work && (is_larger || is_idle)
        });
        let chosen = candidates.min_by_key(|(_, connection)| {
            let (phase, since) = connection.phase();
            (usize::MAX - held_by(connection.client), phase, since)
        });
        if let Some(id) = chosen.map(|(id, _)| *id) {
            self.close(id);
        }
    }

    /// Closes the oldest connection without a place of its own if there are too many.
    fn limit_health_places(&mut self) {
        let waiting = self.entries.iter().filter(|(_, c)| c.admission == Admission::Health);
        let ids: Vec<u64> = waiting.map(|(id, _)| *id).collect();
        if ids.len() >= HEALTH_PLACES
            && let Some(oldest) = ids.into_iter().min()
        {
            self.close(oldest);
        }
    }

    fn close(&mut self, id: u64) {
        if let Some(connection) = self.entries.remove(&id) {
            // At once: its task ends a little later.
            connection.free_place();
            connection.gives_way.notify_one();
        }
    }
}

impl Connection {
    /// Ready when the connection has to give way to another one.
    pub async fn gives_way(&self) {
        self.gives_way.notified().await;
    }

    /// States what the connection is doing.
    pub fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = (phase, Instant::now());
    }

    /// What it is doing, and since when.
    fn phase(&self) -> (Phase, Instant) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free_place(&self) {
        drop(self.place.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().entries.remove(&self.id);
        self.connection.free_place();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn client(number: u8) -> ClientAddress {
        IpAddr::from([127, 0, 0, number]).into()
    }

    fn is_displaced(place: &Place) -> bool {
        !place.connections.lock().entries.contains_key(&place.id)
    }

    /// As many connections of a client as there are places for it.
    fn filled(connections: &Arc<Connections>, number: u8, phase: Phase) -> Vec<Place> {
        let mut places = Vec::new();
        loop {
            let before = connections.places.used();
            let place = connections.admit(client(number));
            if connections.places.used() == before {
                return places;
            }
            place.connection.enter(phase);
            places.push(place);
        }
    }

    #[test]
    fn a_new_connection_takes_the_place_of_the_oldest_idle_one() {
        let connections = Connections::new(1);
        let first = connections.admit(client(1));
        let second = connections.admit(client(2));
        assert!(is_displaced(&first) && !is_displaced(&second));
        assert_eq!(second.connection.admission, Admission::All);
        assert_eq!(connections.len(), 1);
    }

    #[test]
    fn an_address_with_many_connections_loses_its_own() {
        let connections = Connections::new(64);
        let few = connections.admit(client(2));
        let many = filled(&connections, 1, Phase::Transfer);
        let displaced = many.iter().filter(|place| is_displaced(place)).count();
        assert_eq!(displaced, 1, "the last one of its own, which took the place of the first");
        assert!(!is_displaced(&few));
        let other = connections.admit(client(3));
        assert_eq!(other.connection.admission, Admission::All);
    }

    #[test]
    fn many_busy_clients_leave_places_to_others() {
        let connections = Connections::new(256);
        let busy: Vec<_> =
            (1..=60).flat_map(|number| filled(&connections, number, Phase::Work)).collect();
        let other = connections.admit(client(100));
        assert_eq!(other.connection.admission, Admission::All, "{} are busy", busy.len());
    }

    #[test]
    fn without_a_place_only_health_is_answered() {
        let connections = Connections::new(1);
        let busy = connections.admit(client(1));
        busy.connection.enter(Phase::Work);
        let waiting: Vec<_> = (0..HEALTH_PLACES).map(|_| connections.admit(client(2))).collect();
        assert!(waiting.iter().all(|place| place.connection.admission == Admission::Health));
        assert!(!waiting.iter().any(is_displaced));
        let last = connections.admit(client(3));
        assert!(is_displaced(&waiting[0]) && !is_displaced(&last) && !is_displaced(&busy));
    }

    #[test]
    fn a_closed_connection_frees_its_place() {
        let connections = Connections::new(1);
        let first = connections.admit(client(1));
        first.connection.enter(Phase::Work);
        drop(first);
        assert_eq!((connections.len(), connections.places.used()), (0, 0));
    }
}
