//! A pickle interpreter that knows only what a `state_dict` needs, and never executes anything.
//!
//! Python's pickles are programs for a stack machine that may call anything by name. Here names are
//! looked up in a closed list ([`Global`]) and all others are refused. Values live in one arena and point
//! into the pickle's bytes, so hostile nesting, cycles and shared parts cost neither recursion nor copies,
//! and there may be only so many of them.
//!
//! The interpreter knows nothing of containers: persistent ids become [`Storage`]s, whose bytes the
//! container finds.

mod instructions;
mod machine;

use super::tensor::{Kind, Storage, StoredTensor};
use machine::{MAX_VALUES, Machine};

/// Why a pickle is not the description of a `state_dict`.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum PickleError {
    /// The pickle ends before its last instruction.
    #[error("the pickle ends at byte {at}, in the middle of an instruction: the file is cut short")]
    Cut {
        /// Where.
        at: usize,
    },
    /// An instruction that a `state_dict` never needs.
    #[error("the pickle has the instruction 0x{code:02x} at byte {at}, which no state_dict needs")]
    Instruction {
        /// Its code.
        code: u8,
        /// Where.
        at: usize,
    },
    /// A class or function other than those of a `state_dict`.
    #[error(
        "the pickle wants to use `{}`, but only plain tensors are read and nothing is executed; save the weights alone: torch.save(model.state_dict(), path)",
        name.escape_debug()
    )]
    Global {
        /// Its Python module and name.
        name: String,
    },
    /// An instruction found something else than it takes.
    #[error("the pickle is broken at byte {at}: expected {expected}")]
    Broken {
        /// Where.
        at: usize,
        /// What the instruction takes.
        expected: &'static str,
    },
    /// More values than any network needs.
    #[error("the pickle makes more than {MAX_VALUES} values; expected a state_dict")]
    TooMany,
}

/// A value; those with parts lie in an arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
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

/// Everything that a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch.Size`.
    Size,
    /// `torch._utils._rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `torch.FloatStorage` and its like.
    Storage(Kind),
}

impl Global {
    fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch", "Size") => Self::Size,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", storage) => Self::Storage(Kind::find(storage)?),
            _ => return None,
        })
    }
}

/// A value with parts.
#[derive(Debug)]
pub(super) enum Object<'a> {
    /// A list or tuple.
    Sequence(Vec<Value<'a>>),
    /// A dict, in the order of insertion.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// What a persistent id stands for.
    Storage(Storage<'a>),
    /// A view of a storage.
    Tensor(StoredTensor<'a>),
}

/// What a pickle describes.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    /// The outermost value.
    pub(super) root: Value<'a>,
    /// How many bytes it took.
    pub(super) length: usize,
    heap: Vec<Object<'a>>,
}

impl<'a> Pickle<'a> {
    /// Runs the pickle at the start of `bytes`.
    pub(super) fn load(bytes: &'a [u8]) -> Result<Self, PickleError> {
        let mut machine = Machine::new(bytes);
        while machine.step()? {}
        let root = machine.pop()?;
        Ok(Self { root, length: machine.place(), heap: machine.into_heap() })
    }

    /// All storages that it names.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage<'a>> {
        self.heap.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// The parts of a value that has parts.
    pub(super) fn object(&self, value: Value<'a>) -> Option<&Object<'a>> {
        match value {
            Value::Object(index) => self.heap.get(index),
            _ => None,
        }
    }
}
