//! Kinds of files that were found in the field, small: see `fixtures/README.md`.

use std::fs;
use std::path::PathBuf;

use models::image::{Detail, Image, ImageError, ImageLimits, decode};

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images");
    fs::read(folder.join(name)).unwrap()
}

fn read(bytes: &[u8]) -> Image {
    decode(bytes, &ImageLimits::default(), Detail::Full).unwrap()
}

fn check_shows_reference(name: &str, bytes: &[u8]) {
    let reference = read(&file("reference.png"));
    let image = read(bytes);
    assert_eq!((image.width, image.height), (reference.width, reference.height), "{name}");
    let sum: u64 =
        image.rgb.iter().zip(&reference.rgb).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum as f64 / image.rgb.len() as f64;
    assert!(mean < 4.0, "{name} differs by {mean:.1} levels");
}

#[test]
fn unusual_jpegs_show_what_they_should() {
    for name in [
        "scan_each_420.jpg",
        "chroma_finer.jpg",
        "trailer_for_end_marker.jpg",
        "no_huffman_tables.jpg",
    ] {
        check_shows_reference(name, &file(name));
    }
    let narrow = read(&file("progressive_chroma_finer_8x300.jpg"));
    assert_eq!((narrow.width, narrow.height), (8, 300));
}

#[test]
fn a_webcam_frame_needs_no_huffman_tables_and_no_end() {
    let frame = file("no_huffman_tables.jpg");
    let avi = [&frame[..2], b"\xFF\xE0\0\x10AVI1\0\0\0\0\0\0\0\0\0\0", &frame[2..]].concat();
    let without_end = &avi[..avi.len() - 2];
    let with_trailer = [without_end, b"dhav\0\0\0\0"].concat();
    for bytes in [&avi[..], without_end, &with_trailer] {
        check_shows_reference("a frame of motion JPEG", bytes);
    }
}

#[test]
fn other_formats_show_the_drawing() {
    for name in ["rgb.bmp", "gray_lzw.tif", "palette.gif"] {
        let image = read(&file(name));
        assert_eq!((image.width, image.height), (24, 16), "{name}");
        assert!(image.rgb.iter().min() < image.rgb.iter().max(), "{name}");
    }
}

#[test]
fn only_damage_is_called_damage() {
    let arithmetic =
        decode(&file("arithmetic.jpg"), &ImageLimits::default(), Detail::Full).unwrap_err();
    assert_eq!(
        arithmetic.to_string(),
        "a JPEG with arithmetic coding cannot be read; \
         save it as an ordinary 8-bit JPEG (baseline) or as PNG"
    );
    let damaged =
        decode(&file("damaged_middle.jpg"), &ImageLimits::default(), Detail::Full).unwrap_err();
    assert!(matches!(damaged, ImageError::Broken { format: "JPEG", .. }), "{damaged}");
}

#[test]
fn a_jpeg_cut_and_closed_again_is_damaged() {
    for name in ["scan_each_420.jpg", "chroma_finer.jpg", "no_huffman_tables.jpg"] {
        let whole = file(name);
        for tenths in 2..10 {
            let mut cut = whole[..whole.len() * tenths / 10].to_vec();
            cut.extend([0xFF, 0xD9]);
            let error = decode(&cut, &ImageLimits::default(), Detail::Full).unwrap_err();
            assert!(error.to_string().contains("ends before the image does"), "{name}: {error}");
        }
    }
}
