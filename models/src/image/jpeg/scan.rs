//! The blocks of a scan, one after another (ITU-T T.81, annexes E, F and G).

use super::damage::{BAD_DATA, CUT};
use super::frame::{Frame, Scan};
use super::huffman::{Bits, MAX_MEAN_BITS, Steps, Table};
use super::markers::Tables;

/// Reads blocks of entropy-coded data.
pub(super) trait ReadBlock {
    /// Reads the block in column `x` and row `y` of a component, given by its place in the scan.
    ///
    /// # Errors
    /// What is wrong with the data.
    fn read(
        &mut self,
        bits: &mut Bits<'_>,
        state: &mut State,
        component: usize,
        x: usize,
        y: usize,
    ) -> Result<(), &'static str>;
}

/// What one block leaves for the next; a restart marker forgets it.
#[derive(Default)]
pub(super) struct State {
    /// The last mean of each component.
    pub(super) means: [i32; 4],
    /// Blocks that have no more coefficients in this scan.
    pub(super) empty_blocks: u32,
}

/// Reads every block of a scan whose data begins at `at`; returns where the data ends.
///
/// # Errors
/// What is wrong with the data; it must have every block.
pub(super) fn read_blocks(
    (bytes, at): (&[u8], usize),
    frame: &Frame,
    scan: &Scan,
    restart_interval: usize,
    reader: &mut impl ReadBlock,
) -> Result<usize, &'static str> {
    let mut bits = Bits::new(bytes, at);
    let mut state = State::default();
    let (columns, rows) = frame.scan_mcus(scan);
    let sizes: Vec<_> = (scan.components.iter())
        .map(|component| scan.mcu_blocks(&frame.components[component.index]))
        .collect();
    for mcu in 0..columns * rows {
        if restart_interval > 0 && mcu > 0 && mcu % restart_interval == 0 {
            bits.restart()?;
            state = State::default();
        }
        let (column, row) = (mcu % columns, mcu / columns);
        let mut result = Ok(());
        for (component, &(h, v)) in sizes.iter().enumerate() {
            for block in 0..h * v {
                let (x, y) = (column * h + block % h, row * v + block / h);
                result = result.and_then(|()| reader.read(&mut bits, &mut state, component, x, y));
            }
        }
        // What is read behind the end makes no sense either: the end is the reason.
        if bits.is_overrun() {
            return Err(CUT);
        }
        result?;
    }
    Ok(bits.position())
}

/// The Huffman tables of each component of a scan.
pub(super) struct ScanTables<'a>(Vec<(Option<&'a Table>, Option<&'a Table>)>);

impl<'a> ScanTables<'a> {
    pub(super) fn new(scan: &Scan, tables: &'a Tables) -> Self {
        let find = |component: &super::frame::ScanComponent| {
            (tables.dc[component.dc].as_deref(), tables.ac[component.ac].as_deref())
        };
        Self(scan.components.iter().map(find).collect())
    }

    pub(super) fn dc(&self, component: usize) -> Result<&'a Table, &'static str> {
        self.0[component].0.ok_or(NO_TABLE)
    }

    pub(super) fn ac(&self, component: usize) -> Result<&'a Table, &'static str> {
        self.0[component].1.ok_or(NO_TABLE)
    }
}

const NO_TABLE: &str = "a Huffman table is missing";

/// Reads blocks and keeps nothing: whether all of them are there.
pub(super) struct Check<'a> {
    /// For each component of the scan.
    tables: Vec<CheckTables<'a>>,
}

struct CheckTables<'a> {
    dc: &'a Table,
    dc_steps: &'a Steps,
    ac: &'a Table,
    ac_steps: &'a Steps,
}

impl<'a> Check<'a> {
    pub(super) fn new(scan: &Scan, tables: &'a Tables) -> Result<Self, &'static str> {
        let tables = ScanTables::new(scan, tables);
        let find = |component| -> Result<_, &'static str> {
            let dc = tables.dc(component)?;
            let ac = tables.ac(component)?;
            Ok(CheckTables { dc, dc_steps: dc.mean_steps(), ac, ac_steps: ac.steps() })
        };
        Ok(Self { tables: (0..scan.components.len()).map(find).collect::<Result<_, _>>()? })
    }
}

impl ReadBlock for Check<'_> {
    #[inline(always)]
    fn read(
        &mut self,
        bits: &mut Bits<'_>,
        _: &mut State,
        component: usize,
        _: usize,
        _: usize,
    ) -> Result<(), &'static str> {
        let tables = &self.tables[component];
        let mut place = bits.place;
        let step = place.step(&bits.data, tables.dc_steps, 1);
        bits.place = place;
        if step.is_none() {
            mean_difference(bits, tables.dc)?;
        }
        skip(bits, tables.ac, tables.ac_steps, 1)
    }
}

/// Passes over the coefficients of a block from place `at` on.
#[inline(always)]
fn skip(
    bits: &mut Bits<'_>,
    table: &Table,
    steps: &Steps,
    mut at: usize,
) -> Result<(), &'static str> {
    let mut place = bits.place;
    while at < 64 {
        if let Some(step) = place.step(&bits.data, steps, 64 - at) {
            at += step.places();
            if step.ends() {
                break;
            }
            continue;
        }
        bits.place = place;
        let next = coefficient(bits, table, at)?;
        place = bits.place;
        match next {
            Some((coefficient, _)) => at = coefficient + 1,
            None => break,
        }
    }
    bits.place = place;
    Ok(())
}

/// Reads a whole block of a sequential scan; `put` gets place in zigzag order and value of each
/// coefficient up to place `last` that is not 0.
#[inline(always)]
pub(super) fn sequential(
    bits: &mut Bits<'_>,
    state: &mut State,
    component: usize,
    tables: &ScanTables<'_>,
    last: usize,
    mut put: impl FnMut(usize, i32),
) -> Result<(), &'static str> {
    put(0, mean(bits, state, component, tables.dc(component)?)?);
    let table = tables.ac(component)?;
    let mut at = 1;
    while at <= last {
        let Some((place, value)) = coefficient(bits, table, at)? else {
            return Ok(());
        };
        if value != 0 && place <= last {
            put(place, value);
        }
        at = place + 1;
    }
    if at < 64 { skip(bits, table, table.steps(), at) } else { Ok(()) }
}

/// The next coefficient of a block from place `at` on, and its place; `None` at the end of the
/// block. Sixteen zeros give the last of them.
#[inline]
fn coefficient(
    bits: &mut Bits<'_>,
    table: &Table,
    at: usize,
) -> Result<Option<(usize, i32)>, &'static str> {
    let symbol = bits.symbol(table)?;
    let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
    if size == 0 && run < 15 {
        return Ok(None);
    }
    let place = at + run;
    if size > 0 && place > 63 {
        return Err(BAD_DATA);
    }
    Ok(Some((place, bits.signed(size))))
}

/// The mean of a block, which is stored as the difference to that of the block before.
#[inline]
pub(super) fn mean(
    bits: &mut Bits<'_>,
    state: &mut State,
    component: usize,
    table: &Table,
) -> Result<i32, &'static str> {
    let mean = state.means[component].wrapping_add(mean_difference(bits, table)?);
    state.means[component] = mean;
    Ok(mean)
}

#[inline(always)]
fn mean_difference(bits: &mut Bits<'_>, table: &Table) -> Result<i32, &'static str> {
    let size = u32::from(bits.symbol(table)?);
    if size > MAX_MEAN_BITS {
        return Err(BAD_DATA);
    }
    Ok(bits.signed(size))
}
