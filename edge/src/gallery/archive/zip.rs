//! The bytes of a zip file around its entries (PKWARE's APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and
//! 4.3.14 to 4.3.16).
//!
//! All entries are stored, none is compressed, and every header has its sizes in 64-bit fields. So
//! a header has one form, and a reader compares it with the one that it would write: a link, a
//! compressed entry or a comment cannot be expressed.

/// Version 4.5, which has 64-bit fields.
const VERSION: u16 = 45;
/// The same, of a writer on Unix: the attributes below are those of a Unix file.
const MADE_BY: u16 = (3 << 8) | VERSION;
/// A regular file that its owner may write and everybody read.
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// The first of January 1980, the earliest date: equal galleries have equal files.
const DATE: u16 = (1 << 5) | 1;
/// In place of a 32-bit and a 16-bit field: the value is in a 64-bit field.
const IN_64_BITS: u32 = u32::MAX;
const IN_64_BITS_SHORT: u16 = u16::MAX;

/// The bytes of a local header and of a record of the directory without the name.
const LOCAL_BYTES: u64 = 50;
const RECORD_BYTES: u64 = 74;

/// The bytes at the end of the file.
pub(super) const END_BYTES: usize = 98;

/// Where the checksum stands in a local header.
const LOCAL_CRC: usize = 14;
/// The same in a record of the directory, and where the name begins there.
const RECORD_CRC: usize = 16;
const RECORD_NAME: usize = 46;

/// The header before the bytes of an entry.
pub(super) fn local(name: &str, size: u64, crc: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0x0403_4b50_u32.to_le_bytes());
    bytes.extend(common(name, crc, 20));
    bytes.extend(name.as_bytes());
    bytes.extend([1_u16, 16].map(u16::to_le_bytes).concat());
    bytes.extend([size, size].map(u64::to_le_bytes).concat());
    bytes
}

/// The record of an entry in the directory; `offset` is that of its local header.
pub(super) fn record(name: &str, size: u64, crc: u32, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0x0201_4b50_u32.to_le_bytes());
    bytes.extend(MADE_BY.to_le_bytes());
    bytes.extend(common(name, crc, 28));
    // No comment, on the first disk, no internal attributes.
    bytes.extend([0; 6]);
    bytes.extend([ATTRIBUTES, IN_64_BITS].map(u32::to_le_bytes).concat());
    bytes.extend(name.as_bytes());
    bytes.extend([1_u16, 24].map(u16::to_le_bytes).concat());
    bytes.extend([size, size, offset].map(u64::to_le_bytes).concat());
    bytes
}

/// From the version to the lengths of the name and of the 64-bit fields.
fn common(name: &str, crc: u32, extra: u16) -> Vec<u8> {
    let name = u16::try_from(name.len()).expect("invariant: names of entries are short");
    let mut bytes = Vec::new();
    // No flags, stored, midnight.
    bytes.extend([VERSION, 0, 0, 0, DATE].map(u16::to_le_bytes).concat());
    bytes.extend([crc, IN_64_BITS, IN_64_BITS].map(u32::to_le_bytes).concat());
    bytes.extend([name, extra].map(u16::to_le_bytes).concat());
    bytes
}

/// The length of [`local`].
pub(super) fn local_len(name: &str) -> u64 {
    LOCAL_BYTES + name.len() as u64
}

/// The length of [`record`].
pub(super) fn record_len(name: &str) -> u64 {
    RECORD_BYTES + name.len() as u64
}

/// The checksum in the bytes of a local header.
pub(super) fn local_crc(header: &[u8]) -> u32 {
    u32_at(header, LOCAL_CRC)
}

/// The size, the checksum and the offset in the bytes of a record for an entry of this name.
pub(super) fn record_fields(record: &[u8], name: &str) -> (u64, u32, u64) {
    let extra = RECORD_NAME + name.len();
    (u64_at(record, extra + 4), u32_at(record, RECORD_CRC), u64_at(record, extra + 20))
}

/// What the end of the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) entries: u64,
    /// Where the directory begins, and its length.
    pub(super) directory: u64,
    pub(super) directory_len: u64,
}

impl End {
    /// The [`END_BYTES`] at the end of the file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { entries, directory, directory_len } = *self;
        let mut bytes = Vec::new();
        bytes.extend(0x0606_4b50_u32.to_le_bytes());
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([MADE_BY, VERSION].map(u16::to_le_bytes).concat());
        bytes.extend([0; 8]);
        let fields = [entries, entries, directory_len, directory];
        bytes.extend(fields.map(u64::to_le_bytes).concat());
        bytes.extend([0x0706_4b50_u32, 0].map(u32::to_le_bytes).concat());
        bytes.extend(directory.saturating_add(directory_len).to_le_bytes());
        bytes.extend([1, 0x0605_4b50_u32, 0].map(u32::to_le_bytes).concat());
        bytes.extend([IN_64_BITS_SHORT; 2].map(u16::to_le_bytes).concat());
        bytes.extend([IN_64_BITS; 2].map(u32::to_le_bytes).concat());
        bytes.extend([0; 2]);
        bytes
    }

    /// `None` if these are not the bytes of such an end.
    pub(super) fn read(bytes: &[u8; END_BYTES]) -> Option<Self> {
        let directory_len = u64_at(bytes, 40);
        let end = Self { entries: u64_at(bytes, 32), directory: u64_at(bytes, 48), directory_len };
        (end.bytes() == bytes).then_some(end)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = bytes[at..at + 4].try_into().expect("invariant: four bytes");
    u32::from_le_bytes(field)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let field = bytes[at..at + 8].try_into().expect("invariant: eight bytes");
    u64::from_le_bytes(field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NAME: &str = "journal.jsonl";

    #[test]
    fn headers_have_their_stated_lengths_and_fields() {
        let header = local(NAME, 7, 0x1234_5678);
        assert_eq!((header.len() as u64, local_crc(&header)), (local_len(NAME), 0x1234_5678));
        let record = record(NAME, 7, 0x1234_5678, 99);
        assert_eq!(record.len() as u64, record_len(NAME));
        assert_eq!(record_fields(&record, NAME), (7, 0x1234_5678, 99));
    }

    #[test]
    fn an_end_is_read_as_it_is_written_and_nothing_else_is() {
        let end = End { entries: 3, directory: 1 << 40, directory_len: 300 };
        let bytes: [u8; END_BYTES] = end.bytes().try_into().unwrap();
        assert_eq!(End::read(&bytes), Some(end));
        for at in 0..END_BYTES {
            let mut flipped = bytes;
            flipped[at] ^= 1;
            assert_ne!(End::read(&flipped), Some(end), "byte {at}");
        }
        assert_eq!(End::read(&[0; END_BYTES]), None);
    }
}
