//! Bytes that are no good image: one clear message each, no panic, nothing large allocated.

use image::{ImageFormat, RgbImage};
use models::image::{Detail, Image, ImageError, ImageLimits, decode, inspect};
use proptest::prelude::*;

use crate::draw;

fn refused(bytes: &[u8]) -> ImageError {
    decode(bytes, &ImageLimits::default(), Detail::Full).unwrap_err()
}

#[test]
fn nothing_and_nonsense_are_named() {
    assert_eq!(refused(b""), ImageError::Empty);
    for (bytes, what) in [
        (&b"hello, world"[..], "data that does not begin like an image"),
        (&[0; 1000], "data that does not begin like an image"),
        (b"\xFF", "data that does not begin like an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG (a drawing, not pixels)"),
        (b"\xEF\xBB\xBF<?xml version='1.0'?>\n<svg/>", "SVG (a drawing, not pixels)"),
        (b"<!DOCTYPE html><html>", "a web page (HTML)"),
        (b"\0\0\0\x0CjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xFF\x4F\xFF\x51\0", "JPEG 2000"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
    ] {
        match refused(bytes) {
            ImageError::Unsupported { what: named, hint } => {
                assert_eq!(named, what);
                assert!(hint.contains("JPEG"), "{hint}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn kinds_of_tiff_that_are_not_read_are_named() {
    for (tag, value, what) in [
        (339, 3, "floating-point"),
        (339, 2, "signed"),
        (259, 7, "JPEG compression"),
        (259, 50_000, "Zstandard"),
        (258, 12, "other than 1, 8 or 16 bits"),
        (262, 3, "palette"),
        (262, 8, "CIE L*a*b*"),
        (262, 32_803, "raw file"),
        (50_706, 1, "raw file"),
    ] {
        match refused(&draw::gray_tiff(&[(tag, value)])) {
            ImageError::Unsupported { what: named, .. } => assert!(named.contains(what), "{named}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    assert!(decode(&draw::gray_tiff(&[]), &ImageLimits::default(), Detail::Full).is_ok());
}

#[test]
fn a_small_bmp_tiff_or_gif_that_claims_to_be_huge_is_refused_by_its_header() {
    let mut bmp = draw::encode(draw::gradient(16, 16), ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[0, 0, 1, 0, 0, 0, 1, 0]);
    let mut gif = draw::encode(draw::gradient(16, 16), ImageFormat::Gif);
    gif[6..10].fill(0xFF);
    let tiff = draw::gray_tiff(&[(256, 60_000), (257, 60_000)]);
    for bytes in [&bmp, &gif, &tiff] {
        let error = refused(bytes);
        assert!(matches!(error, ImageError::TooManyPixels { .. }), "{error}");
    }
    // A first frame that is larger than the canvas, by which memory is counted.
    let mut gif = draw::encode(draw::gradient(16, 16), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[8, 0, 8, 0]);
    assert!(refused(&gif).to_string().contains("outside"));
}

#[test]
fn a_bmp_tiff_or_gif_cut_anywhere_is_refused_or_already_whole() {
    let drawn = draw::gradient(24, 24);
    for format in [ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif] {
        let whole = draw::encode(drawn.clone(), format);
        let expected = decode(&whole, &ImageLimits::default(), Detail::Full).unwrap();
        let mut n_refused = 0;
        for length in 1..whole.len() {
            match decode(&whole[..length], &ImageLimits::default(), Detail::Full) {
                Ok(image) => assert_eq!(image.rgb, expected.rgb, "{format:?}: {length}"),
                Err(_) => n_refused += 1,
            }
        }
        assert!(n_refused + 40 > whole.len(), "{format:?}: {n_refused} of {}", whole.len());
    }
}

#[test]
fn a_damaged_png_is_named_in_our_words() {
    let whole = draw::png(draw::gradient(64, 64));
    for length in [whole.len() / 2, whole.len() * 3 / 4] {
        let error = refused(&whole[..length]).to_string();
        assert!(error.contains("PNG image is damaged: the file ends before"), "{length}: {error}");
    }
    let data = whole.windows(4).position(|kind| kind == b"IDAT").unwrap();
    let length = u32::from_be_bytes(whole[data - 4..data].try_into().unwrap()) as usize;
    for at in [data + 4 + length / 2, data + 4 + length] {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        let error = refused(&changed).to_string();
        assert!(error.contains("damaged: a checksum in it does not fit its bytes"), "{error}");
    }
    // Whole chunks of data that are not deflated: the decoder's words follow ours.
    let header = draw::png_chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 4, 8, 2, 0, 0, 0]);
    let data = draw::png_chunk(b"IDAT", &[0xAA; 64]);
    let end = draw::png_chunk(b"IEND", &[]);
    let error = refused(&[draw::PNG_SIGNATURE, &header, &data, &end].concat()).to_string();
    assert!(error.contains("damaged: its data cannot be decoded (") && !error.contains('\n'));
}

#[test]
fn more_bytes_than_allowed_are_not_looked_at() {
    let limits = ImageLimits { max_bytes: 10, ..ImageLimits::default() };
    let error = decode(&[0xFF; 11], &limits, Detail::Full).unwrap_err();
    assert_eq!(error, ImageError::TooLarge { bytes: 11, limit: 10 });
}

/// A file of 65 bytes.
fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = draw::png_chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat());
    let data = draw::png_chunk(b"IDAT", &[0x78, 0x01, 0x01, 0, 0, 0xFF, 0xFF, 0]);
    [draw::PNG_SIGNATURE.to_vec(), header, data, draw::png_chunk(b"IEND", &[])].concat()
}

#[test]
fn a_small_png_that_claims_to_be_huge_is_refused_by_its_header() {
    let bytes = png_that_claims(20_000, 20_000);
    assert_eq!(bytes.len(), 65);
    let expected = ImageError::TooManyPixels { width: 20_000, height: 20_000, limit: 40_000_000 };
    assert_eq!(refused(&bytes), expected);
    // Even when nothing follows the header, and when the product would overflow 32 bits.
    assert_eq!(refused(&bytes[..33]), expected);
    assert!(matches!(
        refused(&png_that_claims(1 << 31, 1 << 31)),
        ImageError::TooManyPixels { .. }
    ));
    // Few pixels, but a side that no resizing step is made for.
    assert!(matches!(refused(&png_that_claims(1, 1_000_000)), ImageError::TooManyPixels { .. }));
    assert!(matches!(refused(&png_that_claims(0, 5)), ImageError::Broken { .. }));
}

#[test]
fn a_jpeg_and_a_webp_that_claim_to_be_huge_are_refused_too() {
    let mut jpeg = draw::jpeg(&draw::gradient(16, 16));
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    assert!(matches!(
        refused(&jpeg),
        ImageError::TooManyPixels { width: 65_535, height: 65_535, .. }
    ));

    let mut webp = draw::animated_webp(&draw::gradient(16, 16), &draw::gradient(16, 16));
    let size = webp.windows(4).position(|kind| kind == b"VP8X").unwrap() + 12;
    webp[size..size + 6].copy_from_slice(&[0xFF, 0x3F, 0, 0xFF, 0x3F, 0]);
    assert!(matches!(
        refused(&webp),
        ImageError::TooManyPixels { width: 16_384, height: 16_384, .. }
    ));
}

/// A 16x16 canvas with one animation frame of 16x16 that holds these chunks.
fn animation_of(chunks: &[Vec<u8>]) -> Vec<u8> {
    let frame = draw::webp_frame(16, 16, &chunks.concat());
    let flags = draw::WEBP_ANIMATED | draw::WEBP_ALPHA;
    draw::extended_webp(flags, [16, 16], &[draw::webp_animation(), frame])
}

fn check_refused_for_its_structure(webp: &[u8], words: &str) {
    match refused(webp) {
        ImageError::Broken { format: "WebP", reason } if reason.contains(words) => {}
        other => panic!("expected `{words}`, got {other:?}"),
    }
}

#[test]
fn a_webp_frame_of_another_size_than_its_place_is_refused() {
    let alpha = draw::alpha_chunk(16, 16);
    let good = animation_of(&[alpha.clone(), draw::lossy_chunk(16, 16)]);
    let image = decode(&good, &ImageLimits::default(), Detail::Full).unwrap();
    assert_eq!((image.width, image.height), (16, 16));
    for (width, height) in [(17, 16), (16, 400), (15, 16), (16_383, 16_383)] {
        let coded = draw::lossy_chunk(width, height);
        let animated = animation_of(&[alpha.clone(), coded.clone()]);
        check_refused_for_its_structure(&animated, "another size");
        check_refused_for_its_structure(&animation_of(&[coded]), "another size");
    }
    let lossless = draw::webp(&draw::gradient(20, 16))[12..].to_vec();
    check_refused_for_its_structure(&animation_of(&[lossless]), "another size");
    let empty = animation_of(&[alpha.clone(), draw::lossy_chunk(0, 16)]);
    check_refused_for_its_structure(&empty, "no header");
    // The decoder would take whatever follows the transparency for a coded frame.
    let mut disguised = draw::lossy_chunk(400, 400);
    disguised[..4].copy_from_slice(b"XXXX");
    check_refused_for_its_structure(&animation_of(&[alpha, disguised]), "holds no image");
}

#[test]
fn a_webp_frame_of_another_size_than_the_canvas_is_refused() {
    let still = |chunks: &[Vec<u8>]| draw::extended_webp(draw::WEBP_ALPHA, [16, 16], chunks);
    let alpha = draw::alpha_chunk(16, 16);
    let good = still(&[alpha.clone(), draw::lossy_chunk(16, 16)]);
    assert!(decode(&good, &ImageLimits::default(), Detail::Full).is_ok());
    for (width, height) in [(16_383, 16_383), (17, 16)] {
        let webp = still(&[alpha.clone(), draw::lossy_chunk(width, height)]);
        check_refused_for_its_structure(&webp, "another size");
    }
    let outside = draw::webp_frame(17, 16, &draw::lossy_chunk(17, 16));
    check_refused_for_its_structure(&still(&[draw::lossy_chunk(16, 16), outside]), "outside");
    // Metadata that claims to be longer than the file.
    let mut long = still(&[draw::lossy_chunk(16, 16), draw::riff_chunk(b"EXIF", &[0; 4])]);
    let length = long.len() - 8;
    long[length..length + 4].copy_from_slice(&[0xFF; 4]);
    check_refused_for_its_structure(&long, "ends before");
}

#[test]
fn bytes_behind_a_webp_are_not_looked_at() {
    let webp = draw::animated_webp(&draw::gradient(16, 16), &draw::gradient(16, 16));
    let followed = [&webp[..], &draw::lossy_chunk(16_383, 16_383)].concat();
    let decoded = |bytes: &[u8]| decode(bytes, &ImageLimits::default(), Detail::Full).unwrap();
    assert_eq!(decoded(&followed), decoded(&webp));
}

#[test]
fn a_jpeg_cut_anywhere_is_refused_or_already_whole() {
    let whole = draw::jpeg(&draw::gradient(24, 24));
    let drawn = decode(&whole, &ImageLimits::default(), Detail::Full).unwrap();
    let mut n_refused = 0;
    for length in 1..whole.len() {
        let error = match decode(&whole[..length], &ImageLimits::default(), Detail::Full) {
            Ok(image) => {
                assert_eq!(image, drawn, "{length} of {} bytes", whole.len());
                continue;
            }
            Err(error) => error,
        };
        n_refused += 1;
        let clear = match &error {
            ImageError::Broken { format, reason } => {
                *format == "JPEG" && reason.contains("ends before")
            }
            ImageError::Unsupported { .. } => length < 3,
            _ => false,
        };
        assert!(clear, "{length} of {} bytes: {error:?}", whole.len());
    }
    // Only the end marker may be missing.
    assert!(n_refused + 3 >= whole.len(), "only {n_refused} of {} cuts were seen", whole.len());
}

#[test]
fn the_end_of_a_thumbnail_is_not_the_end_of_the_image() {
    let thumbnail = draw::jpeg(&draw::gradient(8, 8));
    let whole = draw::jpeg_with_exif(&draw::gradient(32, 32), &thumbnail);
    assert!(decode(&whole, &ImageLimits::default(), Detail::Full).is_ok());
    assert!(matches!(refused(&whole[..whole.len() - 40]), ImageError::Broken { .. }));
}

#[test]
fn a_png_or_webp_cut_anywhere_is_refused_or_already_whole() {
    let drawn = draw::gradient(24, 24);
    for whole in [draw::png(drawn.clone()), draw::webp(&drawn)] {
        let mut n_refused = 0;
        for length in 1..whole.len() {
            match decode(&whole[..length], &ImageLimits::default(), Detail::Full) {
                Ok(image) => {
                    assert_eq!(&image.rgb, drawn.as_raw(), "{length} of {}", whole.len())
                }
                Err(_) => n_refused += 1,
            }
        }
        assert!(n_refused + 40 > whole.len(), "only {n_refused} of {} cuts were seen", whole.len());
    }
}

#[test]
fn a_jpeg_that_repeats_its_scans_is_refused() {
    let mut whole = draw::jpeg(&draw::gradient(16, 16));
    // A progressive image whose means come again and again, and nothing else.
    let frame = whole.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    whole[frame + 1] = 0xC2;
    let scan = whole.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let length = usize::from(whole[scan + 3]);
    whole[scan + length - 1..scan + length + 2].copy_from_slice(&[0, 0, 1]);
    let bytes = [&whole[..scan], &whole[scan..whole.len() - 2].repeat(1000)].concat();
    // The second one already repeats what is there.
    assert!(refused(&bytes).to_string().contains("does not continue the scans before it"));
}

#[test]
fn the_header_gives_the_size_or_the_reason_of_a_refusal() {
    let limits = ImageLimits::default();
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Gif,
    ] {
        let whole = draw::encode(draw::gradient(31, 17), format);
        let size = inspect(&whole, &limits, Detail::Full).unwrap();
        assert_eq!((size.width, size.height, size.decoded_pixels), (31, 17, 31 * 17), "{format:?}");
    }
    let tiff = draw::gray_tiff(&[(256, 60_000), (257, 60_000)]);
    let rare = draw::gray_tiff(&[(339, 3)]);
    let huge = png_that_claims(20_000, 20_000);
    for refused in [b"", &b"hello"[..], b"<svg", &tiff, &rare, &huge, &png_that_claims(0, 5)] {
        assert_eq!(
            inspect(refused, &limits, Detail::Full).err(),
            decode(refused, &limits, Detail::Full).err()
        );
    }
    let short = ImageLimits { max_bytes: 10, ..limits };
    assert_eq!(
        inspect(&huge, &short, Detail::Full).err(),
        decode(&huge, &short, Detail::Full).err()
    );
}

#[test]
fn the_size_of_a_file_of_many_segments_is_not_searched_for_long() {
    let jpeg = draw::jpeg(&draw::gradient(16, 16));
    let comments = [0xFF, 0xFE, 0, 2].repeat(20_000);
    let bytes = [&jpeg[..2], &comments, &jpeg[2..]].concat();
    let error = inspect(&bytes, &ImageLimits::default(), Detail::Full).unwrap_err();
    assert!(error.to_string().contains("10,000 segments"), "{error}");
    assert_eq!(refused(&bytes), error);
}

#[test]
fn messages_are_one_line_and_say_what_to_do() {
    let cut = &draw::jpeg(&draw::gradient(24, 24))[..200];
    for error in
        [refused(b""), refused(b"<svg"), refused(cut), refused(&png_that_claims(30_000, 30_000))]
    {
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        assert!(
            ["expected", "send", "save", "reduce"].iter().any(|word| text.contains(word)),
            "{text}"
        );
    }
}

const SMALL: ImageLimits = ImageLimits { max_bytes: 1 << 20, max_pixels: 100_000 };

fn check_sane(bytes: &[u8]) {
    let _ = decode(bytes, &SMALL, Detail::ShorterSide(4));
    let size = inspect(bytes, &SMALL, Detail::Full);
    if let Ok(Image { width, height, rgb, .. }) = decode(bytes, &SMALL, Detail::Full) {
        assert_eq!(size.unwrap().decoded_pixels, (width * height) as u64);
        assert!((width * height) as u64 <= SMALL.max_pixels);
        assert_eq!(rgb.len(), width * height * 3);
    }
}

fn samples() -> Vec<Vec<u8>> {
    let drawn: RgbImage = draw::gradient(20, 14);
    vec![
        draw::jpeg_with_exif(&drawn, &draw::exif(6)),
        draw::png_with_exif(&drawn, &draw::exif(3)),
        draw::webp_with_exif(&drawn, &draw::exif(8)),
        draw::animated_png(&drawn, &drawn),
        draw::animated_webp(&drawn, &drawn),
        draw::cmyk_jpeg([1, 2, 3, 4]),
        draw::encode(drawn.clone(), ImageFormat::Bmp),
        draw::encode(drawn.clone(), ImageFormat::Tiff),
        draw::encode(drawn, ImageFormat::Gif),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic(
        sample in 0..9_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = samples().swap_remove(sample);
        for (place, value) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *value;
        }
        check_sane(&bytes);
        check_sane(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn noise_after_a_signature_never_panics(
        start in prop::sample::select(vec![&b"\xFF\xD8\xFF"[..], draw::PNG_SIGNATURE, b"RIFF\x40\0\0\0WEBP",
            b"BM", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"GIF89a"]),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check_sane(&[start, &noise].concat());
    }
}
