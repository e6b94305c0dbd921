//! Numbers and sections, written to bytes and read from them. Reading never goes beyond the bytes,
//! and a count that they cannot hold is an error.

/// Appends a number in groups of seven bits, the lowest first.
pub(super) fn put(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends the length of bytes, then the bytes.
pub(super) fn put_section(out: &mut Vec<u8>, section: &[u8]) {
    put(out, section.len() as u32);
    out.extend_from_slice(section);
}

/// Bytes that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that are not read yet.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// A number that [`put`] wrote.
    pub(super) fn number(&mut self) -> Option<u32> {
        let mut number = 0_u32;
        // Five groups hold 32 bits: bytes without an end cannot keep the reader busy.
        for shift in (0..32).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u32::from(byte & 0x7F).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A length, and that many bytes.
    pub(super) fn section(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        self.take(length)
    }

    /// `count` numbers, each larger than the one before, stored as differences. No byte may follow.
    pub(super) fn ascending(mut self, count: usize) -> Option<Vec<u32>> {
        let mut last = None::<u32>;
        // Not reserved: `count` comes from the file, which may be shorter than it claims.
        let mut numbers = Vec::new();
        for _ in 0..count {
            let step = self.number()?;
            let next =
                last.map_or(Some(step), |last| last.checked_add(step).filter(|_| step > 0))?;
            numbers.push(next);
            last = Some(next);
        }
        self.0.is_empty().then_some(numbers)
    }

    /// Reads how many numbers follow, and appends them to `numbers`. Each must be below `limit`.
    pub(super) fn list(&mut self, limit: usize, numbers: &mut Vec<u32>) -> Option<()> {
        for _ in 0..self.number()? {
            numbers.push(self.number().filter(|&number| (number as usize) < limit)?);
        }
        Some(())
    }

    /// `count` floating-point numbers. No byte may follow.
    pub(super) fn floats(self, count: usize) -> Option<Vec<f32>> {
        let (chunks, rest) = self.0.as_chunks::<4>();
        let fits = chunks.len() == count && rest.is_empty();
        fits.then(|| chunks.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_survive() {
        for number in [0, 1, 127, 128, 300, 1 << 20, u32::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert_eq!(Reader::new(&bytes).number(), Some(number));
            assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).number(), None);
        }
        assert_eq!(Reader::new(&[0xFF; 6]).number(), None, "a number without an end");
    }

    #[test]
    fn counts_are_checked_before_use() {
        let list = |bytes| Reader::new(bytes).list(10, &mut Vec::new());
        assert_eq!(list(&[2, 1, 9]), Some(()));
        assert_eq!(list(&[0xFF, 0xFF, 0xFF, 0x7F, 1]), None);
        assert_eq!(list(&[2, 1, 10]), None);
        assert_eq!(Reader::new(&[1, 0]).ascending(2), None, "not ascending");
    }
}
