//! Markers and numbers in the bytes of a file.

/// The first marker at or after `from`, and where it ends.
// It also skips entropy-coded data, where a 0xFF that is no marker is followed by 0. Several 0xFF
// in a row only fill the space before a marker.
pub(super) fn next_marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let tail = bytes.get(from..)?;
    memchr::memchr_iter(0xFF, tail)
        .filter_map(|at| Some((*tail.get(at + 1)?, from + at + 2)))
        .find(|(marker, _)| !matches!(marker, 0 | 0xFF))
}

/// Where the entropy-coded data that begins at `from` ends, restart markers included: at the next
/// marker, or at the end of the file.
pub(super) fn data_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        match next_marker(bytes, at) {
            Some((0xD0..=0xD7, after)) => at = after,
            Some((_, after)) => return after - 2,
            None => return bytes.len(),
        }
    }
}

/// A number of two bytes, the highest first.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}
