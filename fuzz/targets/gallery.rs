//! The file of a gallery. The input is its journal; sizes, checksums and hashes around it are made right, so that it is
//! read, and joined with a gallery.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use edge::gallery::{Archive, Galleries, Gallery};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const SPACE: &str = "space";

/// The lengths of the parts around the two entries, whose names have 13 letters both.
const HEADER: usize = 63;
const RECORD: usize = 87;
const END: usize = 98;

/// The file of an empty gallery: two entries with a header each, their records and the end.
static EMPTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("handful-fuzz-store-{}", std::process::id()));
    let galleries = Galleries::open(&folder, SPACE).expect("a folder for files can be written");
    let export = galleries.export(Galleries::DEFAULT).expect("a new store can be read");
    let file = export.flat_map(|part| part.expect("a new store can be read")).collect();
    let _ = fs::remove_dir_all(&folder);
    file
});

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn put(bytes: &mut [u8], at: usize, number: usize) {
    bytes[at..at + 8].copy_from_slice(&(number as u64).to_le_bytes());
}

/// A header of the empty file, for another content.
fn header(of_empty: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = of_empty.to_vec();
    header[14..18].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
    put(&mut header, HEADER - 16, content.len());
    put(&mut header, HEADER - 8, content.len());
    header
}

/// The same for a record; `offset` is where the header of the entry is.
fn record(of_empty: &[u8], content: &[u8], offset: usize) -> Vec<u8> {
    let mut record = of_empty.to_vec();
    record[16..20].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
    put(&mut record, RECORD - 24, content.len());
    put(&mut record, RECORD - 16, content.len());
    put(&mut record, RECORD - 8, offset);
    record
}

/// The file of a gallery with this journal.
fn file_with(journal: &[u8]) -> Vec<u8> {
    let records = EMPTY.len() - END - 2 * RECORD;
    let manifest = String::from_utf8_lossy(&EMPTY[2 * HEADER..records]);
    let manifest = manifest.replace("\"size\":0", &format!("\"size\":{}", journal.len()));
    let manifest = manifest.replace(&hash(b""), &hash(journal)).into_bytes();
    let mut file = header(&EMPTY[..HEADER], journal);
    file.extend(journal);
    let manifest_at = file.len();
    file.extend(header(&EMPTY[HEADER..2 * HEADER], &manifest));
    file.extend(&manifest);
    let directory = file.len();
    file.extend(record(&EMPTY[records..records + RECORD], journal, 0));
    file.extend(record(&EMPTY[records + RECORD..records + 2 * RECORD], &manifest, manifest_at));
    let mut end = EMPTY[EMPTY.len() - END..].to_vec();
    put(&mut end, 48, directory);
    put(&mut end, 64, directory + 2 * RECORD);
    file.extend(end);
    file
}

fuzz_target!(
    init: assert_eq!(file_with(b""), *EMPTY),
    |bytes: &[u8]| {
        let file = std::env::temp_dir().join(format!("handful-fuzz-{}", std::process::id()));
        if fs::write(&file, file_with(bytes)).is_ok()
            && let Ok(archive) = Archive::open(&file, SPACE)
        {
            let _ = Gallery::in_memory().import(archive);
        }
    }
);
