//! The recipe from pixels to a tensor.

use models::image::{Detail, Image};
use models::preprocess::{Filter, Geometry, Preprocess, PreprocessError};
use ndarray::{Array4, s};
use proptest::prelude::*;

use crate::draw;

const GEOMETRIES: [Geometry; 3] = [Geometry::CenterCrop, Geometry::Squash, Geometry::Letterbox];
const FILTERS: [Filter; 4] =
    [Filter::Nearest, Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3];

fn image(image: image::RgbImage) -> Image {
    let (width, height) = (image.width() as usize, image.height() as usize);
    Image { width, height, rgb: image.into_raw(), warnings: Vec::new() }
}

fn recipe(size: usize, geometry: Geometry, filter: Filter) -> Preprocess {
    Preprocess { geometry, filter, ..Preprocess::paper(size) }
}

/// The color at a place of a square of `size`.
fn pixel(rgb: &[u8], size: usize, x: usize, y: usize) -> [u8; 3] {
    let start = (y * size + x) * 3;
    [rgb[start], rgb[start + 1], rgb[start + 2]]
}

#[test]
fn the_right_size_passes_bit_for_bit() {
    let image = image(draw::gradient(32, 32));
    for (geometry, filter) in GEOMETRIES.into_iter().flat_map(|g| FILTERS.map(|f| (g, f))) {
        assert_eq!(recipe(32, geometry, filter).resize(&image).unwrap(), image.rgb);
    }
}

/// 90x30: a red, a green and a blue square.
fn three_squares() -> Image {
    let colors = [[200, 0, 0], [0, 200, 0], [0, 0, 200]];
    image(image::RgbImage::from_fn(90, 30, |x, _| image::Rgb(colors[(x / 30) as usize])))
}

#[test]
fn center_crop_takes_the_middle() {
    let rgb = recipe(10, Geometry::CenterCrop, Filter::Bilinear).resize(&three_squares()).unwrap();
    assert_eq!(rgb, [0, 200, 0].repeat(100));
}

#[test]
fn a_share_is_cut_out_of_the_middle() {
    // 100x100: a blue frame of 20 pixels around red.
    let framed = image(image::RgbImage::from_fn(100, 100, |x, y| {
        let inside = [x, y].iter().all(|place| (20..80).contains(place));
        image::Rgb(if inside { [200, 0, 0] } else { [0, 0, 200] })
    }));
    let whole = recipe(10, Geometry::CenterCrop, Filter::Nearest);
    let middle = Preprocess { crop_share: Some(0.6), ..whole.clone() };
    assert_eq!(middle.resize(&framed).unwrap(), [200, 0, 0].repeat(100));
    assert_eq!(pixel(&whole.resize(&framed).unwrap(), 10, 0, 0), [0, 0, 200]);
    let smooth = Preprocess { filter: Filter::Bilinear, ..middle.clone() };
    assert_eq!(smooth.detail(), Detail::ShorterSide(34));
    // An image of the input's size is cut as well: the same image in two sizes looks the same.
    let same_size = Preprocess { size: 100, ..middle };
    assert_eq!(same_size.resize(&framed).unwrap(), [200, 0, 0].repeat(100 * 100));
}

#[test]
fn blue_comes_first_where_the_network_wants_it() {
    let rgb = Preprocess {
        mean: [10.0, 20.0, 30.0],
        std: [1.0, 2.0, 4.0],
        ..recipe(1, Geometry::Squash, Filter::Nearest)
    };
    let bgr = Preprocess { bgr: true, ..rgb.clone() };
    let image = image(image::RgbImage::from_pixel(3, 3, image::Rgb([11, 24, 42])));
    let values = |recipe: &Preprocess| recipe.apply(&image).unwrap().into_raw_vec_and_offset().0;
    assert_eq!((values(&rgb), values(&bgr)), (vec![1.0, 2.0, 3.0], vec![3.0, 2.0, 1.0]));
}

#[test]
fn squash_keeps_everything() {
    let rgb = recipe(9, Geometry::Squash, Filter::Nearest).resize(&three_squares()).unwrap();
    assert_eq!(pixel(&rgb, 9, 0, 4), [200, 0, 0]);
    assert_eq!(pixel(&rgb, 9, 4, 0), [0, 200, 0]);
    assert_eq!(pixel(&rgb, 9, 8, 8), [0, 0, 200]);
}

#[test]
fn letterbox_keeps_proportions_between_bars_of_the_mean() {
    let rgb = recipe(9, Geometry::Letterbox, Filter::Nearest).resize(&three_squares()).unwrap();
    for y in [0, 1, 2, 6, 7, 8] {
        assert_eq!(pixel(&rgb, 9, 4, y), [120, 116, 105], "row {y}");
    }
    assert_eq!([0, 4, 8].map(|x| pixel(&rgb, 9, x, 4)), [[200, 0, 0], [0, 200, 0], [0, 0, 200]]);
}

#[test]
fn reducing_averages_rather_than_picks() {
    let stripes =
        image::RgbImage::from_fn(64, 64, |x, _| image::Rgb([if x % 2 == 0 { 0 } else { 200 }; 3]));
    let rgb = recipe(8, Geometry::Squash, Filter::Bilinear).resize(&image(stripes)).unwrap();
    assert!(rgb.iter().all(|value| value.abs_diff(100) <= 5), "{rgb:?}");
}

#[test]
fn normalizing_is_the_formula_in_planes() {
    let recipe =
        Preprocess { mean: [10.0, 20.0, 30.0], std: [1.0, 2.0, 4.0], ..Preprocess::paper(2) };
    let rgb = [10, 20, 30, 11, 22, 34, 12, 24, 38, 13, 26, 42];
    let image = Image { width: 2, height: 2, rgb: rgb.to_vec(), warnings: Vec::new() };
    let tensor = recipe.apply(&image).unwrap();
    assert_eq!(tensor.shape(), [3, 2, 2]);
    assert_eq!(tensor.into_raw_vec_and_offset().0, [0.0, 1.0, 2.0, 3.0].repeat(3));
}

#[test]
fn a_recipe_is_a_value_with_a_fixed_text() {
    let recipe = recipe(84, Geometry::CenterCrop, Filter::CatmullRom);
    let json = serde_json::to_string(&recipe).unwrap();
    let expected = concat!(
        r#"{"size":84,"geometry":"center_crop","filter":"catmull_rom","#,
        r#""mean":[120.396,115.594,104.54],"std":[70.682,68.276,72.545]}"#
    );
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), recipe);
    assert!(serde_json::from_str::<Preprocess>(&json.replace("size", "sizes")).is_err());
    let views = Preprocess { hflip: true, center_zoom: Some(1.5), ..recipe };
    let json = json.replace('}', r#","hflip":true,"center_zoom":1.5}"#);
    assert_eq!(serde_json::to_string(&views).unwrap(), json);
    assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), views);
}

#[test]
fn looks_are_the_image_its_enlarged_middle_and_the_mirror_images_of_both() {
    let images = Array4::from_shape_fn((2, 3, 5, 5), |(n, channel, y, x)| {
        (100 * n + 50 * channel + 10 * y + x) as f32
    });
    let plain = Preprocess { size: 5, ..Preprocess::paper(5) };
    assert_eq!(plain.views(images.view()), [images.view()]);
    let all = Preprocess { hflip: true, center_zoom: Some(2.0), ..plain };
    let views = all.views(images.view());
    assert_eq!(views.len() as u64, all.passes());
    assert_eq!(views[0], images);
    // Twice as large: the middle stays where it is, and every step is half a pixel.
    for ((n, channel, y, x), &value) in views[1].indexed_iter() {
        let (y, x) = (2.0 + (y as f32 - 2.0) / 2.0, 2.0 + (x as f32 - 2.0) / 2.0);
        let expected = (100 * n + 50 * channel) as f32 + 10.0 * y + x;
        assert!((value - expected).abs() < 1e-4, "{value}, expected {expected}");
    }
    let wide = Array4::from_shape_fn((1, 3, 3, 7), |(_, _, y, x)| (10 * y + x) as f32);
    assert_eq!(all.views(wide.view())[1][[0, 0, 1, 3]], 13.0, "the middle of another shape");
    for (view, mirrored) in views[..2].iter().zip(&views[2..]) {
        assert_eq!(view.slice(s![.., .., .., ..;-1]), mirrored);
    }
}

#[test]
fn an_impossible_recipe_or_image_is_refused() {
    let good = image(draw::gradient(5, 5));
    for got in [0.5, 1.0, 4.5, f32::INFINITY, -2.0] {
        let recipe = Preprocess { center_zoom: Some(got), ..Preprocess::paper(5) };
        assert_eq!(recipe.resize(&good).unwrap_err(), PreprocessError::CenterZoom { got });
    }
    for got in [0.05, 1.5, -1.0] {
        let recipe = Preprocess { crop_share: Some(got), ..Preprocess::paper(5) };
        assert_eq!(recipe.resize(&good).unwrap_err(), PreprocessError::CropShare { got });
    }
    let squashed = Preprocess { crop_share: Some(0.5), ..recipe(5, Geometry::Squash, FILTERS[0]) };
    assert_eq!(squashed.check(), Err(PreprocessError::CropShare { got: 0.5 }));
    for size in [0, 2049, usize::MAX] {
        assert_eq!(
            Preprocess::paper(size).resize(&good).unwrap_err(),
            PreprocessError::Size { got: size }
        );
    }
    for std in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let recipe = Preprocess { std: [1.0, std, 1.0], ..Preprocess::paper(8) };
        assert!(
            matches!(recipe.apply(&good), Err(PreprocessError::Scale { field: "std", .. })),
            "{std}"
        );
    }
    let recipe = Preprocess { mean: [f32::NAN; 3], ..Preprocess::paper(8) };
    assert!(matches!(recipe.apply(&good), Err(PreprocessError::Scale { field: "mean", .. })));
    for broken in
        [Image { width: 6, ..good.clone() }, Image { width: 0, rgb: vec![], ..good.clone() }]
    {
        assert!(matches!(Preprocess::paper(8).resize(&broken), Err(PreprocessError::Image { .. })));
    }
}

#[test]
fn pixels_normalized_in_place_are_those_of_the_tensor() {
    let drawn = image(draw::gradient(8, 8));
    let recipe = Preprocess::paper(8);
    let mut pixels: Vec<f32> = drawn.rgb.iter().copied().map(f32::from).collect();
    recipe.normalize_pixels(&mut pixels);
    let tensor = recipe.apply(&drawn).unwrap();
    for (i, pixel) in pixels.chunks_exact(3).enumerate() {
        let expected = [0, 1, 2].map(|channel| tensor[[channel, i / 8, i % 8]]);
        assert_eq!(pixel, expected);
    }
}

#[test]
fn the_thinnest_images_pass() {
    for (width, height) in [(1, 65_535), (65_535, 1), (1, 1), (2, 600)] {
        let drawn = image(draw::flat(width, height, [9, 9, 9]));
        for geometry in GEOMETRIES {
            let rgb = recipe(224, geometry, Filter::Lanczos3).resize(&drawn).unwrap();
            assert_eq!(rgb.len(), 224 * 224 * 3);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_color_stays_that_color(
        width in 1..200_u32, height in 1..200_u32, size in 1..64_usize,
        color in any::<[u8; 3]>(), geometry in 0..2_usize, filter in 0..4_usize,
    ) {
        let recipe = recipe(size, GEOMETRIES[geometry], FILTERS[filter]);
        let rgb = recipe.resize(&image(draw::flat(width, height, color))).unwrap();
        prop_assert_eq!(rgb, color.repeat(size * size));
    }

    #[test]
    fn normalized_values_lie_within_those_of_black_and_white(
        width in 1..90_u32, height in 1..90_u32, size in 1..48_usize, geometry in 0..3_usize,
        mean in prop::array::uniform3(0.0..255.0_f32), std in prop::array::uniform3(1.0..128.0_f32),
    ) {
        let recipe = Preprocess { mean, std, ..recipe(size, GEOMETRIES[geometry], Filter::CatmullRom) };
        let tensor = recipe.apply(&image(draw::gradient(width, height))).unwrap();
        for (channel, plane) in tensor.outer_iter().enumerate() {
            let (black, white) = (-mean[channel] / std[channel], (255.0 - mean[channel]) / std[channel]);
            prop_assert!(plane.iter().all(|x| (black..=white).contains(x)));
        }
    }
}
