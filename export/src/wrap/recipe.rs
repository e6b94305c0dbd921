//! Reads the recipe from image to input that a user writes for a network of another program.
//!
//! It has the fields of [`Preprocess`] as TOML. `size` may be left out where the network states it,
//! and `scale` states the scale of `mean` and `std`: 255, or 1 as most programs print them.

use models::fault::{Blame, Fault};
use models::preprocess::{Preprocess, PreprocessError};
use toml::{Table, Value};

/// The most bytes of a recipe's file.
pub const MAX_BYTES: u64 = 64 << 10;

const SCALE: &str = "scale";
const SIZE: &str = "size";
const LARGEST_VALUE: f64 = 255.0;

/// Why a text is no recipe.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// Not TOML, or with other fields.
    #[error(
        "{0}; expected the fields size, geometry, filter, mean, std and, if they are used, scale, crop_share, bgr, hflip, center_zoom"
    )]
    Toml(String),
    /// Another scale.
    #[error("`scale` is {got}, expected 1 or 255: the value of white before `mean` is subtracted")]
    Scale {
        /// As written.
        got: String,
    },
    /// Numbers of another scale.
    #[error(
        "mean {mean:?} and std {std:?} are not of the scale 0 to {scale}: write `scale = {other}`, or numbers of that scale"
    )]
    OtherScale {
        /// As written.
        mean: [f32; 3],
        /// As written.
        std: [f32; 3],
        /// The scale of the recipe.
        scale: u8,
        /// The one that they seem to be of.
        other: u8,
    },
    /// The recipe cannot be carried out.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
}

impl Fault for RecipeError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// The recipe in these bytes; `size` is that of the network, if it states one.
///
/// # Errors
/// [`RecipeError`].
pub fn parse(bytes: &[u8], size: Option<usize>) -> Result<Preprocess, RecipeError> {
    let text = str::from_utf8(bytes).map_err(|_| toml_error("it is not text in UTF-8"))?;
    let mut table: Table = toml::from_str(text).map_err(|e| toml_error(e.message()))?;
    let scale = take_scale(&mut table)?;
    if let Some(size) = size.and_then(|size| i64::try_from(size).ok()) {
        table.entry(SIZE).or_insert(Value::Integer(size));
    }
    let written = preprocess(table.clone())?;
    check_scale(&written, scale)?;
    if scale == 1 {
        // In 64 bits, so that 0.485 becomes the number nearest to 123.675.
        ["mean", "std"].into_iter().for_each(|field| enlarge(&mut table, field));
    }
    let recipe = preprocess(table)?;
    recipe.check()?;
    Ok(recipe)
}

fn toml_error(reason: &str) -> RecipeError {
    RecipeError::Toml(reason.trim().to_owned())
}

fn preprocess(table: Table) -> Result<Preprocess, RecipeError> {
    table.try_into().map_err(|error: toml::de::Error| toml_error(error.message()))
}

fn take_scale(table: &mut Table) -> Result<u8, RecipeError> {
    let Some(scale) = table.remove(SCALE) else { return Ok(255) };
    match number(&scale) {
        Some(1.0) => Ok(1),
        Some(LARGEST_VALUE) => Ok(255),
        _ => Err(RecipeError::Scale { got: scale.to_string() }),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

/// A mistake in the scale would give embeddings of nothing, and no error.
fn check_scale(Preprocess { mean, std, .. }: &Preprocess, scale: u8) -> Result<(), RecipeError> {
    let is_other = match scale {
        // No network is trained on values far above 255.
        255 => std.iter().all(|x| *x < 1.0),
        _ => mean.iter().chain(std).any(|x| *x > 1.0),
    };
    if is_other {
        let other = if scale == 1 { 255 } else { 1 };
        return Err(RecipeError::OtherScale { mean: *mean, std: *std, scale, other });
    }
    Ok(())
}

/// Numbers of the scale 0 to 1 as those of 0 to 255.
fn enlarge(table: &mut Table, field: &str) {
    let numbers = table.get_mut(field).and_then(Value::as_array_mut);
    for value in numbers.into_iter().flatten() {
        if let Some(number) = number(value) {
            *value = Value::Float(number * LARGEST_VALUE);
        }
    }
}

#[cfg(test)]
mod tests {
    use models::preprocess::{Filter, Geometry};

    use super::*;

    const IMAGENET: &str = "\
        geometry = \"center_crop\"\nfilter = \"catmull_rom\"\nscale = 1\ncrop_share = 0.875\n\
        mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n";

    fn read(text: &str) -> Result<Preprocess, String> {
        parse(text.as_bytes(), Some(224)).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_from_0_to_1_become_those_from_0_to_255() {
        let recipe = read(IMAGENET).unwrap();
        assert_eq!(recipe.mean, [123.675, 116.28, 103.53]);
        assert_eq!(recipe.std, [58.395, 57.12, 57.375]);
        assert_eq!((recipe.size, recipe.filter), (224, Filter::CatmullRom));
        assert_eq!((recipe.geometry, recipe.crop_share), (Geometry::CenterCrop, Some(0.875)));
        assert_eq!(read(&format!("size = 96\n{IMAGENET}")).unwrap().size, 96);
    }

    #[test]
    fn integers_are_numbers_too() {
        let text = "size = 8\ngeometry = \"squash\"\nfilter = \"bilinear\"\nbgr = true\n";
        let plain = read(&format!("{text}mean = [0, 0, 0]\nstd = [1, 1, 1]")).unwrap();
        assert_eq!((plain.mean, plain.std, plain.bgr), ([0.0; 3], [1.0; 3], true));
        let scaled = read(&format!("{text}mean = [0, 0, 0]\nstd = [1, 1, 1]\nscale = 1.0"));
        assert_eq!(scaled.unwrap().std, [255.0; 3]);
    }

    #[test]
    fn each_mistake_is_named() {
        let cases = [
            (IMAGENET.replace("scale = 1\n", ""), "write `scale = 1`"),
            (IMAGENET.replace("0.485", "123.7"), "write `scale = 255`"),
            (IMAGENET.replace("scale = 1", "scale = 2"), "`scale` is 2"),
            (IMAGENET.replace("mean", "means"), "unknown field `means`"),
            (IMAGENET.replace("filter = \"catmull_rom\"\n", ""), "missing field `filter`"),
            (IMAGENET.replace("0.229", "0.0"), "above 0"),
            (IMAGENET.replace("0.875", "2.0"), "crop_share 2"),
            ("geometry = ".to_owned(), "expected the fields size, geometry"),
        ];
        for (text, expected) in cases {
            let error = read(&text).unwrap_err();
            assert!(error.contains(expected), "{expected} in {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        let error = parse(IMAGENET.as_bytes(), None).unwrap_err().to_string();
        assert!(error.contains("missing field `size`"), "{error}");
        assert!(matches!(parse(b"\xFF", None), Err(RecipeError::Toml(_))));
    }
}
