use std::ops::Range;

use super::*;

/// Sides that networks read.
const SIDES: [usize; 4] = [32, 84, 224, 300];

fn drawn(side: usize, level: impl Fn(usize, usize) -> u8) -> Image {
    let places = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    let rgb = places.flat_map(|(x, y)| [level(x, y); 3]).collect();
    Image { width: side, height: side, rgb, warnings: Vec::new() }
}

fn codes(image: &Image) -> Vec<Code> {
    of_image(image, &image.rgb, image.width).into_iter().map(|finding| finding.code).collect()
}

/// A light disk with bars on a dark ground.
fn drawing(side: usize) -> Image {
    drawn(side, |x, y| {
        let [right, down] = [x, y].map(|place| 2.0 * place as f32 / side as f32 - 1.0);
        let is_disk = right.hypot(down) < 0.7;
        match (is_disk, (8 * y / side).is_multiple_of(2)) {
            (true, true) => 220,
            (true, false) => 130,
            (false, _) => 40,
        }
    })
}

/// Independent values up to `most`.
fn noise(side: usize, most: u32) -> Image {
    drawn(side, |x, y| {
        let mixed = (x as u32 * 4096 + y as u32).wrapping_mul(0x9E37_79B9);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85EB_CA6B);
        let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xC2B2_AE35);
        ((mixed >> 16) % (most + 1)) as u8
    })
}

/// The mean over `2 * radius + 1` pixels, first along the rows, then along the columns.
fn blurred(image: &Image, radius: usize) -> Image {
    let side = image.width;
    let along = drawn(side, |x, y| {
        mean_level(window(x, radius, side).map(|x| image.rgb[3 * (y * side + x)]))
    });
    drawn(side, |x, y| mean_level(window(y, radius, side).map(|y| along.rgb[3 * (y * side + x)])))
}

fn window(place: usize, radius: usize, side: usize) -> Range<usize> {
    place.saturating_sub(radius)..(place + radius + 1).min(side)
}

fn mean_level(levels: impl ExactSizeIterator<Item = u8>) -> u8 {
    let count = levels.len();
    (levels.map(usize::from).sum::<usize>() / count) as u8
}

#[test]
fn a_good_image_has_no_finding() {
    for side in SIDES {
        assert_eq!(codes(&drawing(side)), [], "{side}");
    }
}

#[test]
fn an_image_without_light_is_dark_and_one_with_too_much_is_bright() {
    for side in SIDES {
        assert_eq!(codes(&drawn(side, |_, _| 0)), [Code::Dark], "{side}");
        assert_eq!(codes(&noise(side, 20)), [Code::Dark], "a covered lens: {side}");
        assert_eq!(codes(&drawn(side, |_, _| 255)), [Code::Bright], "{side}");
        let drawing = drawing(side);
        let level = |x: usize, y: usize| drawing.rgb[3 * (y * side + x)];
        assert_eq!(codes(&drawn(side, |x, y| level(x, y) / 8)), [Code::Dark], "{side}");
        let faded = drawn(side, |x, y| 255 - (255 - level(x, y)) / 8);
        assert_eq!(codes(&faded), [Code::Bright], "{side}");
    }
}

#[test]
fn a_small_light_or_dark_object_is_no_lack_of_light() {
    let is_object = |x: usize, y: usize| x.abs_diff(112) < 20 && y.abs_diff(112) < 20;
    assert_eq!(codes(&drawn(224, |x, y| if is_object(x, y) { 200 } else { 5 })), []);
    assert_eq!(codes(&drawn(224, |x, y| if is_object(x, y) { 60 } else { 255 })), []);
}

#[test]
fn an_image_of_one_tone_or_of_noise_is_flat() {
    for side in SIDES {
        assert_eq!(codes(&drawn(side, |_, _| 128)), [Code::Flat], "{side}");
        let faint = drawn(side, |x, _| if x.is_multiple_of(2) { 120 } else { 126 });
        assert_eq!(codes(&faint), [Code::Flat], "{side}");
        let noise = noise(side, 255);
        let found = of_image(&noise, &noise.rgb, side);
        assert_eq!(found[0].code, Code::Flat, "{side}");
        assert!(found[0].detail.contains("noise"), "{}", found[0].detail);
    }
}

#[test]
fn an_image_without_sharp_edges_is_blurred() {
    for side in SIDES {
        // Twice, which is nearly a Gaussian with a standard deviation of a fifteenth of the side.
        let radius = side / 12;
        let once = blurred(&drawing(side), radius);
        assert_eq!(codes(&blurred(&once, radius)), [Code::Blurred], "{side}");
        assert_eq!(codes(&drawn(side, |x, _| (255 * x / side) as u8)), [Code::Blurred], "{side}");
    }
}

#[test]
fn a_small_image_is_found_by_what_the_network_reads() {
    let square = drawing(224);
    for (width, height, is_small) in [(112, 500, false), (500, 111, true), (32, 32, true)] {
        let rgb = vec![0; width * height * 3];
        let image = Image { width, height, rgb, warnings: Vec::new() };
        let found = of_image(&image, &square.rgb, 224);
        assert_eq!(found.len(), usize::from(is_small), "{width}x{height}: {found:?}");
        assert!(found.iter().all(|finding| finding.code == Code::Small));
    }
}

#[test]
fn squares_of_a_few_pixels_are_no_panic() {
    for side in 1..20 {
        assert_eq!(codes(&drawn(side, |_, _| 100)), [Code::Flat], "{side}");
        codes(&noise(side, 255));
    }
}
