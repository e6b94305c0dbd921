//! Blocks whose coefficients come in several scans (ITU-T T.81, annex G).

use super::damage::BAD_DATA;
use super::frame::{Frame, Scan};
use super::huffman::Bits;
use super::scan::{ReadBlock, ScanTables, State, mean};

/// The coefficients of a component, block by block, in zigzag order.
pub(super) struct Coefficients {
    /// Blocks a row.
    pub(super) columns: usize,
    // In one row: the system then gives zeros without writing them, and a file whose data end at
    // once takes no memory for what it lacks.
    values: Vec<i16>,
    /// For each coefficient the lowest bits that are missing.
    missing: [u32; 64],
}

impl Coefficients {
    /// Zeros for every component of a frame.
    pub(super) fn new(frame: &Frame) -> Vec<Self> {
        let component = |component| {
            let (columns, rows) = frame.blocks(component);
            Self { columns, values: vec![0; 64 * columns * rows], missing: [u32::MAX; 64] }
        };
        frame.components.iter().map(component).collect()
    }

    /// The coefficients of each block, in zigzag order, row by row.
    pub(super) fn blocks(&self) -> &[[i16; 64]] {
        self.values.as_chunks().0
    }

    /// Those of the block in column `x` and row `y`.
    fn block_mut(&mut self, x: usize, y: usize) -> &mut [i16; 64] {
        let start = 64 * (y * self.columns + x);
        self.values[start..].first_chunk_mut().expect("invariant: a block has 64 coefficients")
    }

    /// Whether a scan of these coefficients follows those before it: first their upper bits, then
    /// one more bit at a time.
    pub(super) fn is_followed_by(&self, scan: &Scan) -> bool {
        let expected = if scan.refined == 0 { u32::MAX } else { scan.refined };
        self.missing[scan.first..=scan.last].iter().all(|&missing| missing == expected)
    }

    /// Whether every coefficient was read to its last bit.
    pub(super) fn are_complete(&self) -> bool {
        self.missing == [0; 64]
    }
}

/// Reads the blocks of one scan into the coefficients of its components.
pub(super) struct Progressive<'a> {
    pub(super) scan: &'a Scan,
    pub(super) tables: ScanTables<'a>,
    pub(super) coefficients: &'a mut [Coefficients],
}

impl Progressive<'_> {
    /// Notes that the scan was read.
    pub(super) fn finish(self) {
        for component in &self.scan.components {
            let missing = &mut self.coefficients[component.index].missing;
            missing[self.scan.first..=self.scan.last].fill(self.scan.shift);
        }
    }
}

impl ReadBlock for Progressive<'_> {
    fn read(
        &mut self,
        bits: &mut Bits<'_>,
        state: &mut State,
        component: usize,
        x: usize,
        y: usize,
    ) -> Result<(), &'static str> {
        let plane = &mut self.coefficients[self.scan.components[component].index];
        let block = plane.block_mut(x, y);
        match (self.scan.first, self.scan.refined) {
            (0, 0) => {
                let mean = mean(bits, state, component, self.tables.dc(component)?)?;
                block[0] = (mean << self.scan.shift) as i16;
                Ok(())
            }
            (0, _) => {
                block[0] |= i16::from(bits.bit()) << self.scan.shift;
                Ok(())
            }
            (_, 0) => self.first_bits(bits, state, component, x, y),
            _ => self.next_bit(bits, state, component, x, y),
        }
    }
}

impl Progressive<'_> {
    /// The upper bits of coefficients (G.1.2.2).
    fn first_bits(
        &mut self,
        bits: &mut Bits<'_>,
        state: &mut State,
        component: usize,
        x: usize,
        y: usize,
    ) -> Result<(), &'static str> {
        if state.empty_blocks > 0 {
            state.empty_blocks -= 1;
            return Ok(());
        }
        let table = self.tables.ac(component)?;
        let plane = &mut self.coefficients[self.scan.components[component].index];
        let block = plane.block_mut(x, y);
        let mut at = self.scan.first;
        while at <= self.scan.last {
            let symbol = bits.symbol(table)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                at += run;
                let value = bits.signed(size);
                *block.get_mut(at).ok_or(BAD_DATA)? = (value << self.scan.shift) as i16;
                at += 1;
            } else if run == 15 {
                at += 16;
            } else {
                state.empty_blocks = (1 << run) + bits.number(run as u32) - 1;
                break;
            }
        }
        Ok(())
    }

    /// One more bit of coefficients (G.1.2.3).
    fn next_bit(
        &mut self,
        bits: &mut Bits<'_>,
        state: &mut State,
        component: usize,
        x: usize,
        y: usize,
    ) -> Result<(), &'static str> {
        let table = self.tables.ac(component)?;
        let plane = &mut self.coefficients[self.scan.components[component].index];
        let block = plane.block_mut(x, y);
        let bit = 1 << self.scan.shift;
        let mut at = self.scan.first;
        while at <= self.scan.last && state.empty_blocks == 0 {
            let symbol = bits.symbol(table)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 15);
            let value = match (size, run) {
                (0, 15) => 0,
                (0, _) => {
                    state.empty_blocks = (1 << run) + bits.number(run as u32);
                    break;
                }
                (1, _) if bits.bit() => bit,
                (1, _) => -bit,
                _ => return Err(BAD_DATA),
            };
            at = refine(bits, &mut block[..=self.scan.last], at, run, bit);
            if value != 0 {
                *block.get_mut(at).ok_or(BAD_DATA)? = value;
            }
            at += 1;
        }
        if state.empty_blocks > 0 {
            state.empty_blocks -= 1;
            refine(bits, &mut block[..=self.scan.last], at, usize::MAX, bit);
        }
        Ok(())
    }
}

/// Refines the coefficients from `at` on that are not 0, and passes over `zeros` that are; returns
/// the place of the next 0.
fn refine(bits: &mut Bits<'_>, block: &mut [i16], at: usize, mut zeros: usize, bit: i16) -> usize {
    for (place, value) in block.iter_mut().enumerate().skip(at) {
        if *value == 0 {
            if zeros == 0 {
                return place;
            }
            zeros -= 1;
        } else if bits.bit() && *value & bit == 0 {
            *value = value.wrapping_add(if *value > 0 { bit } else { -bit });
        }
    }
    block.len()
}
