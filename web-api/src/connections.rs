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

/// Connections without a place that are open at once, for requests for the health of the service.
const HEALTH_PLACES: usize = 16;

/// One place in 128 is granted to an address whatever the others have: with the default, one for
/// requests and one for a probe of the health.
const SMALL_PARTS: usize = 128;

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
        Arc::new(Self { places: Budget::new(max, SMALL_PARTS), open: Mutex::default() })
    }

    /// Number of open connections.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().entries.len()
    }

    /// Takes up a new connection, with a place if there is one.
    #[must_use]
    pub fn admit(self: &Arc<Self>, client: ClientAddress) -> Place {
        let mut table = self.lock();
        let place = self
            .places
            .take(client, 1)
            .or_else(|| table.displace(client, |address| self.places.held_by(address)));
        if place.is_none() {
            table.limit_health_places();
        }
        let connection = Connection {
            client,
            phase: Mutex::new((Phase::Idle, Instant::now())),
            gives_way: Notify::new(),
            place: Mutex::new(place),
        };
        let connection = Arc::new(connection);
        let id = table.add(Arc::clone(&connection));
        Place { connections: Arc::clone(self), id, connection }
    }

    /// Whether a connection has a place; one that found none gets it if there is one now. Without,
    /// it may ask for the health of the service only.
    #[must_use]
    pub fn has_place(&self, connection: &Connection) -> bool {
        let mut place = connection.place();
        if place.is_none() {
            *place = self.places.take(connection.client, 1);
        }
        place.is_some()
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

    /// Gives the place of another connection to a new one of `client`, if it may have it: of the
    /// address with the most, or of its own.
    fn displace(
        &mut self,
        client: ClientAddress,
        held_by: impl Fn(ClientAddress) -> usize,
    ) -> Option<Lease> {
        let own = held_by(client);
        let mut candidates: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, one)| one.place().is_some())
            .map(|(id, one)| (usize::MAX - held_by(one.client), one.phase(), *id, one))
            .filter(|(_, (phase, _), _, one)| {
                let held = held_by(one.client);
                // Of two addresses, one does not take from the other what both have.
                let is_larger = one.client == client || held > own + 1;
                match phase {
                    Phase::Idle => is_larger || held >= own,
                    Phase::Transfer => is_larger,
                    Phase::Work => false,
                }
            })
            .collect();
        candidates.sort_by_key(|(fewest, phase, id, _)| (*fewest, *phase, *id));
        let best = candidates.first();
        let best_own = candidates.iter().find(|(.., one)| one.client == client);
        let (id, lease) = best.into_iter().chain(best_own).find_map(|(.., id, one)| {
            let mut place = one.place();
            let lease = place.as_mut()?.hand_over(client)?;
            *place = None;
            Some((*id, lease))
        })?;
        self.close(id);
        Some(lease)
    }

    /// Closes the oldest connection without a place if there are too many.
    fn limit_health_places(&mut self) {
        let waiting = self.entries.iter().filter(|(_, connection)| connection.place().is_none());
        let waiting: Vec<_> = waiting.map(|(id, c)| (c.phase().0 == Phase::Work, *id)).collect();
        if waiting.len() >= HEALTH_PLACES
            && let Some((_, oldest)) = waiting.into_iter().min()
        {
            self.close(oldest);
        }
    }

    fn close(&mut self, id: u64) {
        if let Some(connection) = self.entries.remove(&id) {
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

    fn place(&self) -> MutexGuard<'_, Option<Lease>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().entries.remove(&self.id);
        // The handler of a request may keep the connection a little longer.
        self.connection.place().take();
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

    fn has_place(place: &Place) -> bool {
        place.connections.has_place(&place.connection)
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
        assert!(has_place(&second));
        assert_eq!(connections.count(), 1);
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
        assert!(has_place(&other));
    }

    #[test]
    fn many_busy_clients_leave_places_to_others() {
        let connections = Connections::new(256);
        let busy: Vec<_> =
            (1..=30).flat_map(|number| filled(&connections, number, Phase::Work)).collect();
        let other = connections.admit(client(100));
        assert!(has_place(&other), "{} are busy", busy.len());
    }

    #[test]
    fn without_a_place_only_health_is_answered() {
        let connections = Connections::new(1);
        let busy = connections.admit(client(1));
        busy.connection.enter(Phase::Work);
        let waiting: Vec<_> = (0..HEALTH_PLACES).map(|_| connections.admit(client(2))).collect();
        assert!(!waiting.iter().any(has_place));
        assert!(!waiting.iter().any(is_displaced));
        let last = connections.admit(client(3));
        assert!(is_displaced(&waiting[0]) && !is_displaced(&last) && !is_displaced(&busy));
        drop(busy);
        assert!(has_place(&last), "a place is free now");
    }

    #[test]
    fn a_closed_connection_frees_its_place() {
        let connections = Connections::new(1);
        let first = connections.admit(client(1));
        first.connection.enter(Phase::Work);
        drop(first);
        assert_eq!((connections.count(), connections.places.used()), (0, 0));
    }
}
