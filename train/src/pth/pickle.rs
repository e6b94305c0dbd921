//! A pickle interpreter that knows only what a `state_dict` needs, and never executes anything.
//!
//! Python's pickles are programs for a stack machine that may call anything by name. Here names are
//! looked up in a closed list ([`Global`]) and all others are refused. Values live in one arena and point
//! into the pickle's bytes, so hostile nesting, cycles and shared parts cost neither recursion nor copies,
//! and there may be only so many of them.
//!
//! The interpreter knows nothing of containers: persistent ids become [`Storage`]s, whose bytes the
//! container finds.

mod error;
mod instructions;
mod machine;
mod value;

use super::tensor::Storage;
pub use error::PickleError;
use machine::Machine;
pub(super) use value::{Object, Value};

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
