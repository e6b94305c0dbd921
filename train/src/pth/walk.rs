//! Finds every tensor of a nested value, named by its path: `{"model": {"fc.weight": …}}` has
//! `model.fc.weight`.

use super::error::PthError;
use super::pickle::{Object, Pickle, Value};
use super::tensor::StoredTensor;

// `visit` calls itself, so the depth of a hostile file must not reach the end of the stack.
const MAX_DEPTH: usize = 16;
const MAX_NAME_BYTES: usize = 1024;
/// A shared part is visited once for each path to it, and hostile files can have many paths.
const MAX_STEPS: usize = 1 << 17;

/// The tensors in file order. Everything else is skipped.
pub(super) fn tensors<'p, 'a>(
    pickle: &'p Pickle<'a>,
) -> Result<Vec<(String, &'p StoredTensor<'a>)>, PthError> {
    let mut walk = Walk { pickle, name: String::new(), steps: 0, found: Vec::new() };
    walk.visit(pickle.root, 0)?;
    Ok(walk.found)
}

struct Walk<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// The current path.
    name: String,
    steps: usize,
    found: Vec<(String, &'p StoredTensor<'a>)>,
}

impl<'p, 'a> Walk<'p, 'a> {
    fn visit(&mut self, value: Value<'a>, depth: usize) -> Result<(), PthError> {
        self.steps += 1;
        if depth > MAX_DEPTH || self.steps > MAX_STEPS || self.name.len() > MAX_NAME_BYTES {
            return Err(PthError::Nesting);
        }
        match self.pickle.object(value) {
            Some(Object::Tensor(tensor)) => self.found.push((self.name.clone(), tensor)),
            Some(Object::Sequence(values)) => {
                for (index, &value) in values.iter().enumerate() {
                    self.descend(&index.to_string(), value, depth)?;
                }
            }
            Some(Object::Dict(pairs)) => {
                for &(key, value) in pairs {
                    match key {
                        Value::Text(key) => self.descend(key, value, depth)?,
                        Value::Integer(key) => self.descend(&key.to_string(), value, depth)?,
                        _ => return Err(PthError::Key),
                    }
                }
            }
            Some(Object::Storage(_)) | None => {}
        }
        Ok(())
    }

    fn descend(&mut self, key: &str, value: Value<'a>, depth: usize) -> Result<(), PthError> {
        let length = self.name.len();
        if length > 0 {
            self.name.push('.');
        }
        // A longer key is refused anyway; it is not copied first.
        if key.len() > MAX_NAME_BYTES {
            return Err(PthError::Nesting);
        }
        self.name.push_str(key);
        self.visit(value, depth + 1)?;
        self.name.truncate(length);
        Ok(())
    }
}
