//! Huffman codes and the bits of entropy-coded data (ITU-T T.81, annexes C and F).

use super::CUT;

/// A code that no table has, or a coefficient outside of its block.
pub(super) const BAD_DATA: &str = "its coded data makes no sense from some point on";

/// Codes of at most so many bits are found by one look into a table.
const FAST_BITS: u32 = 9;

/// A Huffman table.
#[derive(Clone)]
pub(super) struct Table {
    /// By the next `FAST_BITS` bits: length and symbol of the code; 0 when it is longer.
    fast: [u16; 1 << FAST_BITS],
    /// By length less one: the first code of a greater length, aligned to 16 bits.
    limits: [u32; 16],
    /// By length less one: what to add to a code to get the place of its symbol.
    offsets: [i32; 16],
    symbols: Vec<u8>,
}

impl Table {
    /// The table of so many codes of each length, in the order of their symbols; `None` when there
    /// are no such codes.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            fast: [0; 1 << FAST_BITS],
            limits: [0; 16],
            offsets: [0; 16],
            symbols: symbols.to_vec(),
        };
        let mut code = 0_u32;
        let mut place = 0_usize;
        for (length, &count) in (1..).zip(counts) {
            table.offsets[length as usize - 1] = place as i32 - code as i32;
            for &symbol in symbols.get(place..place + usize::from(count))? {
                table.add_fast(code, length, symbol);
                code += 1;
            }
            place += usize::from(count);
            if code > 1 << length {
                return None;
            }
            table.limits[length as usize - 1] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    fn add_fast(&mut self, code: u32, length: u32, symbol: u8) {
        if length <= FAST_BITS && code < 1 << length {
            let free = FAST_BITS - length;
            let start = (code << free) as usize;
            self.fast[start..start + (1 << free)].fill((length << 8) as u16 | u16::from(symbol));
        }
    }
}

/// The bits of a scan. Behind the last one come zeros; [`Self::is_overrun`] is then true.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte that is not in `buffer`. Never behind the next marker.
    at: usize,
    /// The next bits, from the highest one on.
    buffer: u64,
    /// Bits in `buffer`.
    held: u32,
    /// Zeros that were added behind the end.
    padding: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, held: 0, padding: 0 }
    }

    /// Where to look for the next marker.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Whether more bits were taken than there are.
    pub(super) fn is_overrun(&self) -> bool {
        self.padding > self.held
    }

    /// The next symbol; at least 16 bits are held then.
    #[inline]
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, &'static str> {
        self.refill();
        let entry = table.fast[(self.buffer >> (64 - FAST_BITS)) as usize];
        if entry == 0 {
            return self.long_symbol(table);
        }
        self.skip(u32::from(entry >> 8));
        Ok(entry as u8)
    }

    fn long_symbol(&mut self, table: &Table) -> Result<u8, &'static str> {
        let next = (self.buffer >> 48) as u32;
        let length = table.limits.iter().position(|&limit| next < limit).ok_or(BAD_DATA)?;
        let code = (next >> (15 - length)) as i32;
        let place = usize::try_from(code + table.offsets[length]).map_err(|_| BAD_DATA)?;
        self.skip(length as u32 + 1);
        table.symbols.get(place).copied().ok_or(BAD_DATA)
    }

    /// A number of `size` bits (at most 16) whose first half of values are negative.
    #[inline]
    pub(super) fn signed(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let value = (self.buffer >> (64 - size)) as i32;
        self.skip(size);
        if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
    }

    /// A number of `size` bits (at most 16).
    pub(super) fn number(&mut self, size: u32) -> u32 {
        if size == 0 {
            return 0;
        }
        self.refill();
        let value = (self.buffer >> (64 - size)) as u32;
        self.skip(size);
        value
    }

    pub(super) fn bit(&mut self) -> bool {
        self.number(1) == 1
    }

    /// Goes behind the restart marker that comes next.
    pub(super) fn restart(&mut self) -> Result<(), &'static str> {
        let (marker, after) = super::markers::next_marker(self.bytes, self.at).ok_or(CUT)?;
        if !matches!(marker, 0xD0..=0xD7) {
            return Err(CUT);
        }
        *self = Self::new(self.bytes, after);
        Ok(())
    }

    #[inline]
    fn skip(&mut self, n: u32) {
        self.buffer <<= n;
        self.held -= n;
    }

    /// Holds at least 32 bits afterwards.
    #[inline]
    fn refill(&mut self) {
        if self.held >= 32 {
            return;
        }
        // Four bytes at once when none of them is 0xFF, which may be a marker.
        if let Some(&chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<4>)
            && !chunk.contains(&0xFF)
        {
            self.buffer |= u64::from(u32::from_be_bytes(chunk)) << (32 - self.held);
            self.held += 32;
            self.at += 4;
        } else {
            self.refill_slowly();
        }
    }

    fn refill_slowly(&mut self) {
        while self.held <= 56 {
            let byte = self.next_byte().unwrap_or_else(|| {
                self.padding += 8;
                0
            });
            self.buffer |= u64::from(byte) << (56 - self.held);
            self.held += 8;
        }
    }

    /// The next byte of data; `None` at a marker or the end.
    fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if byte == 0xFF {
            // In data, 0xFF is followed by 0.
            if self.bytes.get(self.at + 1) != Some(&0) {
                return None;
            }
            self.at += 1;
        }
        self.at += 1;
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_every_length_are_found() {
        // One code of each length: 0, 10, 110, …; the last one has 16 bits.
        let symbols: Vec<u8> = (100..116).collect();
        let table = Table::new(&[1; 16], &symbols).unwrap();
        for length in 1..=16_u32 {
            let code = (0xFFFF_u32 << (17 - length)) as u16;
            let bytes: Vec<u8> = code.to_be_bytes().into_iter().collect();
            let stuffed: Vec<u8> = bytes
                .iter()
                .flat_map(|&byte| if byte == 0xFF { vec![byte, 0] } else { vec![byte] })
                .collect();
            let mut bits = Bits::new(&stuffed, 0);
            assert_eq!(bits.symbol(&table), Ok(99 + length as u8), "{length}");
            assert!(!bits.is_overrun());
        }
        assert_eq!(Bits::new(&[0xFF, 0, 0xFF, 0], 0).symbol(&table), Err(BAD_DATA));
    }

    #[test]
    fn impossible_tables_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::new(&counts, &[1, 2, 3]).is_none(), "three codes of one bit");
        counts[0] = 2;
        assert!(Table::new(&counts, &[1]).is_none(), "a symbol is missing");
    }

    #[test]
    fn bits_behind_the_end_are_noticed() {
        let mut bits = Bits::new(&[0b1010_0000, 0xFF, 0xD9], 0);
        assert_eq!(bits.number(8), 0b1010_0000);
        assert!(!bits.is_overrun());
        assert!(!bits.bit());
        assert!(bits.is_overrun());
    }
}
