//! A pickle interpreter that supports only what a `state_dict` needs and never executes anything.
//!
//! A Python pickle is a program for a stack machine that may call anything by name. This
//! interpreter accepts a closed list of names. Values live in one arena and refer to the bytes of
//! the pickle, so hostile nesting, cycles and shared parts cost neither recursion nor copies, and
//! their number is limited. Persistent ids become [`Storage`]s, whose bytes the container finds.

mod error;
mod instructions;
mod machine;
mod value;

use super::tensor::Storage;
pub use error::PickleError;
use machine::Machine;
pub(super) use value::{Object, Value};

/// The result of a pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    /// The outermost value.
    pub(super) root: Value<'a>,
    /// Its length in bytes.
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

    /// All storages in it.
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
