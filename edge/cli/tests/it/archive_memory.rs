//! The memory of exports and imports is bounded: embeddings and images pass in parts, and what stays
//! is some 500 bytes of an example.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use edge::gallery::{Galleries, Label, NewExample};
use models::bundle::{Bundle, BundleLimits};

use crate::sandbox::Sandbox;

/// The number of examples; the long form has 117,000, which is 2 GB.
const EXAMPLES: &str = "HANDFUL_ARCHIVE_EXAMPLES";
const DEFAULT_EXAMPLES: usize = 4_000;
const AT_ONCE: usize = 500;
const IMAGE_BYTES: usize = 12_000;
/// What an export or an import of 2 GB may take more than one of a single example.
const MOST_BYTES: u64 = 64 << 20;
/// A bundle whose embeddings are as long as those of a large network. Its network is not started.
const BUNDLE: &str = "../../models/bundles/efficientnet-lite0";

/// An example with an embedding of this length.
fn example(number: usize, length: usize) -> NewExample {
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&(number as u64).to_le_bytes());
    let embedding = (0..length).map(|at| ((at * 31 + number * 17) % 65_536) as f32).collect();
    let mut image = vec![number.to_le_bytes()[0]; IMAGE_BYTES];
    // It begins as a BMP file does.
    image[..2].copy_from_slice(b"BM");
    NewExample { sha256, crop: None, embedding, precision: "fp32".to_owned(), image: Some(image) }
}

fn bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(BUNDLE)
}

fn fill(store: &Path, n: usize) {
    let manifest = Bundle::open(&bundle(), &BundleLimits::default()).unwrap().manifest;
    let galleries = Galleries::open(store, &manifest.space_id).unwrap();
    let length = manifest.backbone.embedding_size;
    let mut gallery = galleries.gallery("default").unwrap();
    for first in (0..n).step_by(AT_ONCE) {
        let label = Label::parse(&format!("class {}", first % 7)).unwrap();
        let numbers = first..n.min(first + AT_ONCE);
        let examples = numbers.map(|number| example(number, length)).collect();
        gallery.enroll(&label, examples, true).unwrap();
    }
}

/// Runs a command to its end; returns the most memory that it had, in bytes.
fn peak(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or_default() * 1024);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        sleep(Duration::from_millis(2));
    }
}

/// The most memory of an export and of an import of a gallery with `n` examples.
fn peaks(n: usize) -> (u64, u64) {
    let sandbox = Sandbox::new();
    fill(&sandbox.path("store"), n);
    let peak_of = |args: &[&str]| {
        let start = Instant::now();
        let peak = peak(sandbox.command(args).env("HANDFUL_BUNDLE", bundle()));
        println!("{n} examples, {}: {} MiB, {:.1?}", args[1], peak >> 20, start.elapsed());
        peak
    };
    let exported = peak_of(&["gallery", "export", "big.handful", "--store", "store"]);
    let imported = peak_of(&["gallery", "import", "big.handful", "--store", "other"]);
    let bytes = fs::metadata(sandbox.path("big.handful")).unwrap().len();
    println!("{n} examples, {bytes} bytes");
    assert!(bytes > (n * IMAGE_BYTES) as u64);
    (exported, imported)
}

#[test]
fn exports_and_imports_take_little_memory() {
    let n = std::env::var(EXAMPLES).map_or(DEFAULT_EXAMPLES, |text| text.parse().unwrap());
    let (export_of_one, import_of_one) = peaks(1);
    let (exported, imported) = peaks(n);
    // What passes in parts takes as much of a small gallery, and what stays grows with it.
    let share = (n as f64 / 117_000.0).clamp(0.5, 1.0);
    let most = (MOST_BYTES as f64 * share) as u64;
    let export = exported.saturating_sub(export_of_one);
    assert!(export < most, "an export took {export} bytes, expected at most {most}");
    let import = imported.saturating_sub(import_of_one);
    assert!(import < most, "an import took {import} bytes, expected at most {most}");
}
