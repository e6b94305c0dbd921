//! Tensors as views of flat storages, with type, offset and strides.

use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn};

/// The most dimensions of a tensor.
pub(super) const MAX_DIMENSIONS: usize = 8;

/// The number type of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Half,
    BFloat16,
    Double,
    Long,
    Int,
}

impl Kind {
    /// The kind with this PyTorch class name.
    pub(super) fn find(class: &str) -> Option<Self> {
        Some(match class {
            "FloatStorage" => Self::Float,
            "HalfStorage" => Self::Half,
            "BFloat16Storage" => Self::BFloat16,
            "DoubleStorage" => Self::Double,
            "LongStorage" => Self::Long,
            "IntStorage" => Self::Int,
            _ => return None,
        })
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Half | Self::BFloat16 => 2,
            Self::Float | Self::Int => 4,
            Self::Double | Self::Long => 8,
        }
    }
}

/// A flat array of numbers that tensors are views of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Storage<'a> {
    pub(super) kind: Kind,
    /// The key of its bytes in the container.
    pub(super) key: &'a str,
    pub(super) elements: usize,
}

/// A saved tensor. Offset and strides count elements of the storage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StoredTensor<'a> {
    pub(super) storage: Storage<'a>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// One per dimension; 0 repeats.
    pub(super) strides: Vec<usize>,
}

impl StoredTensor<'_> {
    /// The number of elements, or `None` on overflow.
    pub(super) fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }

    /// Copies the tensor out of its storage's little-endian bytes.
    ///
    /// # Errors
    /// The reason: the storage has another size than described, or the view exceeds it.
    pub(super) fn read(&self, data: &[u8]) -> Result<Values, String> {
        self.check(data)?;
        Ok(match self.storage.kind {
            Kind::Float => Values::Floats(self.gather(data, f32::from_le_bytes)?),
            Kind::Half => Values::Floats(self.gather(data, |b| f16::from_le_bytes(b).to_f32())?),
            Kind::BFloat16 => {
                Values::Floats(self.gather(data, |b| bf16::from_le_bytes(b).to_f32())?)
            }
            Kind::Double => Values::Floats(self.gather(data, |b| f64::from_le_bytes(b) as f32)?),
            Kind::Long => Values::Integers(self.gather(data, i64::from_le_bytes)?),
            Kind::Int => Values::Integers(self.gather(data, |b| i32::from_le_bytes(b).into())?),
        })
    }

    fn check(&self, data: &[u8]) -> Result<(), String> {
        let Storage { kind, key, elements } = self.storage;
        if Some(data.len()) != elements.checked_mul(kind.bytes()) {
            return Err(format!(
                "its storage `{}` has {} bytes, expected {elements} numbers of {} bytes",
                key.escape_debug(),
                data.len(),
                kind.bytes()
            ));
        }
        if self.end().is_some_and(|end| end <= elements) {
            return Ok(());
        }
        let Self { offset, shape, strides, .. } = self;
        Err(format!(
            "shape {shape:?} with strides {strides:?} from {offset} leaves its storage of {elements} numbers"
        ))
    }

    /// The end of the furthest element of the view, or `None` on overflow.
    fn end(&self) -> Option<usize> {
        // An empty view reads nothing, wherever its offset points.
        if self.shape.contains(&0) {
            return Some(0);
        }
        let steps = self.shape.iter().zip(&self.strides);
        let last = steps.map(|(size, stride)| (size - 1).checked_mul(*stride));
        last.chain([Some(self.offset), Some(1)])
            .try_fold(0usize, |sum, part| sum.checked_add(part?))
    }

    fn gather<const N: usize, T>(
        &self,
        data: &[u8],
        number: impl Fn([u8; N]) -> T,
    ) -> Result<ArrayD<T>, String> {
        let (elements, _) = data.as_chunks::<N>();
        let count = self.elements().ok_or("it has more elements than can be counted")?;
        // A pickle with more dimensions was refused, so the index has room.
        let mut index = [0; MAX_DIMENSIONS];
        // `check` has verified that every position lies in the storage.
        let values = (0..count).map(|_| {
            let steps = index.iter().zip(&self.strides).map(|(i, stride)| i * stride);
            let at = self.offset + steps.sum::<usize>();
            advance(&mut index, &self.shape);
            number(elements[at])
        });
        ArrayD::from_shape_vec(IxDyn(&self.shape), values.collect()).map_err(|e| e.to_string())
    }
}

/// The numbers of a tensor as f32 or i64.
#[derive(Debug)]
pub(super) enum Values {
    Floats(ArrayD<f32>),
    Integers(ArrayD<i64>),
}

/// The next index, the last dimension fastest.
fn advance(index: &mut [usize], shape: &[usize]) {
    for (i, &size) in index.iter_mut().zip(shape).rev() {
        *i += 1;
        if *i < size {
            return;
        }
        *i = 0;
    }
}
