//! The instructions of protocols 2 to 5 that a `state_dict` needs. Names are those of Python's
//! `pickletools`.

use super::error::PickleError;
use super::machine::Machine;
use super::value::{Global, Object, Value};
use crate::pth::tensor::{MAX_DIMENSIONS, Storage, StoredTensor};

const MAX_PROTOCOL: u8 = 5;

impl<'a> Machine<'a> {
    /// Runs one instruction. `false` after the last.
    pub(super) fn step(&mut self) -> Result<bool, PickleError> {
        match self.instruction()? {
            b'.' => return Ok(false),             // STOP
            0x80 => self.protocol()?,             // PROTO
            0x95 => self.array::<8>().map(drop)?, // FRAME
            b'(' => self.mark()?,                 // MARK
            b'0' => self.pop().map(drop)?,        // POP
            code @ (b'q' | b'r' | 0x94 | b'h' | b'j') => self.memory(code)?,
            code @ (b')' | 0x85..=0x87 | b't' | b']' | b'l' | b'}' | b'd') => {
                self.container(code)?
            }
            code @ (b'a' | b'e' | b's' | b'u') => self.fill(code)?,
            code @ (b'c' | 0x93) => self.global(code)?,
            b'Q' => self.persistent()?, // BINPERSID
            b'R' => self.reduce()?,     // REDUCE
            0x81 => self.new_object()?, // NEWOBJ
            b'b' => self.build()?,      // BUILD
            code => self.literal(code)?,
        }
        Ok(true)
    }

    fn protocol(&mut self) -> Result<(), PickleError> {
        match self.byte()? {
            0..=MAX_PROTOCOL => Ok(()),
            _ => Err(self.broken("a pickle protocol of at most 5")),
        }
    }

    /// Values inside the instruction itself.
    fn literal(&mut self, code: u8) -> Result<(), PickleError> {
        let value = match code {
            b'N' => Value::Plain,                                             // NONE
            0x88 | 0x89 => Value::Boolean(code == 0x88),                      // NEWTRUE, NEWFALSE
            b'G' => self.array::<8>().map(|_| Value::Plain)?,                 // BINFLOAT
            b'J' => Value::Integer(i32::from_le_bytes(self.array()?).into()), // BININT
            b'M' => Value::Integer(u16::from_le_bytes(self.array()?).into()), // BININT2
            b'K' => Value::Integer(self.byte()?.into()),                      // BININT1
            0x8a => Value::Integer(self.long()?),                             // LONG1
            b'X' | b'T' => self.long_text()?, // BINUNICODE, BINSTRING
            0x8c | b'U' => self.short_text()?, // SHORT_BINUNICODE, SHORT_BINSTRING
            _ => return Err(self.unknown(code)),
        };
        self.push(value)
    }

    fn long(&mut self) -> Result<i64, PickleError> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        if length > 8 {
            return Err(self.broken("an integer of at most 64 bits"));
        }
        let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if is_negative { 0xff } else { 0 }; 8];
        wide[..length].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(wide))
    }

    fn long_text(&mut self) -> Result<Value<'a>, PickleError> {
        let length = u32::from_le_bytes(self.array()?);
        self.text(length as usize).map(Value::Text)
    }

    fn short_text(&mut self) -> Result<Value<'a>, PickleError> {
        let length = self.byte()?;
        self.text(length.into()).map(Value::Text)
    }

    fn memory(&mut self, code: u8) -> Result<(), PickleError> {
        let number = match code {
            b'q' | b'h' => Some(self.byte()?.into()), // BINPUT, BINGET
            b'r' | b'j' => Some(u32::from_le_bytes(self.array()?)), // LONG_BINPUT, LONG_BINGET
            _ => None,                                // MEMOIZE
        };
        match (code, number) {
            (b'h' | b'j', Some(number)) => self.recall(number),
            _ => self.remember(number),
        }
    }

    fn container(&mut self, code: u8) -> Result<(), PickleError> {
        let object = match code {
            b')' | b']' => Object::Sequence(Vec::new()), // EMPTY_TUPLE, EMPTY_LIST
            b't' | b'l' => Object::Sequence(self.pop_mark()?), // TUPLE, LIST
            b'}' => Object::Dict(Vec::new()),            // EMPTY_DICT
            b'd' => Object::Dict(self.pop_pairs()?),     // DICT
            _ => Object::Sequence(self.pop_few(usize::from(code - 0x84))?), // TUPLE1 to TUPLE3
        };
        self.make(object)
    }

    fn pop_few(&mut self, count: usize) -> Result<Vec<Value<'a>>, PickleError> {
        let mut values = vec![Value::Plain; count];
        for value in values.iter_mut().rev() {
            *value = self.pop()?;
        }
        Ok(values)
    }

    fn fill(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            // APPEND
            b'a' => {
                let value = self.pop()?;
                self.top_list()?.push(value);
            }
            // APPENDS
            b'e' => {
                let values = self.pop_mark()?;
                self.top_list()?.extend(values);
            }
            // SETITEM
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.top_dict()?.push((key, value));
            }
            // SETITEMS
            _ => {
                let pairs = self.pop_pairs()?;
                self.top_dict()?.extend(pairs);
            }
        }
        Ok(())
    }

    /// `GLOBAL` carries two lines of text, `STACK_GLOBAL` takes them from the stack.
    fn global(&mut self, code: u8) -> Result<(), PickleError> {
        let (module, name) = if code == b'c' {
            (self.line()?, self.line()?)
        } else {
            match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => (module, name),
                _ => return Err(self.broken("the names of a module and of something in it")),
            }
        };
        let global = Global::find(module, name).ok_or_else(|| PickleError::Global {
            name: format!("{module}.{name}").chars().take(200).collect(),
        })?;
        self.push(Value::Global(global))
    }

    /// `("storage", torch.FloatStorage, key, device, number of elements)`, and before PyTorch 1.6
    /// `None`: the storage is not a part of another.
    fn persistent(&mut self) -> Result<(), PickleError> {
        let id = self.pop()?;
        let &[
            Value::Text("storage"),
            Value::Global(Global::Storage(kind)),
            Value::Text(key),
            Value::Text(_),
            elements,
            ref part @ ..,
        ] = self.sequence(id)?
        else {
            return Err(self.broken("the persistent id of a storage"));
        };
        if !matches!(part, [] | [Value::Plain]) {
            return Err(self.broken("a storage that is not a part of another"));
        }
        let elements = self.size(elements)?;
        self.make(Object::Storage(Storage { kind, key, elements }))
    }

    fn reduce(&mut self) -> Result<(), PickleError> {
        let arguments = self.pop()?;
        let called = self.pop()?;
        let Value::Global(called) = called else {
            return Err(self.broken("a function to call"));
        };
        match (called, self.sequence(arguments)?) {
            (Global::OrderedDict, []) => self.make(Object::Dict(Vec::new())),
            (Global::Size, &[sizes]) | (Global::RebuildParameter, &[sizes, _, _]) => {
                self.push(sizes)
            }
            // What follows (whether it is trained, hooks) is of no use to weights.
            (Global::RebuildTensor, &[storage, offset, shape, strides, _, _, ..]) => {
                let tensor = self.tensor([storage, offset, shape, strides])?;
                self.make(Object::Tensor(tensor))
            }
            _ => Err(self.broken("a call as torch.save writes it")),
        }
    }

    fn tensor(
        &self,
        [storage, offset, shape, strides]: [Value<'a>; 4],
    ) -> Result<StoredTensor<'a>, PickleError> {
        let Some(&Object::Storage(storage)) = self.object(storage) else {
            return Err(self.broken("a tensor's storage"));
        };
        let shape = self.sizes(shape)?;
        let strides = self.sizes(strides)?;
        if shape.len() != strides.len() {
            return Err(self.broken("as many strides as dimensions"));
        }
        Ok(StoredTensor { storage, offset: self.size(offset)?, shape, strides })
    }

    /// An object without its constructor. Only options have that form; they are read as an empty
    /// dict, because no weights are in them.
    fn new_object(&mut self) -> Result<(), PickleError> {
        let arguments = self.pop()?;
        let class = self.pop()?;
        match (class, self.sequence(arguments)?) {
            (Value::Global(Global::Namespace), []) => self.make(Object::Dict(Vec::new())),
            _ => Err(self.broken("an object as torch.save writes it")),
        }
    }

    /// Drops the attributes of an `OrderedDict` (`_metadata` of PyTorch) or of options.
    fn build(&mut self) -> Result<(), PickleError> {
        self.pop()?;
        self.top_dict().map(drop)
    }

    fn sequence(&self, value: Value<'a>) -> Result<&[Value<'a>], PickleError> {
        match self.object(value) {
            Some(Object::Sequence(values)) => Ok(values),
            _ => Err(self.broken("a tuple")),
        }
    }

    fn size(&self, value: Value<'a>) -> Result<usize, PickleError> {
        let size = match value {
            Value::Integer(number) => usize::try_from(number).ok(),
            _ => None,
        };
        size.ok_or_else(|| self.broken("a number of elements"))
    }

    fn sizes(&self, value: Value<'a>) -> Result<Vec<usize>, PickleError> {
        let values = self.sequence(value)?;
        if values.len() > MAX_DIMENSIONS {
            return Err(self.broken("at most 8 dimensions"));
        }
        values.iter().map(|&size| self.size(size)).collect()
    }
}
