//! The state of the interpreter: the bytes, a stack with marks, a memo and the arena.

use std::collections::BTreeMap;

use super::error::{MAX_VALUES, PickleError};
use super::value::{Object, Value};

/// The longest name of a module, class or function.
const MAX_NAME_BYTES: usize = 256;

pub(super) type Pairs<'a> = Vec<(Value<'a>, Value<'a>)>;

pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    started: usize,
    heap: Vec<Object<'a>>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at the marks.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Value<'a>>,
    made: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            started: 0,
            heap: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
            made: 0,
        }
    }

    /// The position of the next instruction.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    pub(super) fn into_heap(self) -> Vec<Object<'a>> {
        self.heap
    }

    /// The code of the next instruction. Errors name its position.
    pub(super) fn instruction(&mut self) -> Result<u8, PickleError> {
        self.started = self.at;
        self.byte()
    }

    pub(super) fn unknown(&self, code: u8) -> PickleError {
        PickleError::Instruction { code, at: self.started }
    }

    pub(super) fn broken(&self, expected: &'static str) -> PickleError {
        PickleError::Broken { at: self.started, expected }
    }

    /// Counts everything that needs memory, to limit it.
    fn count(&mut self) -> Result<(), PickleError> {
        self.made += 1;
        if self.made > MAX_VALUES { Err(PickleError::TooMany) } else { Ok(()) }
    }

    pub(super) fn push(&mut self, value: Value<'a>) -> Result<(), PickleError> {
        self.count()?;
        self.stack.push(value);
        Ok(())
    }

    /// Adds an object to the arena and the stack.
    pub(super) fn make(&mut self, object: Object<'a>) -> Result<(), PickleError> {
        self.push(Value::Object(self.heap.len()))?;
        self.heap.push(object);
        Ok(())
    }

    /// The newest value above the last mark.
    fn top(&self) -> Result<Value<'a>, PickleError> {
        // What lies below the mark belongs to an outer container.
        let floor = self.marks.last().copied().unwrap_or(0);
        let value = self.stack.get(floor..).and_then(<[_]>::last).copied();
        value.ok_or_else(|| self.broken("a value on the stack"))
    }

    pub(super) fn pop(&mut self) -> Result<Value<'a>, PickleError> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    pub(super) fn mark(&mut self) -> Result<(), PickleError> {
        self.count()?;
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// Everything above the last mark, and the mark itself.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| self.broken("a mark"))?;
        Ok(self.stack.split_off(mark))
    }

    /// Like [`Machine::pop_mark`], as keys and values.
    pub(super) fn pop_pairs(&mut self) -> Result<Pairs<'a>, PickleError> {
        let values = self.pop_mark()?;
        let (pairs, rest) = values.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.broken("a value for each key"));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    /// Stores the newest value in the memo, by default under the next number.
    pub(super) fn remember(&mut self, number: Option<u32>) -> Result<(), PickleError> {
        self.count()?;
        // MEMOIZE of protocol 4 has no number; Python counts in the same way.
        let number = number.unwrap_or(self.memo.len() as u32);
        let value = self.top()?;
        self.memo.insert(number, value);
        Ok(())
    }

    pub(super) fn recall(&mut self, number: u32) -> Result<(), PickleError> {
        let value = self.memo.get(&number).copied();
        self.push(value.ok_or_else(|| self.broken("a value that was remembered"))?)
    }

    pub(super) fn object(&self, value: Value<'a>) -> Option<&Object<'a>> {
        match value {
            Value::Object(index) => self.heap.get(index),
            _ => None,
        }
    }

    fn top_object(&mut self) -> Result<Option<&mut Object<'a>>, PickleError> {
        match self.top()? {
            Value::Object(index) => Ok(self.heap.get_mut(index)),
            _ => Ok(None),
        }
    }

    pub(super) fn top_list(&mut self) -> Result<&mut Vec<Value<'a>>, PickleError> {
        let error = self.broken("a list");
        match self.top_object()? {
            Some(Object::Sequence(values)) => Ok(values),
            _ => Err(error),
        }
    }

    pub(super) fn top_dict(&mut self) -> Result<&mut Pairs<'a>, PickleError> {
        let error = self.broken("a dict");
        match self.top_object()? {
            Some(Object::Dict(pairs)) => Ok(pairs),
            _ => Err(error),
        }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let cut = PickleError::Cut { at: self.bytes.len() };
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..length)).ok_or(cut)?;
        self.at += length;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        Ok(*self.take(N)?.first_chunk().expect("invariant: take gives N bytes"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, PickleError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn text(&mut self, length: usize) -> Result<&'a str, PickleError> {
        std::str::from_utf8(self.take(length)?).map_err(|_| self.broken("a text in UTF-8"))
    }

    /// A name that ends with its line.
    pub(super) fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().take(MAX_NAME_BYTES).position(|&byte| byte == b'\n');
        let line = self.text(length.ok_or_else(|| self.broken("a name of at most 255 bytes"))?)?;
        self.at += 1;
        Ok(line)
    }
}
