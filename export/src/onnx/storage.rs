//! Stores tensors in an ONNX file, in fp32, fp16 or integers, without changing a value.

use half::f16;
use models::bundle::WeightStorage;
use ndarray::{ArrayD, Axis};

use super::build::{initializer, int, operation};
use super::error::OnnxError;
use super::messages::{GraphProto, data_type};
use crate::precision::int8::Scales;

/// How tensors are stored in a file.
#[derive(Debug, Clone, Copy)]
pub enum Storage<'a> {
    /// For fp32 arithmetic. With [`WeightStorage::Fp16`], tensors of two and more dimensions are
    /// stored in fp16 and widened by a `Cast`, which engines compute once when they load the file;
    /// their values must be [narrow](crate::precision::fp16::narrow).
    Floats(WeightStorage),
    /// For fp16 arithmetic: every tensor in fp16, vectors too; inputs and outputs stay in fp32.
    /// Values must be [narrow](crate::precision::fp16::narrow_all).
    Halves,
    /// For int8 arithmetic: tensors that have scales as integers, kernels in 8 bits and vectors in
    /// 32; the others in fp32. Values must be multiples of their scales.
    Integers(&'a Scales),
}

/// Adds a parameter, and the nodes that make fp32 values of it.
pub(super) fn add(
    graph: &mut GraphProto,
    name: &str,
    tensor: &ArrayD<f32>,
    storage: Storage<'_>,
) -> Result<(), OnnxError> {
    match storage {
        Storage::Integers(scales) if scales.contains_key(name) => {
            add_integers(graph, name, tensor, &scales[name])
        }
        // A vector is small, and fp16 would round values that are not narrow.
        Storage::Floats(WeightStorage::Fp16) if tensor.ndim() >= 2 => {
            add_halves(graph, name, tensor)
        }
        // For fp16 arithmetic, `half_arithmetic` converts the finished graph.
        _ => {
            let bytes = tensor.iter().flat_map(|v| v.to_le_bytes()).collect();
            graph.initializer.push(initializer(name, tensor.shape(), data_type::FLOAT, bytes));
            Ok(())
        }
    }
}

fn add_halves(graph: &mut GraphProto, name: &str, tensor: &ArrayD<f32>) -> Result<(), OnnxError> {
    let stored = format!("{name}/fp16");
    let bytes = halves(name, tensor.iter().copied())?;
    graph.initializer.push(initializer(&stored, tensor.shape(), data_type::FLOAT16, bytes));
    let to = vec![int("to", i64::from(data_type::FLOAT))];
    graph.node.push(operation("Cast", vec![stored], name, to));
    Ok(())
}

/// Adds a parameter as integers with a scale for each slice along the first axis.
fn add_integers(
    graph: &mut GraphProto,
    name: &str,
    tensor: &ArrayD<f32>,
    scales: &[f32],
) -> Result<(), OnnxError> {
    let bits = if tensor.ndim() >= 2 { 8 } else { 32 };
    let kind = if bits == 8 { data_type::INT8 } else { data_type::INT32 };
    let channels = [scales.len()];
    let stored = format!("{name}/integers");
    let scale = format!("{name}/scale");
    let zero_point = format!("{name}/zero_point");
    let bytes = integers(name, tensor, scales, bits)?;
    let zeros = vec![0; scales.len() * bits as usize / 8];
    let scales = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
    graph.initializer.push(initializer(&stored, tensor.shape(), kind, bytes));
    graph.initializer.push(initializer(&scale, &channels, data_type::FLOAT, scales));
    graph.initializer.push(initializer(&zero_point, &channels, kind, zeros));
    let inputs = vec![stored, scale, zero_point];
    graph.node.push(operation("DequantizeLinear", inputs, name, vec![int("axis", 0)]));
    Ok(())
}

/// The values divided by their scales, as little-endian integers of `bits` bits.
fn integers(
    name: &str,
    tensor: &ArrayD<f32>,
    scales: &[f32],
    bits: u32,
) -> Result<Vec<u8>, OnnxError> {
    // In 32 bits: up to there an f32 represents every integer.
    let largest = if bits == 8 { 127.0 } else { (1 << 24) as f32 };
    let mut bytes = Vec::new();
    for (slice, scale) in tensor.axis_iter(Axis(0)).zip(scales) {
        for &value in &slice {
            let q = (value / scale).round_ties_even();
            // Not `q.abs() > largest`: NaN must be refused too.
            let fits = q.abs() <= largest;
            if !fits || q * scale != value {
                return Err(OnnxError::Inexact { tensor: name.to_owned(), value, bits });
            }
            bytes.extend(&(q as i32).to_le_bytes()[..bits as usize / 8]);
        }
    }
    Ok(bytes)
}

/// The values in fp16, as little-endian bytes.
pub(super) fn halves(name: &str, values: impl Iterator<Item = f32>) -> Result<Vec<u8>, OnnxError> {
    let mut bytes = Vec::with_capacity(2 * values.size_hint().0);
    for value in values {
        let half = f16::from_f32(value);
        if half.to_f32() != value {
            return Err(OnnxError::Inexact { tensor: name.to_owned(), value, bits: 16 });
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok(bytes)
}
