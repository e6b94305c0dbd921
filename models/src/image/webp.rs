//! A check of the chunks of a WebP file (RFC 9649).
//!
//! A size is stated in up to three places: for the canvas, for a frame of an animation, and in the
//! coded frame itself. The decoder allocates by the last and writes by the others. So the file is
//! checked first: every coded frame must have the size of what it fills, and every chunk must be
//! inside the file.

use super::error::CUT;

/// Width and height in pixels.
type Size = (u32, u32);

/// Width and height of the canvas, by the first chunk.
///
/// # Errors
/// What is wrong with the structure up to there.
pub(super) fn size(bytes: &[u8]) -> Result<Size, &'static str> {
    first_chunk(file(bytes)?).map(|(_, size, _)| size)
}

/// Whether the first chunk, if it is the image, can hold one of this size.
pub(super) fn holds(bytes: &[u8], size: Size) -> bool {
    file(bytes).and_then(first_chunk).is_ok_and(|(first, ..)| first.holds(size))
}

/// The part of `bytes` that is the file. Bytes after it are not checked, so the decoder must not
/// get them.
///
/// # Errors
/// What is wrong with its structure.
pub(super) fn checked_file(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let file = file(bytes)?;
    let (_, canvas, chunks) = first_chunk(file)?;
    for chunk in chunks {
        let chunk = chunk?;
        match &chunk.kind {
            b"ANMF" => check_animation_frame(chunk.data, canvas)?,
            _ => chunk.check_size(canvas)?,
        }
    }
    Ok(file)
}

/// The bytes that the header counts.
fn file(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let riff = number(bytes, 4, 4).ok_or(CUT)?;
    bytes.get(..(riff as usize).saturating_add(HEADER)).ok_or(CUT)
}

/// The first chunk, width and height of the canvas that it states, and the other chunks.
fn first_chunk(file: &[u8]) -> Result<(Chunk<'_>, Size, Chunks<'_>), &'static str> {
    let mut chunks = Chunks(file.get(12..).ok_or(CUT)?);
    let first = chunks.next().ok_or("it holds no image")??;
    let canvas = match &first.kind {
        b"VP8X" => size_minus_one(first.data, 4).ok_or(CUT)?,
        _ => first.coded_size()?.ok_or("it does not begin with an image")?,
    };
    Ok((first, canvas, chunks))
}

/// Bytes of a chunk's kind and length.
const HEADER: usize = 8;

/// A piece of a file.
struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
}

impl Chunk<'_> {
    /// The size in the header of a coded frame; `None` for other chunks.
    fn coded_size(&self) -> Result<Option<Size>, &'static str> {
        match &self.kind {
            b"VP8 " => lossy_size(self.data).ok_or("a lossy frame has no header").map(Some),
            b"VP8L" => lossless_size(self.data).ok_or("a lossless frame has no header").map(Some),
            _ => Ok(None),
        }
    }

    fn check_size(&self, expected: Size) -> Result<(), &'static str> {
        match self.coded_size()? {
            Some(got) if got != expected => Err("a frame has another size than the file says"),
            Some(_) if !self.holds(expected) => Err(CUT),
            _ => Ok(()),
        }
    }

    /// Whether the chunk, if it is a lossy frame, is long enough for this size. Each block of 16x16
    /// pixels takes more than one bit: its kind and that of its colors have fixed probabilities.
    // Lossless frames have no such bound: a symbol that is the only one takes no bits.
    fn holds(&self, (width, height): Size) -> bool {
        let n_blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
        &self.kind != b"VP8 " || 8 * (self.data.len() as u64) >= n_blocks
    }
}

/// The chunks in some bytes, one after another. Less than a header at the end is no chunk.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = number(self.0, 4, 4)? as usize;
        let (header, rest) = self.0.split_at(HEADER);
        let Some((data, rest)) = rest.split_at_checked(length) else {
            // The walk ends with the error: there is no next chunk to find.
            self.0 = &[];
            return Some(Err(CUT));
        };
        // A chunk of odd length is padded.
        self.0 = rest.get(length % 2..).unwrap_or_default();
        header.first_chunk().map(|&kind| Ok(Chunk { kind, data }))
    }
}

/// A frame of an animation: its place, its size, then one coded frame, perhaps after its
/// transparency.
fn check_animation_frame(data: &[u8], canvas: Size) -> Result<(), &'static str> {
    // Offsets are stored as half their value.
    let left = 2 * number(data, 0, 3).ok_or(CUT)?;
    let top = 2 * number(data, 3, 3).ok_or(CUT)?;
    let (width, height) = size_minus_one(data, 6).ok_or(CUT)?;
    if left + width > canvas.0 || top + height > canvas.1 {
        return Err("a frame lies outside of the image");
    }
    let chunks = Chunks(data.get(16..).ok_or(CUT)?).collect::<Result<Vec<_>, _>>()?;
    let kinds: Vec<&[u8; 4]> = chunks.iter().map(|chunk| &chunk.kind).collect();
    if !matches!(kinds[..], [b"VP8 " | b"VP8L", ..] | [b"ALPH", b"VP8 ", ..]) {
        return Err("a frame of the animation holds no image");
    }
    chunks.iter().try_for_each(|chunk| chunk.check_size((width, height)))
}

/// RFC 6386, section 9.1: three bytes whose lowest bit is 0, a signature, 14 bits a side.
fn lossy_size(data: &[u8]) -> Option<Size> {
    let is_key_frame = data.first()? & 1 == 0;
    // The two bits above a side only ask for scaling when the image is shown.
    let width = number(data, 6, 2)? & 0x3FFF;
    let height = number(data, 8, 2)? & 0x3FFF;
    let is_good = is_key_frame && data[3..6] == [0x9D, 0x01, 0x2A] && width > 0 && height > 0;
    is_good.then_some((width, height))
}

/// RFC 9649, section 3.4: a signature, then 14 bits a side, each one less than its value.
fn lossless_size(data: &[u8]) -> Option<Size> {
    let bits = number(data, 1, 4)?;
    (data[0] == 0x2F).then_some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
}

/// Two sides of three bytes each, each one less than its value.
fn size_minus_one(data: &[u8], at: usize) -> Option<Size> {
    Some((number(data, at, 3)? + 1, number(data, at + 3, 3)? + 1))
}

/// A number of `n` bytes, the lowest first.
fn number(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + n)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}
