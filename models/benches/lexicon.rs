//! The promise: names are understood as soon as a device starts, and at once when they are asked
//! for.
//!
//! `cargo bench -p models --bench lexicon` times, on the lexicon that ships and on a warm disk: its
//! hash, which is checked once, all that is done until it is ready, and looking up nouns whose
//! texts nobody asked for before.

use std::path::Path;
use std::time::{Duration, Instant};

use models::hex;
use models::knowledge::lexicon::Lexicon;

const FILE: &str = "lexicon-d0453ead.bin";
const ROUNDS: usize = 9;
const NOUNS: [&str; 8] =
    ["zebra", "coffee mug", "mouse", "lamp", "accordion", "torque wrench", "Venus", "yawl"];
const MOST_READY: Duration = Duration::from_millis(50);
const MOST_LOOK_UP: Duration = Duration::from_millis(1);

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundles").join(FILE);
    let read = || std::fs::read(&path).expect("invariant: the lexicon ships");
    let bytes = read();
    let (mut hash, mut ready, mut look_up) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        hash.push(timed(|| hex::sha256(&bytes)).0);
        let (time, lexicon) = timed(|| {
            let bytes = read();
            std::hint::black_box(hex::sha256(&bytes));
            Lexicon::parse_verified(&bytes).expect("invariant: the lexicon that ships is sound")
        });
        ready.push(time);
        for noun in NOUNS {
            let first = || {
                let senses = lexicon.senses(noun);
                let sense = *senses.first().expect("invariant: WordNet has the noun");
                (lexicon.synset(sense), lexicon.attributes(sense), lexicon.vector(sense))
            };
            look_up.push(timed(first).0);
        }
    }
    let [hash, ready, look_up] = [hash, ready, look_up].map(median);
    println!("{FILE}, {} bytes, {} nouns looked up for the first time", bytes.len(), NOUNS.len());
    println!("  SHA-256         {hash:9.2?}");
    println!("  ready           {ready:9.2?}  (at most {MOST_READY:?})");
    println!("  a look-up       {look_up:9.2?}  (at most {MOST_LOOK_UP:?})");
    assert!(ready <= MOST_READY && look_up <= MOST_LOOK_UP, "slower than promised");
}

fn timed<T>(f: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let made = std::hint::black_box(f());
    (started.elapsed(), made)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
