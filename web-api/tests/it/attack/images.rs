//! Images that cost much more to decode than to send.

use image::RgbImage;

use crate::draw;

/// 40 megapixels, just within the limit, in some ten kilobytes.
pub(crate) fn large_webp() -> Vec<u8> {
    draw::webp(&draw::flat(8000, 5000, [120, 90, 60]))
}

/// The same in a format without a network's usual decoder at reduced size.
pub(crate) fn large_png() -> Vec<u8> {
    draw::png(image::GrayImage::new(8000, 5000))
}

/// Just below the 2 megapixels that count as a small image.
pub(crate) fn medium_webp() -> Vec<u8> {
    draw::webp(&draw::gradient(1580, 1200))
}

/// A JPEG whose head promises 6300 x 6300 pixels and whose data end at once.
pub(crate) fn hollow_jpeg() -> Vec<u8> {
    let mut bytes = draw::jpeg(&draw::flat(16, 16, [1, 2, 3]));
    let frame = find(&bytes, [0xFF, 0xC0]);
    let side = 6300_u16.to_be_bytes();
    bytes[frame + 5..frame + 7].copy_from_slice(&side);
    bytes[frame + 7..frame + 9].copy_from_slice(&side);
    // Color at half the size along one axis each, which no usual decoder handles.
    bytes[frame + 11] = 0x21;
    bytes[frame + 14] = 0x12;
    let scan = find(&bytes, [0xFF, 0xDA]);
    // The head of the scan has 14 bytes; a few of its data follow.
    bytes.truncate(scan + 14 + 8);
    bytes
}

/// A gray JPEG in 100 scans, as many as the service reads: each of seven coefficients comes in 14
/// scans, and each scan states in a few bytes that it changes no block.
pub(crate) fn jpeg_of_many_scans(width: u16, height: u16) -> Vec<u8> {
    let n_blocks = usize::from(width.div_ceil(8)) * usize::from(height.div_ceil(8));
    let mut bytes = vec![0xFF, 0xD8];
    bytes.extend(segment(0xDB, &[&[0][..], &[1; 64]].concat()));
    let [h, w] = [height, width].map(u16::to_be_bytes);
    bytes.extend(segment(0xC2, &[8, h[0], h[1], w[0], w[1], 1, 1, 0x11, 0]));
    // One code of one bit each: a mean like the last one, and 2^14 or more blocks without a change.
    for (class, symbol) in [(0x00, 0x00), (0x10, 0xE0)] {
        let lengths = std::array::from_fn::<u8, 16, _>(|n| u8::from(n == 0));
        bytes.extend(segment(0xC4, &[&[class][..], &lengths, &[symbol]].concat()));
    }
    bytes.extend(segment(0xDA, &[1, 1, 0, 0, 0, 0]));
    bytes.extend(stuffed(&vec![false; n_blocks]));
    let empty = stuffed(&no_change(n_blocks));
    for coefficient in 1..8 {
        for shift in (0..14).rev() {
            let before = if shift == 13 { 0 } else { shift + 1 };
            let approximation = before << 4 | shift;
            bytes.extend(segment(0xDA, &[1, 1, 0, coefficient, coefficient, approximation]));
            bytes.extend(&empty);
        }
    }
    bytes.extend(segment(0xDA, &[1, 1, 0, 8, 63, 0]));
    bytes.extend(&empty);
    bytes.extend([0xFF, 0xD9]);
    bytes
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&[0xFF, marker][..], &length, data].concat()
}

/// The bits of runs of at least 2^14 blocks without a change.
fn no_change(n_blocks: usize) -> Vec<bool> {
    let mut bits = Vec::new();
    let mut left = n_blocks;
    while left > 0 {
        // What follows the last run must not be shorter than the shortest.
        let run = if left < 2 << 14 { left } else { 1 << 14 };
        assert!(run >= 1 << 14, "an image of {n_blocks} blocks is too small");
        bits.push(false);
        bits.extend((0..14).rev().map(|bit| (run - (1 << 14)) >> bit & 1 == 1));
        left -= run;
    }
    bits
}

/// Bits as the data of a scan: filled up with ones, and a zero after each byte of ones.
fn stuffed(bits: &[bool]) -> Vec<u8> {
    let bytes = bits.chunks(8).map(|chunk| {
        (0..8).fold(0, |byte, n| byte << 1 | u8::from(*chunk.get(n).unwrap_or(&true)))
    });
    bytes.flat_map(|byte| if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] }).collect()
}

fn find(bytes: &[u8], marker: [u8; 2]) -> usize {
    bytes.windows(2).position(|pair| pair == marker).unwrap()
}

/// A photo as a client of the service would send it.
pub(crate) fn photo(shift: u32) -> Vec<u8> {
    let level = |value: u32| (value % 256) as u8;
    let image = RgbImage::from_fn(320, 240, |x, y| {
        // A bit a block, so that no two are the same.
        if y < 8 && x < 256 {
            return image::Rgb([if shift >> (x / 8) & 1 == 1 { 255 } else { 0 }; 3]);
        }
        let texture = (x * 7 + y * 13 + x * y / 9) % 48;
        image::Rgb([
            level(x / 2 + texture + shift * 40),
            level(y + texture),
            level((x + y) / 3 + shift * 90),
        ])
    });
    draw::encode(image, image::ImageFormat::Jpeg)
}

/// The smallest image that a network accepts.
pub(crate) fn small() -> Vec<u8> {
    draw::png(draw::gradient(16, 16))
}
