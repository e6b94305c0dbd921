//! The shapes and types that an ONNX file states for its input and output.

use crate::onnx::messages::{Dimension, TensorShape, TensorType, ValueInfo, data_type, dimension};

/// What to do about an input of another shape.
const NO_SHAPE: &str = "state the shape, as an export with an example of the input does";
const CHANNELS_LAST: &str =
    "channels come first here; convert it with `tf2onnx --inputs-as-nchw NAME`";
const FIXED_BATCH: &str = "export it with an example of one image, or with a free batch";
const SQUARE: &str = "images are squares here; export it for square images";
const OTHER: &str = "export a network of one RGB image";

/// The shape of a network's input, `[n, 3, size, size]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImageShape {
    /// The side of the images; `None` where any size may go in.
    pub(super) size: Option<usize>,
    /// Whether several images may go in at once.
    pub(super) any_batch: bool,
}

/// The shape of an input of images.
///
/// # Errors
/// What to do about another shape.
pub(super) fn image_shape(input: &ValueInfo) -> Result<ImageShape, &'static str> {
    let shape = shape(input).ok_or(NO_SHAPE)?;
    let sizes: Vec<Option<usize>> = shape.dim.iter().map(fixed).collect();
    match *sizes.as_slice() {
        [_, Some(3), Some(height), Some(width)] if height != width => Err(SQUARE),
        [Some(2..), Some(3), _, _] => Err(FIXED_BATCH),
        [batch, Some(3), height, width] => {
            Ok(ImageShape { size: height.or(width), any_batch: batch.is_none() })
        }
        [_, _, _, Some(3)] => Err(CHANNELS_LAST),
        _ => Err(OTHER),
    }
}

/// The number of dimensions, if the file states them.
pub(super) fn rank(value: &ValueInfo) -> Option<usize> {
    shape(value).map(|shape| shape.dim.len())
}

/// The type of the values, if the file states one.
pub(super) fn elements(value: &ValueInfo) -> Option<i32> {
    tensor_type(value).map(|tensor| tensor.elem_type)
}

/// `[n, 3, 224, 224]`, with the names that the file uses.
pub(super) fn shape_text(value: &ValueInfo) -> String {
    match shape(value) {
        Some(shape) => {
            let sizes: Vec<String> = shape.dim.iter().map(size_text).collect();
            format!("[{}]", sizes.join(", "))
        }
        None => "without a shape".to_owned(),
    }
}

/// The name of a type of values.
pub(super) fn type_text(elements: Option<i32>) -> String {
    match elements {
        Some(data_type::FLOAT) => "float32".to_owned(),
        Some(data_type::FLOAT16) => "float16".to_owned(),
        Some(data_type::UINT8) => "uint8".to_owned(),
        Some(data_type::INT8) => "int8".to_owned(),
        Some(data_type::INT32) => "int32".to_owned(),
        Some(data_type::INT64) => "int64".to_owned(),
        Some(other) => format!("ONNX type {other}"),
        None => "no tensor".to_owned(),
    }
}

fn tensor_type(value: &ValueInfo) -> Option<&TensorType> {
    value.r#type.as_ref()?.tensor_type.as_ref()
}

fn shape(value: &ValueInfo) -> Option<&TensorShape> {
    tensor_type(value)?.shape.as_ref()
}

/// A size that does not depend on a run.
fn fixed(size: &Dimension) -> Option<usize> {
    match &size.value {
        // Some programs write a size that a run decides as 0 or -1.
        Some(dimension::Value::DimValue(size)) => usize::try_from(*size).ok().filter(|n| *n > 0),
        _ => None,
    }
}

fn size_text(size: &Dimension) -> String {
    match &size.value {
        Some(dimension::Value::DimValue(size)) => size.to_string(),
        Some(dimension::Value::DimParam(name)) if !name.is_empty() => name.clone(),
        _ => "?".to_owned(),
    }
}
