//! Images of every kind that is read: what comes out is what was drawn.

use image::imageops::crop_imm;
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use models::image::{Detail, Image, ImageLimits, decode, decode_cropped, inspect, inspect_cropped};

use crate::draw;

fn read(bytes: &[u8]) -> Image {
    decode(bytes, &ImageLimits::default(), Detail::Full).unwrap()
}

#[track_caller]
fn check_near(image: &Image, drawn: &RgbImage, tolerance: u8) {
    assert_eq!((image.width, image.height), (drawn.width() as usize, drawn.height() as usize));
    let worst = image.rgb.iter().zip(drawn.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(tolerance), "differs by {worst:?}");
}

#[test]
fn lossless_formats_are_exact_and_jpeg_is_near() {
    let drawn = draw::gradient(33, 21);
    check_near(&read(&draw::png(drawn.clone())), &drawn, 0);
    check_near(&read(&draw::webp(&drawn)), &drawn, 0);
    check_near(&read(&draw::encode(drawn.clone(), ImageFormat::Bmp)), &drawn, 0);
    check_near(&read(&draw::encode(drawn.clone(), ImageFormat::Tiff)), &drawn, 0);
    check_near(&read(&draw::jpeg(&drawn)), &drawn, 8);
}

#[test]
fn a_gif_has_its_colors() {
    let drawn = draw::flat(33, 21, [250, 100, 10]);
    check_near(&read(&draw::encode(drawn.clone(), ImageFormat::Gif)), &drawn, 0);
}

#[test]
fn a_jpeg_above_the_limit_is_decoded_at_half_or_quarter_size() {
    let drawn = draw::gradient(200, 120);
    let jpeg = draw::jpeg(&drawn);
    for (max_pixels, size) in [(24_000, (200, 120)), (23_999, (100, 60)), (5_999, (50, 30))] {
        let limits = ImageLimits { max_pixels, ..ImageLimits::default() };
        let image = decode(&jpeg, &limits, Detail::Full).unwrap();
        let (width, height) = (size.0 as u32, size.1 as u32);
        let inspected = inspect(&jpeg, &limits, Detail::Full).unwrap();
        assert_eq!((inspected.width, inspected.height), (200, 120));
        assert_eq!(inspected.decoded_pixels, u64::from(width * height));
        check_near(&image, &draw::gradient(width, height), 8);
    }
    let limits = ImageLimits { max_pixels: 1_499, ..ImageLimits::default() };
    assert!(decode(&jpeg, &limits, Detail::Full).unwrap_err().to_string().contains("200x120"));
}

#[test]
fn a_jpeg_of_more_detail_than_needed_is_decoded_at_reduced_size() {
    let drawn = draw::gradient(200, 120);
    let jpeg = draw::jpeg(&drawn);
    let limits = ImageLimits::default();
    // Half of a sequential image would save no time.
    for (needed, size) in [(15, (25, 15)), (16, (50, 30)), (30, (50, 30)), (31, (200, 120))] {
        let detail = Detail::ShorterSide(needed);
        let image = decode(&jpeg, &limits, detail).unwrap();
        check_near(&image, &draw::gradient(size.0, size.1), 14);
        let inspected = inspect(&jpeg, &limits, detail).unwrap();
        assert_eq!((inspected.width, inspected.height), (200, 120));
        assert_eq!(inspected.decoded_pixels, u64::from(size.0 * size.1));
        assert_eq!(inspected.cost > inspected.decoded_pixels, size.0 < 200);
    }
    let png = draw::png(drawn.clone());
    check_near(&decode(&png, &limits, Detail::ShorterSide(15)).unwrap(), &drawn, 0);
}

#[test]
fn a_large_image_is_read() {
    let drawn = draw::flat(6000, 4000, [1, 2, 3]);
    check_near(&read(&draw::png(drawn.clone())), &drawn, 0);
}

/// The image as a camera stores it so that `orientation` turns it upright, straight from the EXIF
/// definition: which visual side the stored first row and first column are.
fn stored(upright: &RgbImage, orientation: u8) -> RgbImage {
    let (w, h) = upright.dimensions();
    let (width, height) = if orientation < 5 { (w, h) } else { (h, w) };
    RgbImage::from_fn(width, height, |column, row| {
        let (x, y) = match orientation {
            1 => (column, row),
            2 => (w - 1 - column, row),
            3 => (w - 1 - column, h - 1 - row),
            4 => (column, h - 1 - row),
            5 => (row, column),
            6 => (w - 1 - row, column),
            7 => (w - 1 - row, h - 1 - column),
            _ => (row, h - 1 - column),
        };
        *upright.get_pixel(x, y)
    })
}

#[test]
fn every_exif_orientation_comes_out_upright() {
    let upright = draw::gradient(48, 32);
    for orientation in 1..=8 {
        let stored = stored(&upright, orientation);
        let exif = draw::exif(orientation);
        check_near(&read(&draw::png_with_exif(&stored, &exif)), &upright, 0);
        check_near(&read(&draw::webp_with_exif(&stored, &exif)), &upright, 0);
        check_near(&read(&draw::jpeg_with_exif(&stored, &exif)), &upright, 8);
    }
}

#[test]
fn a_crop_is_one_of_the_upright_image() {
    let upright = draw::gradient(48, 32);
    let part = crop_imm(&upright, 30, 4, 16, 20).to_image();
    for orientation in 1..=8 {
        let stored = stored(&upright, orientation);
        let exif = draw::exif(orientation);
        for (file, tolerance) in [
            (draw::png_with_exif(&stored, &exif), 0),
            (draw::webp_with_exif(&stored, &exif), 0),
            (draw::jpeg_with_exif(&stored, &exif), 8),
        ] {
            let crop = "30,4,16,20".parse().ok();
            let limits = ImageLimits::default();
            let cropped = decode_cropped(&file, &limits, Detail::Full, crop).unwrap();
            check_near(&cropped.image, &part, tolerance);
            let region = cropped.region.unwrap().to_string();
            assert_eq!(region, "0.625,0.125,0.333333,0.625");
        }
    }
}

#[test]
fn a_crop_of_a_jpeg_has_the_detail_that_is_needed() {
    let limits = ImageLimits::default();
    let detail = Detail::ShorterSide(20);
    let jpeg = draw::jpeg_with_exif(&stored(&draw::gradient(120, 200), 6), &draw::exif(6));
    // The stored image is 200x120: its upper half would need all of the detail.
    for (text, decoded, part) in [
        ("0,0,1,0.5", (30, 50), (30, 25)),
        ("0,0,0.5,1", (120, 200), (60, 200)),
        ("0,0,1,1", (30, 50), (30, 50)),
    ] {
        let crop = text.parse().ok();
        let inspected = inspect_cropped(&jpeg, &limits, detail, crop).unwrap();
        assert_eq!(inspected.decoded_pixels, decoded.0 * decoded.1, "{text}");
        let cropped = decode_cropped(&jpeg, &limits, detail, crop).unwrap();
        let whole = draw::gradient(decoded.0 as u32, decoded.1 as u32);
        check_near(&cropped.image, &crop_imm(&whole, 0, 0, part.0, part.1).to_image(), 14);
        assert_eq!(cropped.region.is_some(), text != "0,0,1,1");
    }
    let outside = "0,0,121,100".parse().ok();
    assert!(inspect_cropped(&jpeg, &limits, detail, outside).is_err());
}

#[test]
fn a_broken_exif_block_does_not_refuse_the_image() {
    let drawn = draw::gradient(16, 8);
    for exif in
        [&b""[..], b"MM\0*\xFF\xFF\xFF\xFF", b"II*\0\x08\0\0\0\xFF\xFF", &draw::exif(9), &[0; 40]]
    {
        check_near(&read(&draw::jpeg_with_exif(&drawn, exif)), &drawn, 8);
    }
}

#[test]
fn sixteen_bits_become_eight() {
    let color = ImageBuffer::from_pixel(3, 2, Rgb([0x8080_u16, 0xFFFF, 0]));
    assert_eq!(read(&draw::png(color)).rgb, [0x80, 0xFF, 0].repeat(6));
    let gray = ImageBuffer::from_pixel(3, 2, Luma([0x1234_u16]));
    assert_eq!(read(&draw::png(DynamicImage::ImageLuma16(gray))).rgb, [0x12; 18]);
    let clear = ImageBuffer::from_pixel(3, 2, Rgba([0_u16, 0, 0xFFFF, 0x8000]));
    assert_eq!(read(&draw::png(clear)).rgb, [127, 127, 255].repeat(6));
}

#[test]
fn alpha_is_laid_over_white() {
    for (alpha, expected) in [(0, [255; 3]), (255, [10, 100, 200]), (51, [206, 224, 244])] {
        let image = ImageBuffer::from_pixel(2, 2, Rgba([10_u8, 100, 200, alpha]));
        assert_eq!(read(&draw::png(image)).rgb, expected.repeat(4), "alpha {alpha}");
    }
}

#[test]
fn gray_with_and_without_alpha_becomes_rgb() {
    let gray = ImageBuffer::from_pixel(2, 2, Luma([77_u8]));
    assert_eq!(read(&draw::png(gray.clone())).rgb, [77; 12]);
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&gray).unwrap();
    assert_eq!(read(&jpeg).rgb, [77; 12]);
    let clear = ImageBuffer::from_pixel(2, 2, LumaA([100_u8, 0]));
    assert_eq!(read(&draw::png(clear)).rgb, [255; 12]);
    let half = ImageBuffer::from_pixel(2, 2, LumaA([0_u8, 51]));
    assert_eq!(read(&draw::png(half)).rgb, [204; 12]);
}

#[test]
fn a_cmyk_jpeg_has_its_colors() {
    // In Adobe's inverted ink, red is C = 255 times K and so on.
    for (ink, expected) in [
        ([255, 255, 255, 255], [255, 255, 255]),
        ([255, 255, 255, 0], [0, 0, 0]),
        ([10, 200, 30, 255], [10, 200, 30]),
        ([200, 100, 50, 128], [100, 50, 25]),
    ] {
        let image = read(&draw::cmyk_jpeg(ink));
        check_near(&image, &draw::flat(8, 8, expected), 2);
    }
}

#[test]
fn an_animation_gives_its_first_frame_and_says_so() {
    let (red, blue) = (draw::flat(12, 9, [250, 0, 0]), draw::flat(12, 9, [0, 0, 250]));
    for bytes in [draw::animated_png(&red, &blue), draw::animated_webp(&red, &blue)] {
        let image = read(&bytes);
        check_near(&image, &red, 0);
        assert_eq!(
            image.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(),
            ["animated"]
        );
    }
    assert!(read(&draw::png(red.clone())).warnings.is_empty());
    assert!(read(&draw::webp(&red)).warnings.is_empty());
}
