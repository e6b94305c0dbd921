//! Files that claim more pixels than their bytes can hold, and the shortest files that are whole.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::ImageFormat;
use models::image::{Detail, ImageError, ImageLimits, decode, inspect};

use crate::draw;

const SIDE: u16 = 6300;
const PIXELS: usize = SIDE as usize * SIDE as usize;

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&[0xFF, marker], &length[..], data].concat()
}

/// A gray JPEG in which each code has one bit, all of them 0. `scans` has the number of zero bytes
/// of each scan.
fn jpeg_of_zeros(side: u16, is_progressive: bool, scans: &[usize]) -> Vec<u8> {
    let size = [side.to_be_bytes(), side.to_be_bytes()].concat();
    let one_code =
        |class: u8, symbol: u8| segment(0xC4, &[&[class, 1], &[0; 15][..], &[symbol]].concat());
    // The end of a block, or of a run of 2^14 blocks and more, by 14 further bits.
    let end = if is_progressive { 0xE0 } else { 0 };
    let frame = if is_progressive { 0xC2 } else { 0xC0 };
    let mut bytes = [
        vec![0xFF, 0xD8],
        segment(0xDB, &[&[0], &[1; 64][..]].concat()),
        one_code(0, 0),
        one_code(0x10, end),
        segment(frame, &[&[8], &size[..], &[1, 1, 0x11, 0]].concat()),
    ]
    .concat();
    for (i, &length) in scans.iter().enumerate() {
        let band = match (is_progressive, i) {
            (false, _) => [0, 63],
            (true, 0) => [0, 0],
            (true, _) => [1, 63],
        };
        bytes.extend(segment(0xDA, &[1, 1, 0, band[0], band[1], 0]));
        bytes.extend(vec![0; length]);
    }
    bytes.extend([0xFF, 0xD9]);
    bytes
}

fn zlib_of_zeros(length: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; length]).unwrap();
    encoder.finish().unwrap()
}

fn black_png() -> Vec<u8> {
    let side = u32::from(SIDE).to_be_bytes();
    let header = draw::png_chunk(b"IHDR", &[&side[..], &side, &[8, 0, 0, 0, 0]].concat());
    let data = draw::png_chunk(b"IDAT", &zlib_of_zeros(PIXELS + usize::from(SIDE)));
    [draw::PNG_SIGNATURE.to_vec(), header, data, draw::png_chunk(b"IEND", &[])].concat()
}

/// A gray TIFF of one strip.
fn tiff_of(compression: u32, data: &[u8]) -> Vec<u8> {
    let side = u32::from(SIDE);
    let strip = [(278, side), (279, data.len() as u32)];
    let tags = [&[(256, side), (257, side), (259, compression)], &strip[..]].concat();
    let mut bytes = draw::gray_tiff(&tags);
    bytes.truncate(400);
    bytes.extend(data);
    bytes
}

fn flat(format: ImageFormat) -> Vec<u8> {
    draw::encode(draw::flat(1500, 1500, [9, 90, 200]), format)
}

fn check_whole(bytes: &[u8]) {
    let limits = ImageLimits::default();
    let size = inspect(bytes, &limits, Detail::Full).unwrap();
    let image = decode(bytes, &limits, Detail::Full).unwrap();
    assert_eq!((image.width, image.height), (size.width, size.height));
}

fn check_refused(bytes: &[u8], name: &str) {
    let limits = ImageLimits::default();
    let error = inspect(bytes, &limits, Detail::Full).unwrap_err();
    let is_cut =
        matches!(&error, ImageError::Broken { reason, .. } if reason.contains("ends before"));
    assert!(is_cut, "{name}: {error}");
    assert_eq!(decode(bytes, &limits, Detail::Full).unwrap_err(), error, "{name}");
}

#[test]
fn the_shortest_whole_files_are_read() {
    check_whole(&jpeg_of_zeros(512, false, &[1024]));
    check_whole(&jpeg_of_zeros(512, true, &[512, 2]));
    check_whole(&black_png());
    check_whole(&tiff_of(8, &zlib_of_zeros(PIXELS)));
    for format in [ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Jpeg] {
        check_whole(&flat(format));
    }
}

#[test]
fn files_that_cannot_hold_their_pixels_are_refused_by_their_length() {
    // A scan takes at least a bit for each mean, a sequential one another for each end of a block.
    check_refused(&jpeg_of_zeros(512, false, &[1000]), "sequential JPEG");
    check_refused(&jpeg_of_zeros(512, true, &[480, 2]), "progressive JPEG");
    check_refused(&jpeg_of_zeros(SIDE, true, &[20]), "progressive JPEG of 40 megapixels");
    check_refused(&black_png()[..30_000], "PNG");
    for compression in [1, 5, 8, 32_773] {
        check_refused(&tiff_of(compression, &[0; 30]), &format!("TIFF {compression}"));
    }
    let bmp = flat(ImageFormat::Bmp);
    check_refused(&bmp[..bmp.len() - 1], "BMP");
    check_refused(&flat(ImageFormat::Gif)[..600], "GIF");
}

#[test]
fn a_short_scan_costs_nothing_however_long_the_file() {
    // Bytes behind the end make the file long enough.
    let cut = [jpeg_of_zeros(4000, true, &[20]), vec![0; 1 << 20]].concat();
    let whole = jpeg_of_zeros(4000, true, &[31_250, 30]);
    let limits = ImageLimits::default();
    assert!(inspect(&cut, &limits, Detail::Full).is_ok());
    assert!(decode(&cut, &limits, Detail::Full).unwrap_err().to_string().contains("ends before"));
    assert!(decode(&whole, &limits, Detail::Full).is_ok());
    let ratio = fastest(&whole).as_secs_f64() / fastest(&cut).as_secs_f64();
    println!("a whole file takes {ratio:.0} times as long as a short one");
    assert!(ratio > 15.0, "only {ratio:.1} times");
}

fn fastest(bytes: &[u8]) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        let _ = std::hint::black_box(decode(bytes, &ImageLimits::default(), Detail::Full));
        start.elapsed()
    };
    (0..3).map(timed).min().unwrap()
}
