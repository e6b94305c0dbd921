//! Small copies of images, for people to look at.

use std::borrow::Cow;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::Image;
use super::error::ImageError;

/// A JPEG of the image, of at most `side` pixels a side (0 counts as 1), in its proportions. It is
/// never larger than the image. `quality` is 1 to 100.
///
/// It is made of pixels only, so it has none of the file's metadata: no place, time or camera. The
/// same image gives the same bytes.
///
/// # Errors
/// [`ImageError::Broken`] for an image without pixels, or with other than `3 * width * height`
/// bytes of them.
pub fn thumbnail(image: &Image, side: usize, quality: u8) -> Result<Vec<u8>, ImageError> {
    check(image)?;
    let (width, height) = size_within(image, side.max(1));
    let rgb = resized(image, width, height);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .encode(&rgb, width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(|error| broken(error.to_string()))?;
    Ok(jpeg)
}

fn check(image: &Image) -> Result<(), ImageError> {
    let Some(expected) = image.mismatch() else { return Ok(()) };
    let Image { width, height, .. } = *image;
    let got = image.rgb.len();
    Err(broken(format!("it is {width}x{height} with {got} bytes of pixels, expected {expected}")))
}

fn broken(reason: String) -> ImageError {
    ImageError::Broken { format: "decoded", reason }
}

/// Width and height of an image that is reduced to at most `side` pixels a side.
fn size_within(image: &Image, side: usize) -> (usize, usize) {
    let longest = image.width.max(image.height);
    if longest <= side {
        return (image.width, image.height);
    }
    // Rounded to the nearest pixel. The short side of a very long image keeps at least one.
    let [width, height] =
        [image.width, image.height].map(|length| ((length * side + longest / 2) / longest).max(1));
    (width, height)
}

fn resized(image: &Image, width: usize, height: usize) -> Cow<'_, [u8]> {
    if (image.width, image.height) == (width, height) {
        return Cow::Borrowed(&image.rgb);
    }
    // Typed images: the untyped call would compile every filter for every pixel type.
    let whole =
        TypedImageRef::<U8x3>::from_buffer(image.width as u32, image.height as u32, &image.rgb)
            .expect("invariant: the image was checked");
    let mut reduced = TypedImage::<U8x3>::new(width as u32, height as u32);
    let filter = ResizeAlg::Convolution(FilterType::CatmullRom);
    Resizer::new()
        .resize_typed(&whole, &mut reduced, &ResizeOptions::new().resize_alg(filter))
        .expect("invariant: neither image is empty");
    Cow::Owned(reduced.pixels().iter().flat_map(|pixel| pixel.0).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Detail, ImageLimits, decode};
    use super::*;

    const SIDE: usize = 256;
    const QUALITY: u8 = 85;

    fn drawn(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Image {
        let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = rows.flat_map(|(x, y)| pixel(x, y)).collect();
        Image { width, height, rgb, warnings: Vec::new() }
    }

    fn level(at: usize, length: usize) -> u8 {
        u8::try_from(255 * at / length).unwrap()
    }

    /// Red grows to the right, green downwards.
    fn gradient(width: usize, height: usize) -> Image {
        drawn(width, height, |x, y| [level(x, width), level(y, height), 90])
    }

    fn read(jpeg: &[u8]) -> Image {
        decode(jpeg, &ImageLimits::default(), Detail::Full).unwrap()
    }

    /// The mean of each channel.
    fn means(image: &Image) -> [f64; 3] {
        let pixels = image.rgb.chunks_exact(3);
        let n = pixels.len() as f64;
        let sums = pixels.fold([0.0; 3], |sums: [f64; 3], pixel| {
            std::array::from_fn(|channel| sums[channel] + f64::from(pixel[channel]))
        });
        sums.map(|sum| sum / n)
    }

    #[test]
    fn a_thumbnail_fits_in_its_side_and_keeps_the_proportions() {
        let cases = [
            ((1, 1), (1, 1)),
            ((100, 30), (100, 30)),
            ((256, 256), (256, 256)),
            ((257, 256), (256, 255)),
            ((1000, 750), (256, 192)),
            ((750, 1000), (192, 256)),
            ((3000, 2), (256, 1)),
            ((5000, 1), (256, 1)),
            ((1, 5000), (1, 256)),
        ];
        for ((width, height), expected) in cases {
            let small = read(&thumbnail(&gradient(width, height), SIDE, QUALITY).unwrap());
            assert_eq!((small.width, small.height), expected, "of {width}x{height}");
        }
        let one = read(&thumbnail(&gradient(40, 20), 0, QUALITY).unwrap());
        assert_eq!((one.width, one.height), (1, 1));
    }

    #[test]
    fn a_thumbnail_shows_the_image() {
        for (width, height) in [(200, 120), (1000, 750), (90, 2000)] {
            let image = gradient(width, height);
            let small = read(&thumbnail(&image, SIDE, QUALITY).unwrap());
            for (got, expected) in means(&small).into_iter().zip(means(&image)) {
                assert!((got - expected).abs() < 2.0, "{width}x{height}: {got}, not {expected}");
            }
            // The lower right corner is yellow, the upper left one blue.
            let last = &small.rgb[small.rgb.len() - 3..];
            assert!(last[0] > 225 && last[1] > 225 && last[2] < 120, "{last:?}");
            assert!(small.rgb[0] < 30 && small.rgb[1] < 30, "{:?}", &small.rgb[..3]);
        }
    }

    #[test]
    fn the_same_image_gives_the_same_bytes_and_quality_counts() {
        let image = gradient(700, 500);
        let fine = thumbnail(&image, SIDE, QUALITY).unwrap();
        assert_eq!(thumbnail(&image, SIDE, QUALITY).unwrap(), fine);
        assert!(thumbnail(&image, SIDE, 20).unwrap().len() < fine.len());
    }

    #[test]
    fn noise_takes_at_most_128_kib() {
        let noise = drawn(SIDE, SIDE, |x, y| {
            let mixed = (x as u32 * 256 + y as u32).wrapping_mul(0x9E37_79B9);
            let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85EB_CA6B);
            let [red, green, blue, _] = (mixed ^ (mixed >> 13)).to_le_bytes();
            [red, green, blue]
        });
        let jpeg = thumbnail(&noise, SIDE, QUALITY).unwrap();
        assert!((20_000..131_072).contains(&jpeg.len()), "{} bytes", jpeg.len());
    }

    #[test]
    fn pixels_that_do_not_fit_the_size_are_refused() {
        let whole = gradient(4, 3);
        let cut = Image { rgb: whole.rgb[1..].to_vec(), ..whole.clone() };
        let empty = Image { width: 0, height: 0, rgb: Vec::new(), warnings: Vec::new() };
        for wrong in [cut, empty] {
            let error = thumbnail(&wrong, SIDE, QUALITY).unwrap_err();
            assert!(matches!(error, ImageError::Broken { format: "decoded", .. }), "{error}");
        }
        assert!(thumbnail(&whole, SIDE, QUALITY).is_ok());
    }
}
