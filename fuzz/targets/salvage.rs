//! The file of a damaged store. The input is rows: a byte for the table and a length, the content,
//! and zeros between them; seals are made right, so that the rows are read and make a gallery. The
//! first byte decides whether one byte is changed after that.
#![no_main]

use std::fs;

use edge::gallery::Galleries;
use libfuzzer_sys::fuzz_target;

const MAGIC: [u8; 8] = [0xF5, 0x48, 0x1A, 0x72, 0x6F, 0x77, 0xC3, 0x0A];
const JOURNAL: u8 = 2;
const EMBEDDINGS: u8 = 3;
/// The number of the space `space` (`docs/formats.md`).
const SPACE: u64 = 0x3F49_DBBF_E051_CB20;

/// A row of the gallery 1; the number of the row stands for everything else that a key has.
fn row(table: u8, number: u8, content: &[u8]) -> Vec<u8> {
    let key_length = match table {
        JOURNAL => 58,
        EMBEDDINGS => 40,
        _ => 32,
    };
    let mut key = vec![0; key_length];
    key[0] = 1;
    if table == EMBEDDINGS {
        key[16..24].copy_from_slice(&SPACE.to_le_bytes());
    }
    key[key_length - 16] = number;
    let mut row = MAGIC.to_vec();
    row.extend([table, key_length as u8]);
    row.extend(u64::from(number).to_le_bytes());
    row.extend((content.len() as u32).to_le_bytes());
    row.extend(crc32fast::hash(content).to_le_bytes());
    row.extend(key);
    let sum = crc32fast::hash(&row);
    row.extend(sum.to_le_bytes());
    if table == EMBEDDINGS {
        for (at, part) in (0_u32..).zip(content.chunks(256)) {
            let mut hasher = crc32fast::Hasher::new_with_initial(sum.wrapping_add(at));
            hasher.update(part);
            row.extend(hasher.finalize().to_le_bytes());
        }
    }
    row.extend(content);
    row
}

fn file_with(bytes: &[u8]) -> Vec<u8> {
    let Some((change, mut rest)) = bytes.split_first() else { return Vec::new() };
    let mut file = Vec::new();
    let mut number = 0;
    while let [table, low, high, content @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(content.len());
        file.extend(row(1 + table % 6, number, &content[..length]));
        file.resize(file.len() + usize::from(*table), 0);
        rest = &content[length..];
        number = number.wrapping_add(1);
    }
    if change % 2 == 1 && !file.is_empty() {
        let at = usize::from(*change) * 37 % file.len();
        file[at] ^= 1;
    }
    file
}

fuzz_target!(|bytes: &[u8]| {
    let id = std::process::id();
    let file = std::env::temp_dir().join(format!("handful-fuzz-{id}"));
    let into = std::env::temp_dir().join(format!("handful-fuzz-saved-{id}"));
    let _ = fs::remove_dir_all(&into);
    // As they are, and as rows with seals.
    for content in [bytes.to_vec(), file_with(bytes)] {
        if fs::write(&file, content).is_ok() {
            let _ = Galleries::salvage(&file, &into, Some("space"), &mut |_, _| {});
            let _ = fs::remove_dir_all(&into);
        }
    }
});
