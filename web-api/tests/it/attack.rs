//! The service while 64 clients attack it: how long others wait, and how much memory it takes.
//!
//! The short form attacks the tiny bundle for about a second each. `HANDFUL_ATTACK_SECONDS=60`
//! is the long form: a real network, both placements of the attackers, a table (`--nocapture`), and
//! JSON at the path in `HANDFUL_ATTACK_REPORT`. `HANDFUL_ATTACK_ONLY=NAME` runs the attacks whose
//! name contains `NAME`, `HANDFUL_ATTACK_BUNDLE=DIR` uses another bundle, and
//! `HANDFUL_ATTACK_SERVER=FILE` measures another program, which is not judged.

pub(crate) mod images;
pub(crate) mod kinds;
mod row;

use std::env;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::measure::target::{Target, copy, number};
use crate::measure::{alone, table};
use crate::service::{binary, class};
use images::photo;
use kinds::{ATTACKS, Attack};
use row::{Durations, HEAD, Placement, Row};

/// What `--help` promises, in tenths of GiB, with the network of the shipped bundle.
pub(crate) const PROMISED_TENTHS_OF_GIB: u64 = 12;

/// What `--help` promises, in bytes.
pub(crate) const PROMISED_BYTES: u64 = PROMISED_TENTHS_OF_GIB * (1 << 30) / 10;

/// The default of `--max-body-bytes`.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;

/// The most that a victim's median may grow, on an address of its own and on an attacker's.
const MOST: f64 = 10.0;
const MOST_ON_AN_ATTACKERS_ADDRESS: f64 = 100.0;
/// Milliseconds within which the health endpoint answers.
const MOST_HEALTH_MILLIS: f64 = 100.0;

#[test]
fn the_help_promises_the_memory_that_is_measured() {
    let help = String::from_utf8(binary(&["--help"]).output().unwrap().stdout).unwrap();
    let promise =
        format!("about {}.{} GiB", PROMISED_TENTHS_OF_GIB / 10, PROMISED_TENTHS_OF_GIB % 10);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains(&promise), "`{promise}` is missing in: {help}");
}

#[test]
fn attackers_neither_starve_others_nor_fill_the_memory() {
    let _alone = alone();
    let seconds = number("HANDFUL_ATTACK_SECONDS");
    let target = Target::tiny(seconds.is_some());
    let durations = durations(seconds);
    let store = prepared(&target);
    let rows: Vec<Row> = chosen(seconds.is_some())
        .into_iter()
        .map(|(attack, placement)| {
            let store = copy(store.path());
            let service = target.start(store.path());
            let row = Row::measure(&service, attack, placement, durations);
            println!("{}", row.cells().join(" "));
            row
        })
        .collect();
    table::print(&HEAD, &rows.iter().map(Row::cells).collect::<Vec<_>>());
    let report: Vec<_> = rows.iter().map(Row::json).collect();
    table::write("HANDFUL_ATTACK_REPORT", &json!({ "seconds": seconds, "attacks": report }));
    let broken: Vec<_> = rows.iter().flat_map(broken_bars).collect();
    assert!(broken.is_empty() || !target.is_ours, "{broken:#?}");
}

fn durations(seconds: Option<u64>) -> Durations {
    match seconds {
        None => Durations {
            undisturbed: Duration::from_millis(400),
            attack: Duration::from_millis(1500),
            settle: Duration::ZERO,
        },
        Some(seconds) => Durations {
            undisturbed: Duration::from_secs(3),
            attack: Duration::from_secs(seconds),
            settle: Duration::from_secs(2),
        },
    }
}

/// The attacks of this run: both placements in the long form, in turn in the short one.
fn chosen(is_full: bool) -> Vec<(&'static Attack, Placement)> {
    let only = env::var("HANDFUL_ATTACK_ONLY").unwrap_or_default();
    let placements = [Placement::One, Placement::Each];
    let all = ATTACKS.iter().enumerate().flat_map(|(n, attack)| {
        let chosen = if is_full { &placements[..] } else { &placements[n % 2..=n % 2] };
        chosen.iter().map(move |placement| (attack, *placement))
    });
    all.filter(|(attack, _)| attack.name.contains(&only) && (is_full || !attack.needs_names))
        .collect()
}

/// A store with classes of few images and with classes without any.
fn prepared(target: &Target) -> TempDir {
    let store = tempfile::tempdir().unwrap();
    let service = target.start(store.path());
    for n in 0..10 {
        service.enroll(&format!("class {n}"), &photo(n)).ok();
    }
    let n_empty = if target.is_full { 300 } else { 30 };
    for n in 0..n_empty {
        service.put(&class(&format!("mug {n}")), "{}").ok();
    }
    assert!(service.stop().success());
    store
}

/// Every bar that a measurement does not keep.
fn broken_bars(row: &Row) -> Vec<String> {
    let health = row.attacked.health.probed_quantile(0.99);
    let victim = &row.attacked.victim;
    let bars = [
        ("median of the victim, x", row.ratio(), MOST),
        ("refusals of the victim", victim.refused as f64, 0.0),
        ("failures of the victim", victim.failed as f64, 0.0),
        ("median on an attacker's address, x", row.neighbor_ratio(), MOST_ON_AN_ATTACKERS_ADDRESS),
        ("p99 of /livez, ms", health, MOST_HEALTH_MILLIS),
        ("failures of /livez", row.attacked.health.failed as f64, 0.0),
        ("peak memory, bytes", row.peak_bytes as f64, PROMISED_BYTES as f64),
    ];
    bars.into_iter()
        .filter(|(_, measured, most)| measured > most)
        .map(|(bar, measured, most)| {
            let Row { attack, placement, .. } = row;
            format!("{attack} ({placement:?}): {bar}: {measured}, expected at most {most}")
        })
        .collect()
}
