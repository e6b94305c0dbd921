//! The memory of the service under the four worst mixes of requests that are known, with a gallery
//! of many classes with many attributes.
//!
//! The variables of `attack` hold here too: `HANDFUL_ATTACK_SECONDS` selects the long form with
//! 6,000 classes and a real network, `HANDFUL_MEMORY_REPORT` names the file for the JSON.

use std::collections::BTreeSet;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use edge::gallery::ClassOverrides;
use models::knowledge::wordnet::SynsetId;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::attack::images::{large_webp, photo, small};
use crate::attack::kinds::{NOUNS, explained};
use crate::attack::{MAX_BODY_BYTES, PROMISED_BYTES};
use crate::measure::memory::mebibytes;
use crate::measure::plan::{Attackers, Plan};
use crate::measure::target::{Target, copy, number, socket_address};
use crate::measure::{loopback, memory, request, table, take_turn};
use crate::service::{CLASSES, CLASSIFY, Service, class};

/// Clients are spread over this many addresses.
const ADDRESSES: usize = 64;

/// What may remain afterwards: allocators keep some of what they once had.
const REMAINS: u64 = 64 << 20;

/// How long the program may take to give memory back: a slow machine answers what it has first.
const MOST_UNTIL_AFTER: Duration = Duration::from_secs(30);

const HEAD: [&str; 8] =
    ["mix", "clients", "before MiB", "peak MiB", "at most MiB", "after MiB", "2xx", "refused"];

/// Groups of clients, each with its plan.
struct Mix {
    name: &'static str,
    crowds: fn() -> Vec<(usize, Plan)>,
}

const MIXES: [Mix; 4] = [
    Mix { name: "unread-lists", crowds: || vec![(240, lists())] },
    Mix { name: "unread-answers", crowds: || vec![(240, answers()), (4, large())] },
    Mix { name: "uploads", crowds: || vec![(64, uploads()), (180, answers()), (2, large())] },
    Mix {
        name: "everything",
        crowds: || {
            vec![
                (100, lists()),
                (70, answers()),
                (40, embeddings()),
                (20, uploads()),
                (10, large()),
            ]
        },
    },
];

struct Row {
    mix: &'static str,
    clients: usize,
    before: u64,
    peak: u64,
    /// The promise and what the gallery takes.
    most: u64,
    after: u64,
    answers: [usize; 4],
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.mix.to_owned(), self.clients.to_string()];
        let bytes = [self.before, self.peak, self.most, self.after];
        cells.extend(bytes.map(|bytes| format!("{:.0}", mebibytes(bytes))));
        cells.extend(self.answers[..2].iter().map(ToString::to_string));
        cells
    }

    fn json(&self) -> Value {
        json!({
            "mix": self.mix,
            "clients": self.clients,
            "before_bytes": self.before,
            "peak_bytes": self.peak,
            "most_bytes": self.most,
            "after_bytes": self.after,
            "answered": self.answers[0],
            "refused": self.answers[1],
        })
    }

    fn most_after(&self) -> u64 {
        self.before + self.before / 5 + REMAINS
    }

    fn broken_bars(&self) -> Vec<String> {
        let bars = [("peak", self.peak, self.most), ("after", self.after, self.most_after())];
        bars.into_iter()
            .filter(|(_, bytes, most)| bytes > most)
            .map(|(when, bytes, most)| {
                format!("{}: {when}: {bytes} bytes, expected at most {most}", self.mix)
            })
            .collect()
    }
}

#[test]
#[ignore = "it measures, so nothing may run beside it: see CONTRIBUTING.md"]
fn the_worst_mixes_stay_within_the_promised_memory() {
    let _turn = take_turn();
    let seconds = number("HANDFUL_ATTACK_SECONDS");
    let target = Target::new(seconds.is_some());
    let only = env::var("HANDFUL_ATTACK_ONLY").unwrap_or_default();
    let empty = bytes_without_classes(&target);
    let store = prepared(&target);
    let duration = seconds.map_or(Duration::from_secs(3), Duration::from_secs);
    let rows: Vec<Row> = MIXES
        .iter()
        .filter(|mix| mix.name.contains(&only))
        .map(|mix| {
            let store = copy(store.path());
            measure(mix, &target.start(store.path()), empty, duration)
        })
        .collect();
    table::print(&HEAD, &rows.iter().map(Row::cells).collect::<Vec<_>>());
    let report: Vec<_> = rows.iter().map(Row::json).collect();
    table::write("HANDFUL_MEMORY_REPORT", &json!({ "seconds": seconds, "mixes": report }));
    let broken: Vec<String> = rows.iter().flat_map(Row::broken_bars).collect();
    for bar in &broken {
        println!("broken: {bar}");
    }
    assert!(broken.is_empty() || !target.is_ours, "{}", broken.join("\n"));
}

fn measure(mix: &Mix, service: &Service, empty: u64, duration: Duration) -> Row {
    let crowds = (mix.crowds)();
    let before = warm_bytes(service);
    memory::reset_peak(service.pid());
    let attackers = Attackers::new();
    let plans = crowds.iter().flat_map(|(n, plan)| vec![plan; *n]);
    for (n, plan) in plans.enumerate() {
        attackers.add(plan, loopback(2 + n % ADDRESSES), socket_address(service));
    }
    thread::sleep(duration);
    let answers = attackers.tally.counts();
    let peak = memory::peak_bytes(service.pid());
    drop(attackers);
    let mut row = Row {
        mix: mix.name,
        clients: crowds.iter().map(|(n, _)| n).sum(),
        before,
        peak,
        most: PROMISED_BYTES + before.saturating_sub(empty),
        after: u64::MAX,
        answers,
    };
    let dropped = Instant::now();
    while row.after > row.most_after() && dropped.elapsed() < MOST_UNTIL_AFTER {
        thread::sleep(Duration::from_millis(200));
        row.after = memory::bytes(service.pid());
    }
    row
}

/// A store of many classes; in the long form, each has as many attributes as a class can have.
fn prepared(target: &Target) -> TempDir {
    let store = tempfile::tempdir().unwrap();
    let service = target.start(store.path());
    for n in 0..10 {
        service.enroll(&format!("class {n}"), &photo(n)).ok();
    }
    let overrides = if target.is_full { all_attributes(&service) } else { None };
    assert!(service.stop().success());
    let overrides = ClassOverrides { sense: None, attributes: overrides };
    target.add_classes(store.path(), if target.is_full { 6000 } else { 4000 }, &overrides);
    store
}

/// The senses of as many nouns as a class may have attributes.
fn all_attributes(service: &Service) -> Option<BTreeSet<SynsetId>> {
    let nouns: Vec<&str> = NOUNS.split(' ').collect();
    let definition = json!({ "attributes": nouns }).to_string();
    let class = service.put(&class("mug"), &definition).ok()["class"].clone();
    let attributes = class["attributes"].as_array().unwrap();
    assert_eq!(attributes.len(), 128);
    Some(attributes.iter().map(|a| a["synset"].as_str().unwrap().parse().unwrap()).collect())
}

fn bytes_without_classes(target: &Target) -> u64 {
    let store = tempfile::tempdir().unwrap();
    warm_bytes(&target.start(store.path()))
}

/// The memory after a first classification.
fn warm_bytes(service: &Service) -> u64 {
    service.post(CLASSIFY, &photo(0)).ok();
    memory::bytes(service.pid())
}

fn lists() -> Plan {
    Plan::Unread { request: request::get(&format!("{CLASSES}?limit=1000")), sockets: 1 }
}

fn answers() -> Plan {
    Plan::Unread { request: request::post_many(&explained(), &small(), 64), sockets: 1 }
}

fn embeddings() -> Plan {
    Plan::Unread { request: request::post_many("/v1/embed", &small(), 64), sockets: 1 }
}

fn large() -> Plan {
    Plan::Repeat(vec![request::post(CLASSIFY, &large_webp())])
}

fn uploads() -> Plan {
    let sent = MAX_BODY_BYTES - MAX_BODY_BYTES / 160;
    Plan::Stall { start: request::part(CLASSIFY, MAX_BODY_BYTES, sent), sockets: 1 }
}
