//! The service while 64 clients attack it: how long others wait, and how much memory it takes.
//!
//! The short form attacks a tiny bundle for about a second each. Where it breaks a bar, it attacks
//! once more for longer, and only that counts: a slow moment of the machine passes, and whoever is
//! starved is starved again. `HANDFUL_ATTACK_SECONDS=60` is the long form: a real network, both
//! placements of the attackers, a table (`--nocapture`), and JSON at the path in
//! `HANDFUL_ATTACK_REPORT`. `HANDFUL_ATTACK_ONLY=NAME` runs the attacks whose name contains `NAME`,
//! `HANDFUL_ATTACK_BUNDLE=DIR` uses another bundle, and `HANDFUL_ATTACK_SERVER=FILE` measures
//! another program, which is not judged.

pub(crate) mod images;
pub(crate) mod kinds;
mod row;

use std::env;
use std::path::Path;
use std::time::Duration;

use edge::gallery::ClassOverrides;
use serde_json::json;
use tempfile::TempDir;

use crate::measure::target::{Target, copy, number};
use crate::measure::{table, take_turn};
use crate::service::binary;
use images::photo;
use kinds::{ATTACKS, Attack};
use row::{Durations, HEAD, Placement, Row};

/// What `--help` promises, in tenths of GiB, with the network of the shipped bundle.
pub(crate) const PROMISED_TENTHS_OF_GIB: u64 = 10;

/// What `--help` promises, in bytes.
pub(crate) const PROMISED_BYTES: u64 = PROMISED_TENTHS_OF_GIB * (1 << 30) / 10;

/// The default of `--max-body-bytes`.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;

/// The most that may happen to those who do not attack.
struct Bars {
    /// Growth of the victim's median.
    ratio: f64,
    /// The same on an attacker's address.
    neighbor_ratio: f64,
    /// Milliseconds within which 99 % of the answers of the health endpoint arrive.
    health_millis: f64,
}

const LONG: Bars = Bars { ratio: 10.0, neighbor_ratio: 100.0, health_millis: 100.0 };

/// In the short form, the machine may have other work too.
const SHORT: Bars = Bars { ratio: 20.0, neighbor_ratio: 2000.0, health_millis: 1500.0 };

/// For its second measurements. A neighbor without an answer counts as waiting for as long as the
/// measurement lasts, which is four times as long.
const AGAIN: Bars = Bars { neighbor_ratio: 4.0 * SHORT.neighbor_ratio, ..SHORT };

const SHORT_DURATIONS: Durations = Durations {
    undisturbed: Duration::from_millis(400),
    attack: Duration::from_millis(1500),
    settle: Duration::ZERO,
};

const AGAIN_DURATIONS: Durations = Durations {
    undisturbed: Duration::from_millis(1500),
    attack: Duration::from_secs(6),
    settle: Duration::ZERO,
};

#[test]
fn the_help_promises_the_memory_that_is_measured() {
    let help = String::from_utf8(binary(&["--help"]).output().unwrap().stdout).unwrap();
    let promise =
        format!("about {}.{} GiB", PROMISED_TENTHS_OF_GIB / 10, PROMISED_TENTHS_OF_GIB % 10);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains(&promise), "`{promise}` is missing in: {help}");
}

#[test]
#[ignore = "it measures, so nothing may run beside it: see CONTRIBUTING.md"]
fn attackers_neither_starve_others_nor_fill_the_memory() {
    let _turn = take_turn();
    let seconds = number("HANDFUL_ATTACK_SECONDS");
    let target = Target::new(seconds.is_some());
    let store = prepared(&target);
    let mut rows: Vec<Row> = Vec::new();
    let mut texts = Vec::new();
    let mut all_broken = Vec::new();
    for (attack, placement) in chosen(seconds.is_some()) {
        let attacked = Attacked { target: &target, store: store.path(), attack, placement };
        let (row, broken) = match seconds {
            Some(seconds) => attacked.measure(long_durations(seconds), &LONG),
            None => attacked.measure_shortly(),
        };
        if !broken.is_empty() {
            texts.push(row.text());
        }
        all_broken.extend(broken);
        rows.push(row);
    }
    table::print(&HEAD, &rows.iter().map(Row::cells).collect::<Vec<_>>());
    let report: Vec<_> = rows.iter().map(Row::json).collect();
    table::write("HANDFUL_ATTACK_REPORT", &json!({ "seconds": seconds, "attacks": report }));
    // The bars last: of a long output, the end is read first.
    let message = [texts, all_broken.clone()].concat().join("\n");
    assert!(all_broken.is_empty() || !target.is_ours, "{message}");
}

fn long_durations(seconds: u64) -> Durations {
    Durations {
        undisturbed: Duration::from_secs(3),
        attack: Duration::from_secs(seconds),
        settle: Duration::from_secs(2),
    }
}

/// An attack on a program.
struct Attacked<'a> {
    target: &'a Target,
    /// What the program has, of which each measurement gets a copy.
    store: &'a Path,
    attack: &'static Attack,
    placement: Placement,
}

impl Attacked<'_> {
    /// Returns what was measured, and the bars that it breaks.
    fn measure(&self, durations: Durations, bars: &Bars) -> (Row, Vec<String>) {
        let store = copy(self.store);
        let service = self.target.start(store.path());
        let row = Row::measure(&service, self.attack, self.placement, durations);
        println!("{}", row.cells().join(" "));
        let broken = broken(&row, bars);
        for bar in &broken {
            println!("broken: {bar}");
        }
        (row, broken)
    }

    /// The same in the short form: where a bar breaks, the second measurement counts.
    fn measure_shortly(&self) -> (Row, Vec<String>) {
        let (row, broken) = self.measure(SHORT_DURATIONS, &SHORT);
        if broken.is_empty() {
            return (row, broken);
        }
        println!("once more, for longer:");
        self.measure(AGAIN_DURATIONS, &AGAIN)
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
    all.filter(|(attack, _)| attack.name.contains(&only) && (is_full || !attack.needs_nouns))
        .collect()
}

/// A store with classes of few images and with classes without any.
fn prepared(target: &Target) -> TempDir {
    let store = tempfile::tempdir().unwrap();
    let service = target.start(store.path());
    for n in 0..10 {
        service.enroll(&format!("class {n}"), &photo(n)).ok();
    }
    assert!(service.stop().success());
    // More than an answer can list, so that answers are as large as they get.
    target.add_classes(store.path(), 1200, &ClassOverrides::default());
    store
}

/// Every bar that a measurement does not keep.
fn broken(row: &Row, bars: &Bars) -> Vec<String> {
    let victim = &row.attacked.victim;
    let health = &row.attacked.health;
    let measured = [
        ("median of the victim, x", row.ratio(), bars.ratio),
        ("refusals of the victim", victim.refused as f64, 0.0),
        ("failures of the victim", victim.failed as f64, 0.0),
        ("median on an attacker's address, x", row.neighbor_ratio(), bars.neighbor_ratio),
        ("p99 of /livez, ms", health.probed_quantile(0.99), bars.health_millis),
        ("refusals and failures of /livez", (health.refused + health.failed) as f64, 0.0),
        ("peak memory, bytes", row.peak_bytes as f64, PROMISED_BYTES as f64),
    ];
    let Row { attack, placement, .. } = row;
    let broken = measured
        .into_iter()
        // A number that is none, such as the ratio to nothing, keeps no bar.
        .filter(|(_, value, most)| value.is_nan() || value > most)
        .map(|(bar, value, most)| {
            format!("{attack} ({placement:?}): {bar}: {value:.1}, expected at most {most}")
        });
    let failures = [&victim.failure, &health.failure].into_iter().flatten();
    failures.map(|failure| format!("{attack}: a failure: {failure}")).chain(broken).collect()
}
