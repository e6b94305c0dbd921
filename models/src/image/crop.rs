//! A rectangle of an image: as it is written, in pixels, and as it is remembered.
//!
//! A [`Crop`] is what a user writes: pixels, or fractions of width and height. With the size of the
//! image it becomes a [`Rectangle`] of whole pixels. Examples remember a [`Region`], which means
//! the same in every copy of the image, larger or smaller.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fault::{Blame, Fault};

/// The least width and height of a crop, in pixels of the file.
pub const MIN_CROP_SIDE: usize = 8;

/// Fractions are whole millionths. The longest side has 65,535 pixels, so an edge between two
/// pixels is found again after it was rounded to a millionth.
const UNIT: u32 = 1_000_000;

/// The longest text that is read. No rectangle needs more.
const MAX_TEXT_BYTES: usize = 128;

/// The characters of a text that an error quotes.
const QUOTED: usize = 60;

/// Width and height in pixels.
pub(super) type Size = (usize, usize);

/// Left, top, width, height.
type Sides = [u32; 4];

/// A rectangle of an upright image, as it is written: `x,y,width,height`.
///
/// Four numbers of at most 1 are fractions of the width and height, others are whole pixels. So
/// `0,0,1,1` is the whole image.
///
/// # Examples
/// ```
/// use models::image::Crop;
///
/// let half: Crop = "0.25,0.1,0.50,0.9".parse()?;
/// assert_eq!(half.to_string(), "0.25,0.1,0.5,0.9");
/// let pixels: Crop = "100, 40, 200, 200".parse()?;
/// assert_eq!(pixels.to_string(), "100,40,200,200");
/// # Ok::<(), models::image::CropError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Crop(Written);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Written {
    Pixels(Sides),
    Millionths(Sides),
}

/// A part of an image that is not the whole, in millionths of its upright width and height; as
/// text, `x,y,width,height` in fractions.
///
/// Its edges lie between pixels of the file that it was cut from: equal parts of a file have equal
/// regions, however they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Region(Sides);

/// Whole pixels inside of an upright image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rectangle {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// Why an image is not cropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CropError {
    /// The text is no rectangle.
    #[error(
        "`{0}` is not a crop: expected x,y,width,height, as fractions of the image such as \
         0.25,0.1,0.5,0.5, or as whole pixels such as 100,40,200,200"
    )]
    Form(String),
    /// The text is not what an example remembers of its crop.
    #[error(
        "`{0}` is not a part of an image: expected x,y,width,height, fractions of less than the \
         whole image such as 0.25,0.1,0.5,0.5"
    )]
    Region(String),
    /// The rectangle is not in the image.
    #[error(
        "the crop {crop} leaves the image, which is {width}x{height} upright: make it smaller or \
         move it"
    )]
    Outside {
        /// The rectangle.
        crop: Crop,
        /// Width of the upright image, in pixels.
        width: usize,
        /// Height of the upright image, in pixels.
        height: usize,
    },
    /// The rectangle has too few pixels to show anything.
    #[error(
        "the crop {crop} has {crop_width}x{crop_height} pixels of the image, which is \
         {width}x{height} upright; expected at least {MIN_CROP_SIDE} a side: make it larger"
    )]
    TooSmall {
        /// The rectangle.
        crop: Crop,
        /// Its width, in pixels.
        crop_width: usize,
        /// Its height, in pixels.
        crop_height: usize,
        /// Width of the upright image, in pixels.
        width: usize,
        /// Height of the upright image, in pixels.
        height: usize,
    },
}

impl Fault for CropError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Crop {
    /// The pixels of an upright image of this size; `None` if it is the whole image.
    ///
    /// Edges are rounded to the nearest pixel first, so rounded fractions do not leave the image.
    pub(super) fn within(self, (width, height): Size) -> Result<Option<Rectangle>, CropError> {
        let [left, right] = self.edges(0, width);
        let [top, bottom] = self.edges(1, height);
        if [left, top, right, bottom] == [0, 0, width, height] {
            return Ok(None);
        }
        if right > width || bottom > height {
            return Err(CropError::Outside { crop: self, width, height });
        }
        let inside = Rectangle { left, top, width: right - left, height: bottom - top };
        if inside.width.min(inside.height) < MIN_CROP_SIDE {
            let Rectangle { width: crop_width, height: crop_height, .. } = inside;
            return Err(CropError::TooSmall { crop: self, crop_width, crop_height, width, height });
        }
        Ok(Some(inside))
    }

    /// Both edges along a side of this length: of the width with `axis` 0, of the height with 1.
    fn edges(self, axis: usize, side: usize) -> [usize; 2] {
        match self.0 {
            Written::Pixels(sides) => {
                let start = sides[axis] as usize;
                [start, start.saturating_add(sides[axis + 2] as usize)]
            }
            Written::Millionths(sides) => {
                let start = sides[axis];
                [start, start + sides[axis + 2]].map(|at| pixel(at, side))
            }
        }
    }
}

impl Rectangle {
    pub(super) fn size(&self) -> Size {
        (self.width, self.height)
    }

    /// What it is of an image of this size.
    pub(super) fn region(&self, (width, height): Size) -> Region {
        let [left, right] = [self.left, self.left + self.width].map(|at| millionths(at, width));
        let [top, bottom] = [self.top, self.top + self.height].map(|at| millionths(at, height));
        Region([left, top, right - left, bottom - top])
    }

    /// The same part of a copy of the image that has another size. It has one pixel at least.
    pub(super) fn scaled(&self, from: Size, to: Size) -> Self {
        let [left, right] = scaled([self.left, self.left + self.width], from.0, to.0);
        let [top, bottom] = scaled([self.top, self.top + self.height], from.1, to.1);
        Self { left, top, width: right - left, height: bottom - top }
    }

    /// Its pixels of an image whose rows have `row` pixels of three bytes.
    pub(super) fn cut(&self, rgb: &[u8], row: usize) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(3 * self.width * self.height);
        for line in rgb.chunks_exact(3 * row).skip(self.top).take(self.height) {
            pixels.extend_from_slice(&line[3 * self.left..3 * (self.left + self.width)]);
        }
        pixels
    }
}

/// The pixel edge that is nearest to a fraction of a side.
fn pixel(millionths: u32, side: usize) -> usize {
    let unit = u64::from(UNIT);
    ((u64::from(millionths) * side as u64 + unit / 2) / unit) as usize
}

/// The fraction of a side that is nearest to a pixel edge.
fn millionths(at: usize, side: usize) -> u32 {
    let side = side as u64;
    ((at as u64 * u64::from(UNIT) + side / 2) / side) as u32
}

/// Two edges along a side that gets another length, at least one pixel apart.
fn scaled(edges: [usize; 2], from: usize, to: usize) -> [usize; 2] {
    let [start, end] = edges.map(|at| (at * to + from / 2) / from);
    let start = start.min(to - 1);
    [start, end.max(start + 1)]
}

/// Four numbers of 0 or more.
fn numbers(text: &str) -> Option<[f64; 4]> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let numbers: [f64; 4] = numbers?.try_into().ok()?;
    // Texts such as `inf` and `nan` are numbers too.
    let are_good = numbers.iter().all(|number| number.is_finite() && *number >= 0.0);
    are_good.then_some(numbers)
}

/// The beginning of a text, in one line.
fn quoted(text: &str) -> String {
    let letters = text.chars().take(QUOTED);
    letters.map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

impl FromStr for Crop {
    type Err = CropError;

    fn from_str(text: &str) -> Result<Self, CropError> {
        let numbers = numbers(text).ok_or_else(|| CropError::Form(quoted(text)))?;
        if numbers.iter().all(|number| *number <= 1.0) {
            let millionths = numbers.map(|number| (number * f64::from(UNIT)).round() as u32);
            return Ok(Self(Written::Millionths(millionths)));
        }
        let most = f64::from(u32::MAX);
        let are_pixels = numbers.iter().all(|number| number.fract() == 0.0 && *number <= most);
        if !are_pixels {
            return Err(CropError::Form(quoted(text)));
        }
        Ok(Self(Written::Pixels(numbers.map(|number| number as u32))))
    }
}

impl FromStr for Region {
    type Err = CropError;

    fn from_str(text: &str) -> Result<Self, CropError> {
        match text.parse() {
            Ok(Crop(Written::Millionths(sides))) if is_part(sides) => Ok(Self(sides)),
            _ => Err(CropError::Region(quoted(text))),
        }
    }
}

/// Whether sides are those of a part that is not the whole.
fn is_part([left, top, width, height]: Sides) -> bool {
    let is_inside = left + width <= UNIT && top + height <= UNIT;
    is_inside && width > 0 && height > 0 && width.min(height) < UNIT
}

impl From<Region> for Crop {
    fn from(region: Region) -> Self {
        Self(Written::Millionths(region.0))
    }
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = match self.0 {
            Written::Pixels(sides) => sides.map(|side| side.to_string()),
            Written::Millionths(sides) => sides.map(fraction),
        };
        f.write_str(&texts.join(","))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Crop::from(*self), f)
    }
}

/// The shortest decimal number.
fn fraction(millionths: u32) -> String {
    let text = format!("{}.{:06}", millionths / UNIT, millionths % UNIT);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl From<Crop> for String {
    fn from(crop: Crop) -> Self {
        crop.to_string()
    }
}

impl TryFrom<String> for Crop {
    type Error = CropError;

    fn try_from(text: String) -> Result<Self, CropError> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.to_string()
    }
}

impl TryFrom<String> for Region {
    type Error = CropError;

    fn try_from(text: String) -> Result<Self, CropError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn crop(text: &str) -> Crop {
        text.parse().unwrap()
    }

    fn inside(text: &str, size: Size) -> Rectangle {
        crop(text).within(size).unwrap().unwrap()
    }

    #[test]
    fn numbers_of_at_most_one_are_fractions_and_others_are_pixels() {
        let expected = Rectangle { left: 50, top: 20, width: 100, height: 180 };
        assert_eq!(inside("0.25,0.1,0.5,0.9", (200, 200)), expected);
        assert_eq!(inside(" 50, 20,100,180 ", (200, 200)), expected);
        assert_eq!(inside("1,0,100,180", (200, 200)).left, 1);
    }

    #[test]
    fn the_whole_image_is_no_crop() {
        for text in ["0,0,1,1", "0,0,20,10", "0,0,0.99,0.9999999"] {
            assert_eq!(crop(text).within((20, 10)), Ok(None), "{text}");
        }
        // Also of an image that is smaller than a crop may be.
        assert_eq!(crop("0,0,1,1").within((3, 2)), Ok(None));
    }

    #[test]
    fn a_text_that_is_no_rectangle_is_refused_in_one_line() {
        let long = "0".repeat(200);
        let wrong = [
            "",
            "1",
            "0,0,1",
            "0,0,1,1,1",
            "a,0,1,1",
            "-0.1,0,1,1",
            "0.5,0,20,20",
            "nan,0,1,1",
            "0,0,inf,1",
            "0,0,5000000000,1",
            "0;0;1;1",
            "0,0,\n,1",
            &long,
        ];
        for text in wrong {
            let error = text.parse::<Crop>().unwrap_err();
            assert!(matches!(error, CropError::Form(_)), "{text}: {error}");
            let shown = error.to_string();
            assert!(shown.contains("0.25,0.1,0.5,0.5") && shown.len() < 300, "{shown}");
            assert!(!shown.contains('\n'), "{shown}");
        }
    }

    #[test]
    fn a_rectangle_outside_of_the_image_or_without_pixels_is_refused() {
        for text in ["0.5,0,0.6,1", "90,0,20,50", "0,0,101,50", "4294967295,0,4294967295,9"] {
            let error = crop(text).within((100, 50)).unwrap_err();
            assert!(matches!(error, CropError::Outside { .. }), "{text}: {error}");
            assert!(error.to_string().contains("100x50"), "{error}");
        }
        for text in ["0,0,0,0", "0.5,0.5,0,0.5", "10,10,7,30", "0,0,1,0.1"] {
            let error = crop(text).within((100, 50)).unwrap_err();
            assert!(matches!(error, CropError::TooSmall { .. }), "{text}: {error}");
            assert!(error.to_string().contains(&crop(text).to_string()), "{error}");
        }
        assert!(crop("0.3333,0,0.6668,1").within((100, 50)).is_ok(), "less than half a pixel");
    }

    #[test]
    fn a_region_is_a_part_in_fractions() {
        let region = inside("100,50,300,200", (400, 400)).region((400, 400));
        assert_eq!(region.to_string(), "0.25,0.125,0.75,0.5");
        assert_eq!(region.to_string().parse::<Region>(), Ok(region));
        for wrong in ["100,50,300,200", "0.5,0,0.6,1", "0,0,0,1", "0,0,1,1", "x"] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
        let json = serde_json::to_string(&region).unwrap();
        assert_eq!(json, "\"0.25,0.125,0.75,0.5\"");
        assert_eq!(serde_json::from_str::<Region>(&json).unwrap(), region);
    }

    #[test]
    fn pixels_are_cut_out_of_rows() {
        let rgb: Vec<u8> = (0..10 * 9).flat_map(|at| [at, at, at]).collect();
        let part = Rectangle { left: 2, top: 1, width: 3, height: 2 };
        let cut = part.cut(&rgb, 10);
        let first: Vec<u8> = cut.chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(first, [12, 13, 14, 22, 23, 24]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            if let Ok(crop) = text.parse::<Crop>() {
                prop_assert_eq!(crop.to_string().parse::<Crop>(), Ok(crop));
            }
        }

        #[test]
        fn a_region_finds_its_pixels_again(
            width in 8_usize..65_536,
            height in 8_usize..65_536,
            at in prop::array::uniform4(0.0..1.0_f64),
        ) {
            let [left, top, right, bottom] = at;
            let [across, down] = [right * (1.0 - left), bottom * (1.0 - top)];
            let text = format!("{left:.7},{top:.7},{across:.7},{down:.7}");
            if let Ok(Some(rectangle)) = crop(&text).within((width, height)) {
                let region = rectangle.region((width, height));
                prop_assert_eq!(Crop::from(region).within((width, height)), Ok(Some(rectangle)));
                let small = rectangle.scaled((width, height), (width.div_ceil(8), 1));
                prop_assert!(small.left + small.width <= width.div_ceil(8));
                prop_assert!(small.width > 0 && small.height == 1 && small.top == 0);
            }
        }
    }
}
