//! Images and files drawn for tests; no image of a data set is kept in the repository.

use std::collections::BTreeMap;
use std::io::Cursor;

use flate2::Crc;
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage};

/// Smooth, without any symmetry, so that every flip and rotation is another image.
pub(crate) fn gradient(width: u32, height: u32) -> RgbImage {
    let level = |at: u32, of: u32| (40 + 170 * at / of.max(1)) as u8;
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([level(x, width), level(y, height), level(x * y, width * height)])
    })
}

pub(crate) fn flat(width: u32, height: u32, color: [u8; 3]) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb(color))
}

pub(crate) fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    encode(image, ImageFormat::Png)
}

pub(crate) fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 98).encode_image(image).unwrap();
    bytes
}

pub(crate) fn webp(image: &RgbImage) -> Vec<u8> {
    encode(image.clone(), ImageFormat::WebP)
}

/// The TIFF structure that holds an orientation and nothing else.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    bytes.extend([orientation, 0, 0, 0, 0, 0, 0]);
    bytes
}

pub(crate) fn jpeg_with_exif(image: &RgbImage, exif: &[u8]) -> Vec<u8> {
    let plain = jpeg(image);
    let payload = [b"Exif\0\0", exif].concat();
    let length = (payload.len() as u16 + 2).to_be_bytes();
    [&plain[..2], &[0xFF, 0xE1], &length, &payload, &plain[2..]].concat()
}

pub(crate) fn png_with_exif(image: &RgbImage, exif: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.write_image(image, image.width(), image.height(), ExtendedColorType::Rgb8).unwrap();
    bytes
}

pub(crate) fn webp_with_exif(image: &RgbImage, exif: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.write_image(image, image.width(), image.height(), ExtendedColorType::Rgb8).unwrap();
    bytes
}

pub(crate) const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

pub(crate) fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    [&(data.len() as u32).to_be_bytes(), &kind[..], data, &crc.sum().to_be_bytes()].concat()
}

/// The chunks of a PNG file: kind and data.
fn png_chunks(png: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let mut chunks = Vec::new();
    let mut rest = &png[PNG_SIGNATURE.len()..];
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let (kind, tail) = tail.split_first_chunk::<4>().unwrap();
        let (data, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
        chunks.push((*kind, data.to_vec()));
        rest = &tail[4..];
    }
    chunks
}

/// An animated PNG with these two frames, of the same size.
pub(crate) fn animated_png(first: &RgbImage, second: &RgbImage) -> Vec<u8> {
    let frame = |sequence: u32| {
        let numbers = [sequence, first.width(), first.height(), 0, 0];
        let mut data: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        data.extend([0, 1, 0, 10, 0, 0]);
        png_chunk(b"fcTL", &data)
    };
    let pixels = |image: &RgbImage| -> Vec<u8> {
        let chunks = png_chunks(&png(image.clone()));
        chunks.into_iter().filter(|(kind, _)| kind == b"IDAT").flat_map(|(_, data)| data).collect()
    };
    let header = png_chunks(&png(first.clone())).swap_remove(0).1;
    [
        PNG_SIGNATURE.to_vec(),
        png_chunk(b"IHDR", &header),
        png_chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        frame(0),
        png_chunk(b"IDAT", &pixels(first)),
        frame(1),
        png_chunk(b"fdAT", &[&[0, 0, 0, 2], &pixels(second)[..]].concat()),
        png_chunk(b"IEND", &[]),
    ]
    .concat()
}

/// A gray TIFF of 4x4 pixels without compression, with these tags added or changed.
pub(crate) fn gray_tiff(tags: &[(u16, u32)]) -> Vec<u8> {
    let mut all: BTreeMap<u16, u32> =
        BTreeMap::from([(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (277, 1)]);
    all.extend([(273, 400), (278, 4), (279, 16)]);
    all.extend(tags.iter().copied());
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((all.len() as u16).to_le_bytes());
    for (tag, value) in all {
        bytes.extend(tag.to_le_bytes());
        // One number of 32 bits.
        bytes.extend([4, 0, 1, 0, 0, 0]);
        bytes.extend(value.to_le_bytes());
    }
    bytes.resize(400, 0);
    bytes.extend(0..16);
    bytes
}

pub(crate) fn riff_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = &[0][..data.len() % 2];
    [&kind[..], &(data.len() as u32).to_le_bytes(), data, padding].concat()
}

fn u24(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}

fn webp_size(width: u32, height: u32) -> Vec<u8> {
    [u24(width - 1), u24(height - 1)].concat()
}

/// A WebP file of a canvas and the chunks that follow it.
pub(crate) fn extended_webp(flags: u8, size: [u32; 2], chunks: &[Vec<u8>]) -> Vec<u8> {
    let canvas = [&[flags, 0, 0, 0][..], &webp_size(size[0], size[1])].concat();
    riff_chunk(b"RIFF", &[b"WEBP", &riff_chunk(b"VP8X", &canvas)[..], &chunks.concat()].concat())
}

/// A frame of an animation, in the upper left corner.
pub(crate) fn webp_frame(width: u32, height: u32, chunks: &[u8]) -> Vec<u8> {
    let (place, size) = ([0; 6], webp_size(width, height));
    riff_chunk(b"ANMF", &[&place[..], &size, &u24(100), &[2], chunks].concat())
}

/// The chunk that an animation begins with.
pub(crate) fn webp_animation() -> Vec<u8> {
    riff_chunk(b"ANIM", &[0; 6])
}

/// Flag of an animated WebP.
pub(crate) const WEBP_ANIMATED: u8 = 0x02;

/// Flag of a WebP with transparency.
pub(crate) const WEBP_ALPHA: u8 = 0x10;

/// A lossy frame in which every bit of the coded image is 0.
pub(crate) fn lossy_chunk(width: u16, height: u16) -> Vec<u8> {
    // A shown key frame whose first part has 64 bytes.
    let tag = u24(64 << 5 | 1 << 4);
    let header = [&tag[..], &[0x9D, 0x01, 0x2A], &width.to_le_bytes(), &height.to_le_bytes()];
    riff_chunk(b"VP8 ", &[&header.concat()[..], &[0; 4096]].concat())
}

/// Uncompressed transparency of a lossy frame.
pub(crate) fn alpha_chunk(width: u32, height: u32) -> Vec<u8> {
    riff_chunk(b"ALPH", &vec![0; (1 + width * height) as usize])
}

/// An animated WebP with these two frames, of the same size.
pub(crate) fn animated_webp(first: &RgbImage, second: &RgbImage) -> Vec<u8> {
    let (width, height) = first.dimensions();
    // A plain lossless file is the RIFF header and one VP8L chunk.
    let frame = |image: &RgbImage| webp_frame(width, height, &webp(image)[12..]);
    let chunks = [webp_animation(), frame(first), frame(second)];
    extended_webp(WEBP_ANIMATED, [width, height], &chunks)
}

/// An 8x8 JPEG of one color in four components as Adobe writes them: 255 is no ink.
pub(crate) fn cmyk_jpeg(inverted_cmyk: [u8; 4]) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let length = (data.len() as u16 + 2).to_be_bytes();
        [&[0xFF, marker], &length[..], data].concat()
    };
    let frame: Vec<u8> = (1..=4).flat_map(|id| [id, 0x11, 0]).collect();
    let scan: Vec<u8> = (1..=4).flat_map(|id| [id, 0]).collect();
    // Twelve 4-bit codes for the sizes 0 to 11 of a block's mean, one 1-bit code for "nothing but
    // the mean".
    let means: Vec<u8> = [0, 0, 0, 0, 12].into_iter().chain([0; 12]).chain(0..12).collect();
    let rest: Vec<u8> = [0x10, 1].into_iter().chain([0; 16]).collect();
    [
        vec![0xFF, 0xD8],
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"),
        segment(0xDB, &[&[0], &[8; 64][..]].concat()),
        segment(0xC0, &[&[8, 0, 8, 0, 8, 4], &frame[..]].concat()),
        segment(0xC4, &means),
        segment(0xC4, &rest),
        segment(0xDA, &[&[4], &scan[..], &[0, 63, 0]].concat()),
        entropy_coded(inverted_cmyk.map(|value| i32::from(value) - 128)),
        vec![0xFF, 0xD9],
    ]
    .concat()
}

/// Four blocks that hold their mean only.
fn entropy_coded(means: [i32; 4]) -> Vec<u8> {
    let mut bits = String::new();
    for mean in means {
        let size = (32 - mean.unsigned_abs().leading_zeros()) as usize;
        let amplitude = if mean < 0 { mean + (1 << size) - 1 } else { mean };
        bits += &format!("{size:04b}");
        if size > 0 {
            bits += &format!("{amplitude:0size$b}");
        }
        bits += "0";
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    let bytes = bits
        .as_bytes()
        .chunks(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
    bytes.flat_map(|byte| if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] }).collect()
}
