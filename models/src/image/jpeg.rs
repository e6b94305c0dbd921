//! JPEG files (ITU-T T.81): Huffman-coded, 8 bits a sample, sequential or progressive.
//!
//! Decoders fill what is missing with gray, and read unusual structures wrongly without an error.
//! So the file is also read here: every block must be in it. What cameras and most programs write,
//! one scan of the usual components, is decoded by a fast decoder. Everything else (progressive
//! images, several scans, unusual sampling, other colors, images at reduced size) is decoded here.
//!
//! A missing end marker, or other bytes in its place, are no damage.

mod bytes;
mod damage;
mod frame;
mod huffman;
mod markers;
mod planes;
mod progressive;
mod scan;
mod standard_tables;

use std::borrow::Cow;
use std::panic::resume_unwind;
use std::thread;

use image::metadata::Orientation;
use memchr::memmem;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::crop::{Crop, Size};
use super::error::ImageError;
use super::guard::decoding;
use super::limits::{BYTES_PER_PIXEL, Detail, ImageLimits, MAX_SCRATCH, MAX_SIDE};
use super::size::ImageSize;
use damage::{CUT, damaged};
use frame::{Frame, Scan};
use markers::{MAX_SCANS, Markers};
use planes::{Color, InverseDct, Plane};
use progressive::{Coefficients, Progressive};
use scan::{Check, ReadBlock, ScanTables, read_blocks};

/// The pixels of a file, as they are stored.
pub(super) struct Pixels {
    pub(super) width: usize,
    pub(super) height: usize,
    /// RGB, a byte a channel.
    pub(super) rgb: Vec<u8>,
    /// How to turn them upright.
    pub(super) orientation: Orientation,
    /// Width and height of the upright image at full size.
    pub(super) upright: Size,
}

/// The size of a file, by its frame header.
pub(super) fn inspect(
    bytes: &[u8],
    limits: &ImageLimits,
    detail: Detail,
    crop: Option<Crop>,
) -> Result<ImageSize, ImageError> {
    let (frame, position) = Markers::without_tables(bytes).frame_only()?;
    let orientation = match crop {
        Some(_) => Markers::without_tables(bytes).orientation_only()?,
        // It has no effect on the sides of the whole image.
        None => Orientation::NoTransforms,
    };
    let shorter = frame.shorter_side(orientation, crop)?;
    let side = block_side(&frame, limits, detail, shorter)?;
    check_length(&frame, bytes.len() - position)?;
    let decoded_pixels = pixels(&frame, side);
    let cost = decoded_pixels + walk_cost(&frame, side, count_scans(&frame, bytes));
    Ok(ImageSize { width: frame.width, height: frame.height, decoded_pixels, cost })
}

/// Decodes a file. An image of more pixels than allowed is decoded at a half or a quarter of its
/// size if that fits, one of more detail than needed, in the part that is used, at down to an
/// eighth.
pub(super) fn decode(
    bytes: &[u8],
    limits: &ImageLimits,
    detail: Detail,
    crop: Option<Crop>,
) -> Result<Pixels, ImageError> {
    let mut markers = Markers::new(bytes);
    let scan = markers.next_scan()?.ok_or_else(|| damaged(CUT))?;
    let orientation = markers.orientation;
    let frame = markers.frame.clone().expect("invariant: a scan follows a frame");
    let side = block_side(&frame, limits, detail, frame.shorter_side(orientation, crop)?)?;
    check_length(&frame, bytes.len() - markers.position())?;
    let is_usual = side == 8 && is_usual(&frame, &scan, &markers);
    let (width, height, rgb) = if is_usual {
        (frame.width, frame.height, decode_usual(bytes, &frame, &scan, &markers)?)
    } else {
        decode_any(bytes, &frame, scan, &mut markers, side)?
    };
    Ok(Pixels { width, height, rgb, orientation, upright: frame.upright(orientation) })
}

/// The work of reading the coded data, in pixels, beside that of making pixels: measured against
/// decoding all of a sequential image. Each scan of a progressive one reads all blocks.
fn walk_cost(frame: &Frame, side: usize, n_scans: u64) -> u64 {
    if frame.is_progressive {
        return pixels(frame, 8) * n_scans.div_ceil(USUAL_SCANS);
    }
    if side == 8 { 0 } else { pixels(frame, 8) / 3 }
}

/// The scans that programs write for a progressive image.
const USUAL_SCANS: u64 = 10;

/// Counts the scans that are read of an image with this frame; one too many for a thumbnail.
fn count_scans(frame: &Frame, bytes: &[u8]) -> u64 {
    if !frame.is_progressive {
        return 1;
    }
    // In coded data, FF is followed by 0.
    memmem::find_iter(bytes, START_OF_SCAN).take(MAX_SCANS).count() as u64
}

/// The marker of a scan.
const START_OF_SCAN: &[u8] = &[0xFF, 0xDA];

/// The side of decoded blocks that the needed detail takes, or the largest smaller one with which
/// the image stays within the limits. `shorter` is the shorter side of what is used of it.
// Half of a sequential image takes as long as the fast decoder takes for all of it.
fn block_side(
    frame: &Frame,
    limits: &ImageLimits,
    detail: Detail,
    shorter: usize,
) -> Result<usize, ImageError> {
    let needed = match detail {
        Detail::Full => 8,
        Detail::ShorterSide(pixels) => {
            let mut sides = [1, 2, 4].into_iter().filter(|&side| side < 4 || frame.is_progressive);
            sides.find(|&side| scaled(shorter, side) >= pixels).unwrap_or(8)
        }
    };
    let budget = limits.max_pixels.saturating_mul(BYTES_PER_PIXEL).saturating_add(MAX_SCRATCH);
    let coefficients = if frame.is_progressive { 2 * frame.n_samples() as u64 } else { 0 };
    let fits = |&side: &usize| {
        let pixels = pixels(frame, side);
        let samples = (frame.n_samples() * side * side / 64) as u64;
        // The coefficients are freed before the pixels are made.
        pixels <= limits.max_pixels && samples + coefficients.max(3 * pixels) <= budget
    };
    let is_short = frame.width.max(frame.height) <= MAX_SIDE as usize;
    // An eighth is too coarse unless it is known to suffice.
    let sides = [8, 4, 2, 1].into_iter();
    let mut sides = sides.filter(|&side| side == needed || (1 < side && side < needed));
    sides.find(fits).filter(|_| is_short).ok_or(ImageError::TooManyPixels {
        width: frame.width as u32,
        height: frame.height as u32,
        limit: limits.max_pixels,
    })
}

/// Checks that this number of bytes can hold the blocks of all scans. A block has a mean, whose
/// code has at least one bit, and the code of its end; that one stands for many blocks in a
/// progressive image.
fn check_length(frame: &Frame, bytes: usize) -> Result<(), ImageError> {
    let bits_each = if frame.is_progressive { 1 } else { 2 };
    if 8 * bytes < bits_each * frame.n_blocks() { Err(damaged(CUT)) } else { Ok(()) }
}

/// Pixels of the image, with blocks of `side` samples.
fn pixels(frame: &Frame, side: usize) -> u64 {
    scaled(frame.width, side) as u64 * scaled(frame.height, side) as u64
}

fn scaled(length: usize, side: usize) -> usize {
    (length * side).div_ceil(8)
}

/// Whether the fast decoder is known to read such a file rightly.
fn is_usual(frame: &Frame, scan: &Scan, markers: &Markers<'_>) -> bool {
    let factors: Vec<_> = frame.components.iter().map(|c| (c.h, c.v)).collect();
    let is_usual_sampling =
        matches!(factors[..], [(1, 1)] | [(1, 1) | (2, 1) | (1, 2) | (2, 2), (1, 1), (1, 1)]);
    let is_one_scan = scan.components.iter().map(|c| c.index).eq(0..frame.components.len());
    // Where the fast decoder has other rules for colors, or none for a height that comes late.
    let is_rgb = frame.components.iter().map(|component| component.id).eq(*b"RGB");
    let is_usual_color = matches!(markers.adobe, None | Some(1)) && !is_rgb;
    let is_usual_header = is_usual_color && !markers.is_height_late;
    !frame.is_progressive && is_usual_sampling && is_one_scan && is_usual_header
}

fn decode_usual(
    bytes: &[u8],
    frame: &Frame,
    scan: &Scan,
    markers: &Markers<'_>,
) -> Result<Vec<u8>, ImageError> {
    let whole = completed(bytes, markers);
    if frame.width * frame.height > MOST_AT_ONCE {
        check(bytes, frame, scan, markers)?;
        return decode_fast(&whole, frame);
    }
    // At the same time: to read all blocks takes a quarter of the time of the decoder. Not in a
    // pool of threads: they may be busy for seconds, and the image would wait. The new thread also
    // has the priority of this one.
    thread::scope(|scope| {
        let checking = thread::Builder::new()
            .spawn_scoped(scope, || decoding(|| check(bytes, frame, scan, markers)));
        let Ok(checking) = checking else {
            check(bytes, frame, scan, markers)?;
            return decode_fast(&whole, frame);
        };
        let decoded = decode_fast(&whole, frame);
        let checked = checking.join().unwrap_or_else(|panic| resume_unwind(panic));
        checked.and(decoded)
    })
}

/// The most pixels of an image that is decoded while it is checked. A larger one is checked first:
/// if it is damaged, the time and the memory of its pixels are saved.
const MOST_AT_ONCE: usize = 2_000_000;

/// Checks that every block is in the file.
fn check(
    bytes: &[u8],
    frame: &Frame,
    scan: &Scan,
    markers: &Markers<'_>,
) -> Result<(), ImageError> {
    let mut check = Check::new(scan, &markers.tables).map_err(damaged)?;
    read(bytes, frame, scan, markers, &mut check).map(drop)
}

/// A file of one scan with what the fast decoder needs: Huffman tables, and an end marker behind
/// the data.
fn completed<'a>(bytes: &'a [u8], markers: &Markers<'_>) -> Cow<'a, [u8]> {
    let end = bytes::data_end(bytes, markers.position());
    if markers.tables.are_own && bytes[end..].starts_with(&END) {
        return Cow::Borrowed(bytes);
    }
    let tables = if markers.tables.are_own { Vec::new() } else { standard_tables::segment() };
    Cow::Owned([&bytes[..2], &tables[..], &bytes[2..end], &END[..]].concat())
}

fn decode_fast(bytes: &[u8], frame: &Frame) -> Result<Vec<u8>, ImageError> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let rgb = JpegDecoder::new_with_options(ZCursor::new(bytes), options)
        .decode()
        .map_err(|error| damaged(&error.to_string()))?;
    if rgb.len() != 3 * frame.width * frame.height {
        return Err(damaged("it decodes to another size than its header says"));
    }
    Ok(rgb)
}

/// The end marker.
const END: [u8; 2] = [0xFF, 0xD9];

fn decode_any(
    bytes: &[u8],
    frame: &Frame,
    first: Scan,
    markers: &mut Markers<'_>,
    side: usize,
) -> Result<(usize, usize, Vec<u8>), ImageError> {
    let color = color(frame, markers);
    let dct = InverseDct::new(side);
    let planes = if frame.is_progressive {
        read_progressive(bytes, frame, first, markers, &dct)?
    } else {
        read_sequential(bytes, frame, first, markers, &dct)?
    };
    let (width, height) = (scaled(frame.width, side), scaled(frame.height, side));
    Ok((width, height, planes::to_rgb(&planes, width, height, color)))
}

/// What the components are, by the rules of libjpeg.
fn color(frame: &Frame, markers: &Markers<'_>) -> Color {
    let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
    match (ids.len(), markers.adobe) {
        (1, _) => Color::Gray,
        (3, _) if markers.is_jfif => Color::YCbCr,
        (3, Some(0)) => Color::Rgb,
        (3, None) if ids == *b"RGB" => Color::Rgb,
        (3, _) => Color::YCbCr,
        (_, None) => Color::PlainCmyk,
        (_, Some(0)) => Color::Cmyk,
        _ => Color::Ycck,
    }
}

fn read_sequential(
    bytes: &[u8],
    frame: &Frame,
    first: Scan,
    markers: &mut Markers<'_>,
    dct: &InverseDct,
) -> Result<Vec<Plane>, ImageError> {
    let mut planes: Vec<Plane> =
        frame.components.iter().map(|c| Plane::new(frame, c, dct.side)).collect();
    let mut is_read = vec![false; planes.len()];
    let mut scan = first;
    loop {
        let tables = ScanTables::new(&scan, &markers.tables);
        let quantization = scan
            .components
            .iter()
            .map(|c| quantization(frame, c.index, markers))
            .collect::<Result<_, _>>()?;
        let mut reader = Sequential { scan: &scan, tables, quantization, dct, planes: &mut planes };
        let end = read(bytes, frame, &scan, markers, &mut reader)?;
        scan.components.iter().for_each(|component| is_read[component.index] = true);
        if is_read.iter().all(|&is_read| is_read) {
            return Ok(planes);
        }
        markers.skip_to(end);
        scan = markers.next_scan()?.ok_or_else(|| damaged(CUT))?;
    }
}

/// Reads blocks, each of them whole, and makes samples of them.
struct Sequential<'a> {
    scan: &'a Scan,
    tables: ScanTables<'a>,
    /// For each component of the scan.
    quantization: Vec<[f32; 64]>,
    dct: &'a InverseDct,
    planes: &'a mut [Plane],
}

impl ReadBlock for Sequential<'_> {
    fn read(
        &mut self,
        bits: &mut huffman::Bits<'_>,
        state: &mut scan::State,
        component: usize,
        x: usize,
        y: usize,
    ) -> Result<(), &'static str> {
        let mut block = [0.0; 64];
        let quantization = &self.quantization[component];
        let last = self.dct.last_coefficient();
        scan::sequential(bits, state, component, &self.tables, last, |at, value| {
            block[usize::from(ZIGZAG[at])] = value as f32 * quantization[at];
        })?;
        self.planes[self.scan.components[component].index].put(x, y, self.dct, &block);
        Ok(())
    }
}

fn read_progressive(
    bytes: &[u8],
    frame: &Frame,
    first: Scan,
    markers: &mut Markers<'_>,
    dct: &InverseDct,
) -> Result<Vec<Plane>, ImageError> {
    let mut coefficients = Coefficients::new(frame);
    let mut quantizations = vec![None; coefficients.len()];
    let mut scan = first;
    loop {
        for component in &scan.components {
            // The table counts that was defined when the component began.
            if quantizations[component.index].is_none() {
                quantizations[component.index] =
                    Some(quantization(frame, component.index, markers)?);
            }
            // Otherwise bits would be missing in silence, and a small file could take long.
            if !coefficients[component.index].is_followed_by(&scan) {
                return Err(damaged("a scan does not continue the scans before it"));
            }
        }
        let tables = ScanTables::new(&scan, &markers.tables);
        let mut reader = Progressive { scan: &scan, tables, coefficients: &mut coefficients };
        let end = read(bytes, frame, &scan, markers, &mut reader)?;
        reader.finish();
        if coefficients.iter().all(Coefficients::are_complete) {
            break;
        }
        markers.skip_to(end);
        scan = markers.next_scan()?.ok_or_else(|| damaged(CUT))?;
    }
    let components = frame.components.iter().zip(coefficients).zip(quantizations.iter().flatten());
    Ok(components
        .map(|((component, coefficients), quantization)| {
            let mut plane = Plane::new(frame, component, dct.side);
            for (at, block) in coefficients.blocks().iter().enumerate() {
                let (x, y) = (at % coefficients.columns, at / coefficients.columns);
                plane.put(x, y, dct, &dequantized(block, quantization));
            }
            plane
        })
        .collect())
}

fn dequantized(block: &[i16; 64], quantization: &[f32; 64]) -> [f32; 64] {
    let mut natural = [0.0; 64];
    for ((&value, factor), &at) in block.iter().zip(quantization).zip(&ZIGZAG) {
        natural[usize::from(at)] = f32::from(value) * factor;
    }
    natural
}

/// The quantization of a component, in zigzag order.
fn quantization(
    frame: &Frame,
    component: usize,
    markers: &Markers<'_>,
) -> Result<[f32; 64], ImageError> {
    let table = markers.tables.quantization[frame.components[component].quantization];
    table
        .map(|table| table.map(f32::from))
        .ok_or_else(|| damaged("a quantization table is missing"))
}

/// Reads all blocks of a scan; returns where it ends.
fn read(
    bytes: &[u8],
    frame: &Frame,
    scan: &Scan,
    markers: &Markers<'_>,
    reader: &mut impl ReadBlock,
) -> Result<usize, ImageError> {
    let data = (bytes, markers.position());
    read_blocks(data, frame, scan, markers.tables.restart_interval, reader).map_err(damaged)
}

/// By place in zigzag order: place in a block, row by row.
#[rustfmt::skip]
const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
