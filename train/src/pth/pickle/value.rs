//! Values that a pickle can create.

use crate::pth::tensor::{Kind, Storage, StoredTensor};

/// A value. Values with parts are in an arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::pth) enum Value<'a> {
    /// `None` or a float: never part of a tensor.
    Plain,
    /// `True` or `False`.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// A class or function of the closed list.
    Global(Global),
    /// The index of an [`Object`].
    Object(usize),
}

/// The classes and functions that a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::pth) enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch.Size`.
    Size,
    /// `torch._utils._rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `argparse.Namespace`: the options of a training, saved next to the weights.
    Namespace,
    /// `torch.FloatStorage` and its like.
    Storage(Kind),
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch", "Size") => Self::Size,
            ("argparse", "Namespace") => Self::Namespace,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", storage) => Self::Storage(Kind::find(storage)?),
            _ => return None,
        })
    }
}

/// A value with parts.
#[derive(Debug)]
pub(in crate::pth) enum Object<'a> {
    /// A list or tuple.
    Sequence(Vec<Value<'a>>),
    /// A dict, in the order of insertion.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// The storage of a persistent id.
    Storage(Storage<'a>),
    /// A view of a storage.
    Tensor(StoredTensor<'a>),
}
