//! Huffman codes and the bits of entropy-coded data (ITU-T T.81, annexes C and F).

use std::sync::OnceLock;

use super::bytes::next_marker;
use super::damage::{BAD_DATA, CUT};

/// Codes of at most this many bits are found by one look into a table.
const FAST_BITS: u32 = 9;

/// A Huffman table.
pub(super) struct Table {
    /// By the next `FAST_BITS` bits: length and symbol of the code; 0 when it is longer.
    fast: [u16; 1 << FAST_BITS],
    /// By length less one: the first code of a greater length, aligned to 16 bits.
    limits: [u32; 16],
    /// By length less one: what to add to a code to get the place of its symbol.
    offsets: [i32; 16],
    counts: [u8; 16],
    symbols: Vec<u8>,
    // Most scans that need steps use the standard tables, which keep them for all files.
    steps: OnceLock<Steps>,
    // Apart: one file may use a table for means that another uses for coefficients.
    mean_steps: OnceLock<Steps>,
}

impl Table {
    /// The table of codes of each length, by their counts, in the order of their symbols; `None`
    /// when there are no such codes.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            fast: [0; 1 << FAST_BITS],
            limits: [0; 16],
            offsets: [0; 16],
            counts: *counts,
            symbols: symbols.to_vec(),
            steps: OnceLock::new(),
            mean_steps: OnceLock::new(),
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

    /// Whether it is the table of these codes.
    pub(super) fn is_of(&self, counts: &[u8; 16], symbols: &[u8]) -> bool {
        self.counts == *counts && self.symbols == symbols
    }

    /// The steps of a table of coefficients behind the mean (AC) in a sequential scan.
    pub(super) fn steps(&self) -> &Steps {
        self.steps.get_or_init(|| Steps::new(|next| Step::find(self, next)))
    }

    /// The steps of a table of means (DC), each over one of them.
    pub(super) fn mean_steps(&self) -> &Steps {
        self.mean_steps.get_or_init(|| Steps::new(|next| Step::mean(self, next)))
    }

    fn add_fast(&mut self, code: u32, length: u32, symbol: u8) {
        if length <= FAST_BITS && code < 1 << length {
            let free = FAST_BITS - length;
            let start = (code << free) as usize;
            self.fast[start..start + (1 << free)].fill((length << 8) as u16 | u16::from(symbol));
        }
    }
}

/// Steps over several coefficients at once, by the next `STEP_BITS` bits. To know whether a scan is
/// whole, no value is needed.
pub(super) struct Steps(Box<[Step; 1 << STEP_BITS]>);

const STEP_BITS: u32 = 12;

/// Bits of the difference of two means.
pub(super) const MAX_MEAN_BITS: u32 = 11;

/// Some whole symbols with their values: their bits (0 when not even one fits), the places that
/// they take in a block, and in the lowest bit whether the block ends behind them.
#[derive(Clone, Copy, Default)]
pub(super) struct Step(u16);

impl Steps {
    /// By the next bits.
    fn new(step: impl Fn(u32) -> Step) -> Self {
        let mut steps = Box::new([Step::default(); 1 << STEP_BITS]);
        for (next, place) in (0..).zip(steps.iter_mut()) {
            *place = step(next);
        }
        Self(steps)
    }
}

impl Step {
    fn new(bits: u32, places: usize, ends: bool) -> Self {
        Self((bits << 8) as u16 | (places << 1) as u16 | u16::from(ends))
    }

    fn bits(self) -> u32 {
        u32::from(self.0 >> 8)
    }

    pub(super) fn places(self) -> usize {
        usize::from(self.0 >> 1 & 0x7F)
    }

    pub(super) fn ends(self) -> bool {
        self.0 & 1 == 1
    }

    /// None for a size that no mean has: reading its symbol is an error.
    fn mean(table: &Table, next: u32) -> Self {
        let entry = table.fast[(next >> (STEP_BITS - FAST_BITS)) as usize];
        let size = u32::from(entry & 0xFF);
        let bits = u32::from(entry >> 8) + size;
        if entry == 0 || size > MAX_MEAN_BITS || bits > STEP_BITS {
            return Self::default();
        }
        Self::new(bits, 1, false)
    }

    fn find(table: &Table, next: u32) -> Self {
        let mut bits = 0;
        let mut places = 0;
        loop {
            let rest = next << bits & ((1 << STEP_BITS) - 1);
            let entry = table.fast[(rest >> (STEP_BITS - FAST_BITS)) as usize];
            let run = usize::from(entry >> 4 & 15);
            let size = u32::from(entry & 15);
            let length = u32::from(entry >> 8) + size;
            if entry == 0 || bits + length > STEP_BITS || places + run >= 64 {
                return Self::new(bits, places, false);
            }
            bits += length;
            if size == 0 && run < 15 {
                return Self::new(bits, places, true);
            }
            places += run + 1;
        }
    }
}

/// The bits of a scan up to the next marker. Behind the last one come zeros; [`Self::is_overrun`]
/// is then true.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Where the data ends in `bytes`.
    end: usize,
    /// The data, in which a 0 follows every 0xFF, without these zeros.
    pub(super) data: Vec<u8>,
    pub(super) place: Place,
}

/// A place in data, and the bits from there on. Small, so that a loop keeps it in registers.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// The next byte that is not in `buffer`.
    at: usize,
    /// The next bits, from the highest one on. Behind those that are held may be others.
    buffer: u64,
    /// Bits in `buffer`.
    held: u32,
}

impl Place {
    /// The next step, if it takes at most `most` places of a block. Without one the next symbol
    /// must be read.
    // A block whose last place is taken has no symbol for its end.
    #[inline(always)]
    pub(super) fn step(&mut self, data: &[u8], steps: &Steps, most: usize) -> Option<Step> {
        // Not every time: the next step would wait for it.
        if self.held < STEP_BITS {
            self.refill(data);
        }
        let step = steps.0[(self.buffer >> (64 - STEP_BITS)) as usize];
        if step.bits() == 0 || step.places() + usize::from(step.ends()) > most {
            return None;
        }
        self.skip(step.bits());
        Some(step)
    }

    #[inline(always)]
    fn skip(&mut self, n: u32) {
        self.buffer <<= n;
        self.held -= n;
    }

    /// Holds at least 56 bits afterwards.
    // The bits of a byte that does not fit whole are read again the next time, to the same place.
    #[inline(always)]
    fn refill(&mut self, data: &[u8]) {
        let word = match data.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(&chunk) => u64::from_be_bytes(chunk),
            None => last_word(data, self.at),
        };
        self.buffer |= word >> self.held;
        let n = (63 - self.held) >> 3;
        self.at += n as usize;
        self.held += 8 * n;
    }
}

/// The last bytes of data, and zeros.
#[cold]
fn last_word(data: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    for (byte, &value) in word.iter_mut().zip(data.get(at..).unwrap_or_default()) {
        *byte = value;
    }
    u64::from_be_bytes(word)
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        let mut bits = Self { bytes, end: at, data: Vec::new(), place: Place::default() };
        bits.load(at);
        bits
    }

    /// Starts with the data at a place of the file.
    fn load(&mut self, at: usize) {
        self.data.clear();
        self.end = at;
        let file = self.bytes;
        while let Some(rest) = file.get(self.end..).filter(|rest| !rest.is_empty()) {
            let n = memchr::memchr(0xFF, rest).unwrap_or(rest.len());
            self.data.extend_from_slice(&rest[..n]);
            self.end += n;
            if rest.get(n + 1) != Some(&0) {
                break;
            }
            self.data.push(0xFF);
            self.end += 2;
        }
        self.place = Place::default();
    }

    /// Where to look for the next marker.
    pub(super) fn position(&self) -> usize {
        self.end
    }

    /// Whether more bits were taken than there are.
    pub(super) fn is_overrun(&self) -> bool {
        8 * self.place.at > 8 * self.data.len() + self.place.held as usize
    }

    /// The next symbol; at least 16 bits are held then.
    #[inline]
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, &'static str> {
        if self.place.held < 32 {
            self.place.refill(&self.data);
        }
        let entry = table.fast[(self.place.buffer >> (64 - FAST_BITS)) as usize];
        if entry == 0 {
            return self.long_symbol(table);
        }
        self.place.skip(u32::from(entry >> 8));
        Ok(entry as u8)
    }

    fn long_symbol(&mut self, table: &Table) -> Result<u8, &'static str> {
        let next = (self.place.buffer >> 48) as u32;
        let length = table.limits.iter().position(|&limit| next < limit).ok_or(BAD_DATA)?;
        let code = (next >> (15 - length)) as i32;
        let place = usize::try_from(code + table.offsets[length]).map_err(|_| BAD_DATA)?;
        self.place.skip(length as u32 + 1);
        table.symbols.get(place).copied().ok_or(BAD_DATA)
    }

    /// A number of `size` bits (at most 16) whose first half of values are negative.
    #[inline]
    pub(super) fn signed(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let value = (self.place.buffer >> (64 - size)) as i32;
        self.place.skip(size);
        if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
    }

    /// A number of `size` bits (at most 16).
    pub(super) fn number(&mut self, size: u32) -> u32 {
        if size == 0 {
            return 0;
        }
        if self.place.held < size {
            self.place.refill(&self.data);
        }
        let value = (self.place.buffer >> (64 - size)) as u32;
        self.place.skip(size);
        value
    }

    pub(super) fn bit(&mut self) -> bool {
        self.number(1) == 1
    }

    /// Goes behind the restart marker that comes next.
    pub(super) fn restart(&mut self) -> Result<(), &'static str> {
        let (marker, after) = next_marker(self.bytes, self.end).ok_or(CUT)?;
        if !matches!(marker, 0xD0..=0xD7) {
            return Err(CUT);
        }
        self.load(after);
        Ok(())
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
