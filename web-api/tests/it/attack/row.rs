//! One attack, measured.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Builder;

use super::images::photo;
use super::kinds::Attack;
use crate::measure::plan::Attackers;
use crate::measure::target::socket_address;
use crate::measure::times::{Times, probe, repeat};
use crate::measure::{loopback, memory, request, table};
use crate::service::{CLASSIFY, Service};

/// Last byte of the first attacker's address.
const FIRST: usize = 2;
/// Last byte of the victim's address.
const VICTIM: usize = 100;
/// Last byte of the address of the client that asks for the health.
const PROBE: usize = 101;

/// Where the attackers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// All on one address.
    One,
    /// Each on its own.
    Each,
}

/// How long what is measured lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durations {
    pub(crate) undisturbed: Duration,
    pub(crate) attack: Duration,
    /// Between the end of the attack and the last look at the memory.
    pub(crate) settle: Duration,
}

/// Two victims and the health.
pub(crate) struct Seen {
    pub(crate) victim: Times,
    /// The victim that shares an attacker's address.
    pub(crate) neighbor: Times,
    pub(crate) health: Times,
}

/// What was measured.
pub(crate) struct Row {
    pub(crate) attack: &'static str,
    pub(crate) placement: Placement,
    pub(crate) undisturbed: Seen,
    pub(crate) attacked: Seen,
    attackers: [usize; 4],
    pub(crate) peak_bytes: u64,
    after_bytes: u64,
}

pub(crate) const HEAD: [&str; 16] = [
    "attack",
    "placement",
    "attackers: 2xx",
    "429/503",
    "other",
    "closed",
    "victim ms",
    "p50 x",
    "max ms",
    "refused",
    "failed",
    "same: p50 x",
    "refused",
    "livez p99",
    "max ms",
    "peak/after MiB",
];

impl Row {
    /// Attacks `service`, after a while without an attack.
    pub(crate) fn measure(
        service: &Service,
        attack: &Attack,
        placement: Placement,
        durations: Durations,
    ) -> Self {
        let plan = attack.plan();
        // The first classification prepares the gallery, which the others find prepared.
        service.post(CLASSIFY, &photo(0)).ok();
        let undisturbed = watch(service, durations.undisturbed);
        memory::reset_peak(service.pid());
        let attackers = Attackers::new();
        for n in 0..attack.attackers {
            let last = if placement == Placement::One { FIRST } else { FIRST + n };
            attackers.add(&plan, loopback(last), socket_address(service));
        }
        // Until every attacker has begun.
        thread::sleep(durations.attack / 5);
        let attacked = watch(service, durations.attack);
        let counts = attackers.tally.counts();
        let peak_bytes = memory::peak_bytes(service.pid());
        drop(attackers);
        thread::sleep(durations.settle);
        Self {
            attack: attack.name,
            placement,
            undisturbed,
            attacked,
            attackers: counts,
            peak_bytes,
            after_bytes: memory::bytes(service.pid()),
        }
    }

    /// The victim's median, as a multiple of the undisturbed one.
    pub(crate) fn ratio(&self) -> f64 {
        self.attacked.victim.median() / self.undisturbed.victim.median()
    }

    /// The same from an attacker's address.
    pub(crate) fn neighbor_ratio(&self) -> f64 {
        self.attacked.neighbor.median() / self.undisturbed.neighbor.median()
    }

    pub(crate) fn cells(&self) -> Vec<String> {
        let Seen { victim, neighbor, health } = &self.attacked;
        let mut cells =
            vec![self.attack.to_owned(), format!("{:?}", self.placement).to_lowercase()];
        cells.extend(self.attackers.iter().map(ToString::to_string));
        cells.extend([victim.median(), self.ratio(), victim.longest()].map(table::short));
        cells.extend([victim.refused, victim.failed].map(|n| n.to_string()));
        cells.extend([table::short(self.neighbor_ratio()), neighbor.refused.to_string()]);
        cells.extend([health.probed_quantile(0.99), health.longest()].map(table::short));
        let bytes = [self.peak_bytes, self.after_bytes].map(memory::mebibytes);
        cells.push(format!("{:.0}/{:.0}", bytes[0], bytes[1]));
        cells
    }

    /// All cells in one line, each with its head.
    pub(crate) fn text(&self) -> String {
        let cells = HEAD.iter().zip(self.cells()).map(|(head, cell)| format!("{head} {cell}"));
        cells.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn json(&self) -> Value {
        let [answered, refused, other, closed] = self.attackers;
        json!({
            "attack": self.attack,
            "placement": format!("{:?}", self.placement).to_lowercase(),
            "attackers": {
                "answered": answered, "refused": refused, "other": other, "closed": closed,
            },
            "undisturbed": seen(&self.undisturbed),
            "attacked": seen(&self.attacked),
            "ratio": self.ratio(),
            "same_address_ratio": self.neighbor_ratio(),
            "peak_bytes": self.peak_bytes,
            "after_bytes": self.after_bytes,
        })
    }
}

fn seen(seen: &Seen) -> Value {
    json!({
        "victim": times(&seen.victim),
        "same_address": times(&seen.neighbor),
        "livez": times(&seen.health),
        "livez_p99_ms": seen.health.probed_quantile(0.99),
    })
}

fn times(times: &Times) -> Value {
    json!({
        "answers": times.answers(),
        "p50_ms": times.median(),
        "p99_ms": times.quantile(0.99),
        "max_ms": times.longest(),
        "refused": times.refused,
        "failed": times.failed,
        "first_failure": times.failure,
    })
}

/// Measures on a thread of its own, so that the attackers' work does not delay the clocks.
fn watch(service: &Service, duration: Duration) -> Seen {
    let to = socket_address(service);
    let classify = request::post(CLASSIFY, &photo(0));
    let live = request::get("/livez");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let end = Instant::now() + duration;
    let (victim, neighbor, health) = runtime.block_on(async {
        tokio::join!(
            repeat(loopback(VICTIM), to, &classify, end),
            repeat(loopback(FIRST), to, &classify, end),
            probe(loopback(PROBE), to, &live, end),
        )
    });
    Seen { victim, neighbor, health }
}
