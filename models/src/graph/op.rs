//! What a node can compute, and what follows from it: shapes, parameters and the amount of work.
//!
//! A new operation gets its arms here first, then in every interpreter.

/// The dimensions of a tensor after the batch dimension.
pub type Shape = Vec<usize>;

/// What a node computes, with the meaning that the ONNX operator of the same purpose has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// Square convolution `[c, h, w]` to `[out_channels, h', w']`, padded with zeros.
    Conv2d {
        /// Output channels.
        out_channels: usize,
        /// Height and width of the kernel.
        kernel: usize,
        /// Step in both directions.
        stride: usize,
        /// Zeros added on the sides.
        padding: Padding,
        /// Input and output channels are divided into this number of equal groups; an output sees
        /// the inputs of its own group only. 1: every output sees every input. As many groups as
        /// channels: a depthwise convolution.
        groups: usize,
        /// Whether a bias is added to each channel.
        bias: bool,
    },
    /// Batch normalization per channel of `[c, h, w]`.
    BatchNorm {
        /// Added to the variance.
        eps: f32,
    },
    /// `x` where positive, `slope * x` elsewhere; any shape.
    LeakyRelu {
        /// The factor of negative values.
        slope: f32,
    },
    /// `x` limited to 0..=6; any shape.
    Relu6,
    /// Square max-pooling of `[c, h, w]` without padding; incomplete windows are dropped.
    MaxPool2d {
        /// Height and width of the window.
        kernel: usize,
        /// Step in both directions.
        stride: usize,
    },
    /// The spatial mean: `[c, h, w]` to `[c]`.
    GlobalAveragePool,
    /// A linear layer on the last dimension: `[.., in]` to `[.., outputs]`.
    Linear {
        /// What the last dimension becomes.
        outputs: usize,
        /// Whether a bias is added.
        bias: bool,
    },
    /// A new dimension of size 1.
    Unsqueeze {
        /// Its place, counted without the batch.
        axis: usize,
    },
    /// The sum over one dimension, which is dropped.
    Sum {
        /// Its place, counted without the batch.
        axis: usize,
    },
    /// The sum of two values with the same number of dimensions; a size of 1 is repeated.
    Add,
    /// The product of two values, under the same rule.
    Mul,
    /// Vectors `[a]`, `[b]`, … one after another: `[a + b + …]`.
    Concat,
    /// The value that is left after storing it in 8 bits: one of 256 numbers; any shape.
    FakeQuantize(Quantization),
}

/// The 256 numbers that an 8-bit value stands for: `scale * (q - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantization {
    /// The distance from one number to the next.
    pub scale: f32,
    /// Which `q` stands for 0.
    pub zero_point: i32,
    /// Whether `q` is in -128..=127 rather than 0..=255.
    pub signed: bool,
}

impl Quantization {
    /// The least and the greatest `q`.
    pub const fn limits(self) -> (i32, i32) {
        if self.signed { (-128, 127) } else { (0, 255) }
    }

    /// The number that is nearest to `x`; between two equally near ones, that with the even
    /// `q - zero_point`.
    pub fn round(self, x: f64) -> f64 {
        let scale = f64::from(self.scale);
        let zero = f64::from(self.zero_point);
        let (least, greatest) = self.limits();
        // The order of ONNX's `QuantizeLinear`: round ties to even, then add the zero point.
        let q = (x / scale).round_ties_even() + zero;
        (q.clamp(f64::from(least), f64::from(greatest)) - zero) * scale
    }
}

/// Zeros around an image, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// Rows above and columns to the left.
    pub before: usize,
    /// Rows below and columns to the right.
    pub after: usize,
}

impl Padding {
    /// None.
    pub const NONE: Self = Self::even(0);

    /// The same on all sides.
    pub const fn even(zeros: usize) -> Self {
        Self { before: zeros, after: zeros }
    }

    /// TensorFlow's `SAME`: as many zeros as it takes for an image of `size` to become
    /// `size / stride`, rounded up. An odd zero goes below and to the right. The stride is not 0.
    pub const fn same(size: usize, kernel: usize, stride: usize) -> Self {
        // Where the last window starts; what it reaches beyond the image is the padding.
        let last = (size.div_ceil(stride).saturating_sub(1)) * stride;
        let total = (last + kernel).saturating_sub(size);
        Self { before: total / 2, after: total - total / 2 }
    }

    /// Zeros in one direction.
    pub const fn total(self) -> usize {
        self.before + self.after
    }
}

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A learned factor.
    Weight,
    /// A learned summand.
    Bias,
    /// A batch normalization's running mean: updated by the forward pass, not by gradients.
    RunningMean,
    /// A batch normalization's running variance, updated in the same way.
    RunningVar,
}

impl Role {
    /// Whether gradients change it.
    pub fn is_learned(self) -> bool {
        matches!(self, Self::Weight | Self::Bias)
    }

    /// The last part of the parameter's name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::RunningMean => "running_mean",
            Self::RunningVar => "running_var",
        }
    }
}

impl Op {
    /// The shape of the result, or what the operation expects instead of these values.
    pub(super) fn output_shape(&self, read: &[&Shape]) -> Result<Shape, &'static str> {
        match (*self, read) {
            (Self::Conv2d { out_channels, kernel, stride, padding, groups, .. }, [shape]) => {
                let [channels, height, width] = feature_map(shape)?;
                // Groups come first: `parameters` divides by them.
                if !(divides(groups, channels) && divides(groups, out_channels)) {
                    return Err("channels, before and after, that the groups divide");
                }
                let padded = [height, width].map(|side| side + padding.total());
                let [height, width] = windows(padded, kernel, stride)
                    .ok_or("an image at least as large as the kernel, and a stride above 0")?;
                Ok(vec![out_channels, height, width])
            }
            (Self::MaxPool2d { kernel, stride }, [shape]) => {
                let [channels, height, width] = feature_map(shape)?;
                let [height, width] = windows([height, width], kernel, stride)
                    .ok_or("an image at least as large as the window, and a stride above 0")?;
                Ok(vec![channels, height, width])
            }
            (Self::BatchNorm { .. }, [shape]) => Ok(feature_map(shape)?.to_vec()),
            (Self::GlobalAveragePool, [shape]) => Ok(vec![feature_map(shape)?[0]]),
            (Self::LeakyRelu { .. } | Self::Relu6 | Self::FakeQuantize(_), [shape]) => {
                Ok((*shape).clone())
            }
            (Self::Linear { outputs, .. }, [shape]) => match shape.split_last() {
                Some((_, rest)) => Ok([rest, &[outputs]].concat()),
                None => Err("at least one dimension"),
            },
            (Self::Unsqueeze { axis }, [shape]) if axis <= shape.len() => {
                Ok([&shape[..axis], &[1], &shape[axis..]].concat())
            }
            (Self::Sum { axis }, [shape]) if axis < shape.len() => {
                Ok([&shape[..axis], &shape[axis + 1..]].concat())
            }
            (Self::Unsqueeze { .. } | Self::Sum { .. }, [_]) => Err("more dimensions"),
            (Self::Add | Self::Mul, [a, b]) => {
                broadcast(a, b).ok_or("two values of the same shape, but for sizes of 1")
            }
            (Self::Add | Self::Mul, _) => Err("two values"),
            (Self::Concat, _) => concatenated(read).ok_or("vectors that are not too long together"),
            _ => Err("one value"),
        }
    }

    /// The tensors that the operation needs for values of these shapes, which fit it.
    pub(super) fn parameters(&self, read: &[&Shape]) -> Vec<(Role, Shape)> {
        match *self {
            Self::Linear { outputs, bias } => {
                let inputs = read[0].last().copied().unwrap_or(0);
                weight_and_bias(vec![outputs, inputs], bias)
            }
            Self::Conv2d { out_channels, kernel, groups, bias, .. } => {
                weight_and_bias(vec![out_channels, read[0][0] / groups, kernel, kernel], bias)
            }
            Self::BatchNorm { .. } => {
                let roles = [Role::Weight, Role::Bias, Role::RunningMean, Role::RunningVar];
                roles.map(|role| (role, vec![read[0][0]])).to_vec()
            }
            Self::LeakyRelu { .. }
            | Self::Relu6
            | Self::MaxPool2d { .. }
            | Self::GlobalAveragePool
            | Self::Unsqueeze { .. }
            | Self::Sum { .. }
            | Self::Add
            | Self::Mul
            | Self::Concat
            | Self::FakeQuantize(_) => Vec::new(),
        }
    }

    /// Floating-point operations for one image; the shapes fit the operation.
    pub(super) fn flops(&self, read: &[&Shape], written: &Shape) -> u64 {
        match self {
            Self::Conv2d { kernel, groups, bias, .. } => {
                let seen = read[0][0] / groups * kernel * kernel;
                size(written) * (2 * seen as u64 + u64::from(*bias))
            }
            // The statistics are constants here: one factor and one summand are left.
            Self::BatchNorm { .. } => 2 * size(written),
            Self::Linear { bias, .. } => {
                size(written) * (2 * read[0].last().map_or(0, |&n| n as u64) + u64::from(*bias))
            }
            Self::LeakyRelu { .. } | Self::Relu6 | Self::Add | Self::Mul => size(written),
            // An integer network has no such step: its values are 8 bits wide anyway.
            Self::Unsqueeze { .. } | Self::Concat | Self::FakeQuantize(_) => 0,
            Self::MaxPool2d { kernel, .. } => size(written) * (kernel * kernel) as u64,
            Self::GlobalAveragePool | Self::Sum { .. } => size(read[0]),
        }
    }
}

/// Channels, height and width of an image or of what convolutions make of one.
fn feature_map(shape: &Shape) -> Result<[usize; 3], &'static str> {
    shape.as_slice().try_into().map_err(|_| "[channels, height, width]")
}

/// The number of values of a shape.
fn size(shape: &Shape) -> u64 {
    shape.iter().product::<usize>() as u64
}

/// A weight, whose first dimension is that of the outputs, and perhaps a bias.
fn weight_and_bias(weight: Shape, has_bias: bool) -> Vec<(Role, Shape)> {
    let bias = has_bias.then(|| (Role::Bias, vec![weight[0]]));
    std::iter::once((Role::Weight, weight)).chain(bias).collect()
}

/// The shape of a sum or product in which sizes of 1 are repeated; `None` when the two do not fit.
fn broadcast(a: &Shape, b: &Shape) -> Option<Shape> {
    // ONNX also takes shapes of different lengths. That would repeat a value along the batch, which
    // shapes here leave out.
    if a.len() != b.len() {
        return None;
    }
    a.iter().zip(b).map(|(&a, &b)| common_size(a, b)).collect()
}

fn common_size(a: usize, b: usize) -> Option<usize> {
    match (a, b) {
        _ if a == b || b == 1 => Some(a),
        _ if a == 1 => Some(b),
        _ => None,
    }
}

/// The shape of vectors one after another; `None` for anything else.
fn concatenated(read: &[&Shape]) -> Option<Shape> {
    let mut sum = 0_usize;
    for shape in read {
        let [length] = shape.as_slice() else { return None };
        // Sizes come from files: a sum that overflows is an error of the file, not of this program.
        sum = sum.checked_add(*length)?;
    }
    (!read.is_empty()).then(|| vec![sum])
}

/// Whether a size can be cut into this number of equal parts, none of them empty.
fn divides(parts: usize, size: usize) -> bool {
    parts > 0 && size >= parts && size.is_multiple_of(parts)
}

/// How many windows fit along each side; `None` when not even one does.
fn windows(sides: [usize; 2], kernel: usize, stride: usize) -> Option<[usize; 2]> {
    let fits = stride > 0 && kernel > 0 && sides.iter().all(|&side| side >= kernel);
    fits.then(|| sides.map(|side| (side - kernel) / stride + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vectors_stand_one_after_another() {
        let vector = vec![3];
        let map = vec![3, 8, 8];
        let endless = vec![usize::MAX];
        assert_eq!(Op::Concat.output_shape(&[&vector, &vector]), Ok(vec![6]));
        for read in [&[&vector, &map][..], &[], &[&endless, &vector]] {
            let expected = Op::Concat.output_shape(read).unwrap_err();
            assert!(expected.starts_with("vectors that"), "{read:?}: {expected}");
        }
    }

    #[test]
    fn same_padding_is_that_of_tensorflow() {
        // The places of zeros as TensorFlow's documentation of `SAME` computes them.
        for (size, kernel, stride, before, after) in [
            (224, 3, 2, 0, 1),
            (56, 5, 2, 1, 2),
            (7, 3, 2, 1, 1),
            (9, 5, 2, 2, 2),
            (14, 5, 1, 2, 2),
            (8, 1, 2, 0, 0),
            (1, 3, 2, 1, 1),
        ] {
            let padding = Padding::same(size, kernel, stride);
            assert_eq!(padding, Padding { before, after }, "{size} {kernel} {stride}");
        }
    }
}
