//! The promises of large galleries, against a gallery of 10 classes in the same run:
//!
//! * to enroll an image and to classify the next one, both from their files, takes at most 1.5
//!   times as long;
//! * a classification reads the prototypes at 60 % or more of the rate at which one thread reads
//!   memory;
//! * the gallery takes at most 1.7 times the memory of its embeddings, and at most 1.6 times on the
//!   disk;
//! * its store opens in less than 2 s;
//! * a store of 100 galleries, each of 100 classes of one image, is opened and listed, and one of
//!   them is read, in less than 1 s.
//!
//! `cargo bench -p handful-edge --bench gallery` has 10,000 classes of 5 images, or as many classes
//! as `HANDFUL_BENCH_CLASSES` says; the many galleries have as many in all. The images of a class
//! are made up around a made-up center; names are nouns of the lexicon, so that name trust takes
//! its time.
//!
//! The aims are those of 10,000 classes. The first one is reached by the median of several runs,
//! and in small galleries the memory has a larger fixed part. So each figure has a second bar: one
//! that misses it by a quarter, which noise does not explain, ends the program with an error.

#[path = "shared/bar.rs"]
mod bar;

use std::fs;
use std::hint::black_box;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::slice::from_ref;
use std::time::{Duration, Instant};

use edge::device::DeviceSettings;
use edge::embedder::Embedded;
use edge::gallery::{Galleries, Gallery, Label, NewExample};
use edge::recognizer::{ClassifyOptions, Precondition, Recognizer};
use few_shot::decision::sampling::hash;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use models::bundle::{Bundle, BundleLimits};

use bar::Bar;

const FEW: usize = 10;
const MANY: usize = 10_000;
const SHOTS: usize = 5;
/// Classes of each of many galleries.
const OF_EACH: usize = 100;
const SIZE: usize = 1280;
const ROUNDS: usize = 21;

/// The first argument of the process that fills a store. It is one of its own, so that what it
/// allocates is not counted.
const FILL: &str = "--fill";

/// Makes glibc return what is freed from this size on, as `handful-server` does. It is read when a
/// process starts.
const ALLOCATOR: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "1048576");

const NOUNS: [&str; 12] = [
    "mug", "zebra", "chair", "hammer", "apple", "bicycle", "lamp", "bottle", "violin", "boat",
    "glove", "tulip",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == FILL) {
        let classes = arguments[at + 2].parse().expect("a number of classes");
        fill(Path::new(&arguments[at + 1]), classes);
        return ExitCode::SUCCESS;
    }
    if std::env::var_os(ALLOCATOR.0).is_none() {
        return with_allocator();
    }
    let many = std::env::var("HANDFUL_BENCH_CLASSES").ok();
    let many = many.map_or(MANY, |many| many.parse().expect("a number of classes"));
    let bars = run(many);
    let missed = bars.iter().filter(|bar| bar.is_missed()).count();
    for bar in &bars {
        println!("{bar}");
    }
    if missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs this program with the allocator's setting.
fn with_allocator() -> ExitCode {
    let program = std::env::current_exe().expect("this program");
    let status = Command::new(program).env(ALLOCATOR.0, ALLOCATOR.1).status();
    if status.expect("this program starts").success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(many: usize) -> Vec<Bar> {
    let root = tempfile::tempdir().expect("a folder for temporary files");
    let [warm, few, large] = [(FEW, "warm"), (FEW, "few"), (many, "many")]
        .map(|(classes, name)| filled(&root.path().join(name), classes));
    let mut memory = vec![resident()];
    let mut recognizers = [warm, few].map(|store| {
        let recognizer = opened(&store);
        memory.push(resident());
        recognizer
    });
    let started = Instant::now();
    drop(Gallery::open(&large, &space_id()).expect("a sound store"));
    let opening = started.elapsed();
    let mut recognizer = opened(&large);
    memory.push(resident());
    let embeddings = (many * SHOTS * SIZE * 4) as f64;
    // What a recognizer takes besides its gallery is what the second small one took.
    let taken = memory[3] - memory[2] - (memory[2] - memory[1]);
    let times = measured(&mut recognizers[1], &mut recognizer, many);
    report(&times, many);
    let [rate, bandwidth] = reading(&mut recognizer, many);
    println!("an answer reads {:.1} GB/s, one thread {:.1} GB/s", rate / 1e9, bandwidth / 1e9);
    let galleries = opening_galleries(&root.path().join("galleries"), many.div_ceil(OF_EACH));
    let whole = "from files: enroll and first answer";
    vec![
        Bar::most(whole, times[1].milliseconds(whole) / times[0].milliseconds(whole), [1.5, 3.0]),
        Bar::least("prototypes read, of the rate of memory", rate / bandwidth, [0.6, 0.5]),
        Bar::most("memory, of the embeddings", taken / embeddings, [1.7, 2.1]),
        Bar::most("disk, of the embeddings", bytes_of(&large) / embeddings, [1.6, 1.6]),
        Bar::most("opening, s", opening.as_secs_f64(), [2.0, 2.0]),
        Bar::most("many galleries: opening, list, one, s", galleries.as_secs_f64(), [1.0, 1.0]),
    ]
}

/// The median of each step, in order.
struct Times(Vec<(&'static str, Duration)>);

impl Times {
    fn of(steps: Vec<(&'static str, Vec<Duration>)>) -> Self {
        let medians = steps.into_iter().map(|(name, mut times)| {
            times.sort_unstable();
            (name, times[times.len() / 2])
        });
        Self(medians.collect())
    }

    fn milliseconds(&self, name: &str) -> f64 {
        let (_, time) = self.0.iter().find(|(other, _)| *other == name).expect("a step");
        time.as_secs_f64() * 1e3
    }
}

fn report(times: &[Times; 2], many: usize) {
    println!("{ROUNDS} rounds, {SHOTS} images a class, ms");
    println!("{:<40} {FEW:>8} {many:>8}    ratio", "classes");
    for (name, _) in &times[0].0 {
        let [few, many] = [&times[0], &times[1]].map(|times| times.milliseconds(name));
        println!("{name:<40} {few:8.2} {many:8.2} {:8.2}", many / few);
    }
}

/// Times both galleries in turn, so that a busy machine slows both. Their sizes are the same
/// afterwards, up to one image of each round.
fn measured(few: &mut Recognizer, large: &mut Recognizer, many: usize) -> [Times; 2] {
    let photograph = photograph();
    let query = few.embed(&photograph).expect("an image");
    let mut steps = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let [few_steps, many_steps] = &mut steps;
        for (recognizer, classes, steps) in
            [(&mut *few, FEW, few_steps), (&mut *large, many, many_steps)]
        {
            let mut clock = Clock { steps, whole: Duration::ZERO };
            one_round(recognizer, classes, round, (&photograph, &query), &mut clock);
        }
    }
    steps.map(Times::of)
}

fn one_round(
    recognizer: &mut Recognizer,
    classes: usize,
    round: usize,
    (photograph, query): (&[u8], &Embedded),
    clock: &mut Clock<'_>,
) {
    let image = clock.time("embed", || recognizer.embed(photograph).expect("an image"));
    let image = distinct(&image, round);
    // Of its class: of an image that fits no class, a warning is computed.
    let class = round * classes / ROUNDS;
    let image = Embedded { embedding: embedding(class, SHOTS + round), ..image };
    let of = label(class);
    clock.whole = Duration::ZERO;
    clock
        .time("enroll an image", || recognizer.enroll(&of, from_ref(&image), false))
        .expect("a class of the gallery");
    clock.time("  first answer", || answer(recognizer, query));
    let enrolled = clock.whole;
    clock.time("  answer after that", || answer(recognizer, query));
    let new = format!("new {round} mug");
    clock
        .time("create a class", || recognizer.enroll(&new, from_ref(&image), true))
        .expect("a new class");
    clock.time("  first answer after that", || answer(recognizer, query));
    clock
        .time("delete a class", || recognizer.delete(&new, Precondition::Anything))
        .expect("the new class");
    clock.time("  first answer after deleting", || answer(recognizer, query));
    clock.add("without files: enroll and first answer", enrolled);
    clock.add("from files: enroll and first answer", enrolled + 2 * clock.last("embed"));
}

/// Collects the times of the steps of a round.
struct Clock<'a> {
    steps: &'a mut Vec<(&'static str, Vec<Duration>)>,
    whole: Duration,
}

impl Clock<'_> {
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        let elapsed = started.elapsed();
        self.whole += elapsed;
        self.add(name, elapsed);
        result
    }

    fn add(&mut self, name: &'static str, time: Duration) {
        match self.steps.iter_mut().find(|(other, _)| *other == name) {
            Some((_, times)) => times.push(time),
            None => self.steps.push((name, vec![time])),
        }
    }

    fn last(&self, name: &str) -> Duration {
        let (_, times) = self.steps.iter().find(|(other, _)| *other == name).expect("a step");
        *times.last().expect("a time")
    }
}

fn answer(recognizer: &mut Recognizer, query: &Embedded) {
    let found = recognizer.classify(from_ref(query), ClassifyOptions::default());
    let found = found.expect("an answer");
    assert_eq!(black_box(found).answers[0].candidates.len(), 5);
}

/// The image as if its file had other bytes: the same file is enrolled only once.
fn distinct(image: &Embedded, round: usize) -> Embedded {
    Embedded { sha256: sha256(u64::MAX - round as u64), ..image.clone() }
}

fn sha256(number: u64) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&number.to_le_bytes());
    sha256
}

fn bundle_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/efficientnet-lite0")
}

fn space_id() -> String {
    let bundle = Bundle::open(&bundle_dir(), &BundleLimits::default()).expect("a sound bundle");
    bundle.manifest.space_id
}

/// A recognizer that has answered once, so that everything is computed.
fn opened(store: &Path) -> Recognizer {
    let settings = DeviceSettings {
        bundle: Some(bundle_dir()),
        store: Some(store.to_owned()),
        ..DeviceSettings::default()
    };
    let mut recognizer = Recognizer::open(&settings).expect("a sound store");
    let query = recognizer.embed(&photograph()).expect("an image");
    let started = Instant::now();
    answer(&mut recognizer, &query);
    let classes = recognizer.summary().classes;
    println!("{classes} classes: first answer after opening {:.2?}", started.elapsed());
    recognizer
}

fn filled(store: &Path, classes: usize) -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program);
    child.arg(FILL).arg(store).arg(classes.to_string());
    assert!(child.status().expect("this program starts").success(), "the store is not filled");
    store.to_owned()
}

fn fill(store: &Path, classes: usize) {
    let mut gallery = Gallery::open(store, &space_id()).expect("a new store");
    for class in 0..classes {
        let examples = (0..SHOTS).map(|shot| NewExample {
            sha256: sha256((class * SHOTS + shot) as u64),
            crop: None,
            embedding: embedding(class, shot),
            precision: "fp32".to_owned(),
            image: None,
        });
        let label = Label::parse(&label(class)).expect("a label");
        gallery.enroll(&label, examples.collect(), true).expect("room on the disk");
    }
}

/// The time in which a store of many galleries is opened and listed, and one of them is read.
fn opening_galleries(store: &Path, n_galleries: usize) -> Duration {
    let space_id = space_id();
    fill_galleries(store, &space_id, n_galleries);
    let started = Instant::now();
    let galleries = Galleries::open(store, &space_id).expect("a sound store");
    let listed = galleries.list().expect("a sound store");
    let one = galleries.gallery(&listed[n_galleries].name).expect("a gallery of the list");
    let elapsed = started.elapsed();
    assert_eq!((listed.len(), one.n_classes()), (n_galleries + 1, OF_EACH));
    println!("{n_galleries} galleries of {OF_EACH} classes: opened in {elapsed:.2?}");
    elapsed
}

fn fill_galleries(store: &Path, space_id: &str, n_galleries: usize) {
    let mut galleries = Galleries::open(store, space_id).expect("a new store");
    for number in 0..n_galleries {
        let name = format!("line {number}");
        galleries.create(&Label::parse(&name).expect("a label")).expect("room on the disk");
        let mut gallery = galleries.gallery(&name).expect("a new gallery");
        for class in 0..OF_EACH {
            let example = NewExample {
                sha256: sha256(class as u64),
                crop: None,
                embedding: embedding(class, 0),
                precision: "fp32".to_owned(),
                image: None,
            };
            let label = Label::parse(&label(class)).expect("a label");
            gallery.enroll(&label, vec![example], true).expect("room on the disk");
        }
    }
}

fn label(class: usize) -> String {
    format!("{class} {}", NOUNS[class % NOUNS.len()])
}

/// Positive values, as those of the backbone, around the center of the class.
fn embedding(class: usize, shot: usize) -> Vec<f32> {
    let uniform = |key: usize| (hash(key as u64) >> 40) as f32 / (1 << 24) as f32;
    let values = 0..SIZE;
    values
        .map(|value| {
            let center = uniform(class * SIZE + value);
            let noise = uniform((1 << 40) + (class * SHOTS + shot) * SIZE + value);
            center + 0.5 * noise
        })
        .collect()
}

fn photograph() -> Vec<u8> {
    let image = RgbImage::from_fn(640, 480, |x, y| {
        let level = 120.0 + 60.0 * (x as f32 / 37.0).sin() * (y as f32 / 23.0).cos();
        Rgb([level, level * 0.9, level * 0.7 + 30.0].map(|value| value as u8))
    });
    let mut bytes = Vec::new();
    let encoded = JpegEncoder::new_with_quality(&mut bytes, 88).encode_image(&image);
    encoded.expect("invariant: memory takes every byte");
    bytes
}

/// The resident memory of this process in bytes; 0 where the system does not have the file.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0
}

/// The room that all files of a folder take: redb makes its file longer in large steps, and what is
/// not written of it takes none.
fn bytes_of(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries.map(|entry| entry.metadata().expect("a file").blocks() as f64 * 512.0).sum()
}

/// The bytes that a classification and one thread read in a second: those of all prototypes, and as
/// many others. The least time of each, in turn, so that a busy machine slows both.
fn reading(recognizer: &mut Recognizer, classes: usize) -> [f64; 2] {
    let query = recognizer.embed(&photograph()).expect("an image");
    let values = vec![1_u32; classes * SIZE];
    let mut least = [Duration::MAX; 2];
    for _ in 0..3 * ROUNDS {
        let started = Instant::now();
        answer(recognizer, &query);
        least[0] = started.elapsed().min(least[0]);
        let started = Instant::now();
        black_box(black_box(&values).iter().fold(0_u32, |sum, value| sum.wrapping_add(*value)));
        least[1] = started.elapsed().min(least[1]);
    }
    least.map(|time| (values.len() * size_of::<u32>()) as f64 / time.as_secs_f64())
}
