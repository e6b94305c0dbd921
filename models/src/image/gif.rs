//! A check of the blocks of a GIF file (GIF89a).
//!
//! Its first frame is decoded. It must lie inside of the canvas, by which memory is counted, and be
//! whole.

use super::error::CUT;
use super::expansion::lzw_holds;

/// More blocks than this before the first frame are an attack: a comment of 25 MB has as many.
const MAX_BLOCKS: usize = 100_000;

/// Width and height of the canvas, as the header states them.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), &'static str> {
    Ok((u16_at(bytes, 6).ok_or(CUT)?, u16_at(bytes, 8).ok_or(CUT)?))
}

/// Whether the bytes behind the header of the first frame can hold its pixels.
///
/// # Errors
/// What is wrong with the structure up to there.
pub(super) fn holds_first_frame(bytes: &[u8]) -> Result<bool, &'static str> {
    let mut at = 13 + table_bytes(*bytes.get(10).ok_or(CUT)?);
    let mut n_blocks = 0;
    while bytes.get(at) == Some(&0x21) {
        at += 2;
        while let Some(&length @ 1..) = bytes.get(at) {
            at += 1 + usize::from(length);
            n_blocks += 1;
            if n_blocks > MAX_BLOCKS {
                return Err("it has more than 100,000 blocks before its first frame");
            }
        }
        at += 1;
    }
    if bytes.get(at) != Some(&0x2C) {
        // No frame is here, which is another fault.
        return Ok(true);
    }
    let width = u16_at(bytes, at + 5).ok_or(CUT)?;
    let height = u16_at(bytes, at + 7).ok_or(CUT)?;
    let flags = *bytes.get(at + 9).ok_or(CUT)?;
    let coded = bytes.len().saturating_sub(at + 11 + table_bytes(flags)) as u64;
    Ok(lzw_holds(coded, u64::from(width) * u64::from(height)))
}

/// Reads the blocks up to the second frame; whether there is one.
///
/// # Errors
/// What is wrong with the structure up to the first frame.
pub(super) fn inspect(bytes: &[u8]) -> Result<bool, &'static str> {
    let (width, height) = size(bytes)?;
    let flags = *bytes.get(10).ok_or(CUT)?;
    let mut at = 13 + table_bytes(flags);
    let mut n_frames = 0;
    while n_frames < 2 {
        match bytes.get(at) {
            Some(0x21) => at = after_blocks(bytes, at + 2).ok_or(CUT)?,
            Some(0x2C) => {
                if n_frames == 0 {
                    check_inside(bytes, at, width, height)?;
                }
                let flags = *bytes.get(at + 9).ok_or(CUT)?;
                // Behind the table of colors: the size of codes, then the codes.
                match after_blocks(bytes, at + 11 + table_bytes(flags)) {
                    Some(after) => at = after,
                    // A second frame that is cut does not harm the first.
                    None if n_frames > 0 => {}
                    None => return Err(CUT),
                }
                n_frames += 1;
            }
            _ if n_frames > 0 => break,
            Some(0x3B) => return Err("it holds no image"),
            Some(_) => return Err("one of its blocks makes no sense"),
            None => return Err(CUT),
        }
    }
    Ok(n_frames > 1)
}

fn check_inside(bytes: &[u8], at: usize, width: u32, height: u32) -> Result<(), &'static str> {
    let right = u16_at(bytes, at + 1).ok_or(CUT)? + u16_at(bytes, at + 5).ok_or(CUT)?;
    let bottom = u16_at(bytes, at + 3).ok_or(CUT)? + u16_at(bytes, at + 7).ok_or(CUT)?;
    if right > width || bottom > height {
        return Err("its first frame lies outside of the image");
    }
    Ok(())
}

/// Bytes of a table of colors, by the flags before it.
fn table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 6 << (flags & 7) }
}

/// Where a chain of blocks ends; each has its length before it, and the last one has none.
fn after_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&pair| u16::from_le_bytes(pair).into())
}
