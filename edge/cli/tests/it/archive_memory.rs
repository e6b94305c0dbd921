//! The memory of exports and imports does not grow with the gallery, but for what a gallery that is
//! open holds.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use edge::gallery::{Galleries, Label, NewExample};

use crate::sandbox::{Sandbox, tiny_bundle};

/// The number of examples; the long form has 160,000, which is 2 GB.
const EXAMPLES: &str = "HANDFUL_ARCHIVE_EXAMPLES";
const DEFAULT_EXAMPLES: usize = 4_000;
const AT_ONCE: usize = 500;
const IMAGE_BYTES: usize = 12_000;
/// What an export or an import may take, and what the program takes without any.
const MOST_BYTES: u64 = 64 << 20;
const PROGRAM_BYTES: u64 = 32 << 20;
/// What an example takes in an open gallery beside its embedding: its change, its row, its places in
/// indices, and while it is imported its entries of the file.
const STATE_BYTES: usize = 1 << 10;

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

fn fill(sandbox: &Sandbox, n: usize) {
    let manifest = tiny_bundle().manifest;
    let galleries = Galleries::open(&sandbox.path("store"), &manifest.space_id).unwrap();
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

#[test]
fn exports_and_imports_take_little_memory() {
    let n = std::env::var(EXAMPLES).map_or(DEFAULT_EXAMPLES, |text| text.parse().unwrap());
    let sandbox = Sandbox::new();
    fill(&sandbox, n);
    let start = Instant::now();
    let export = ["gallery", "export", "big.handful", "--store", "store"];
    let exported = peak(&mut sandbox.command(&export));
    let export_time = start.elapsed();
    let bytes = fs::metadata(sandbox.path("big.handful")).unwrap().len();
    let start = Instant::now();
    let import = ["gallery", "import", "big.handful", "--store", "other"];
    let imported = peak(&mut sandbox.command(&import));
    println!(
        "{n} examples, {bytes} bytes: export {} MiB, {export_time:.1?}; import {} MiB, {:.1?}",
        exported >> 20,
        imported >> 20,
        start.elapsed()
    );
    let length = tiny_bundle().manifest.backbone.embedding_size;
    assert!(bytes > (n * (4 * length + IMAGE_BYTES)) as u64);
    assert!(exported < MOST_BYTES + PROGRAM_BYTES, "an export took {exported} bytes");
    // A gallery that is open holds its embeddings and its state.
    let open = ((4 * length + STATE_BYTES) * n) as u64;
    let most = MOST_BYTES + PROGRAM_BYTES + open;
    assert!(imported < most, "an import took {imported} bytes, expected at most {most}");
}
