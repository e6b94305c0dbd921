//! The values of a tensor in JSON: one list, or lists in lists as the shape states.

use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The number of values of a tensor of this shape.
///
/// # Errors
/// If `text` is too short to have them.
pub(super) fn count(text: &str, shape: &[usize]) -> Result<usize, String> {
    let count = shape.iter().fold(1_usize, |count, size| count.saturating_mul(*size));
    // A value takes two characters or more: nothing is allocated for a shape that cannot fit.
    if text.len() <= count.saturating_mul(2) {
        return Err(format!("expected {count} numbers, got fewer"));
    }
    Ok(count)
}

/// The values of `text`, a JSON value, for a tensor of this shape: row after row.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(text: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let count = count(text, shape)?;
    let flat = [count];
    // Before the numbers are read: each is rounded to 32 bits once, which needs its type first.
    let lengths = match depth(text) {
        1 => &flat[..],
        depth if depth == shape.len() => shape,
        depth => {
            return Err(format!(
                "expected one list of {count} numbers, or lists nested {} deep as the shape; got \
                 a depth of {depth}",
                shape.len()
            ));
        }
    };
    let mut values = Vec::with_capacity(count);
    let mut parser = serde_json::Deserializer::from_str(text);
    let read = Lists { lengths, values: &mut values }.deserialize(&mut parser);
    read.map_err(|error| {
        let reason = error.to_string();
        // The place is one within this value, and not within the body.
        reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason).to_owned()
    })?;
    Ok(values)
}

/// The number of lists that begin before the first value.
fn depth(text: &str) -> usize {
    let bytes = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    bytes.take_while(|byte| *byte == b'[').count()
}

/// Lists of these lengths in each other, or a number if there is no length.
struct Lists<'a> {
    lengths: &'a [usize],
    values: &'a mut Vec<f32>,
}

impl<'de> DeserializeSeed<'de> for Lists<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if !self.lengths.is_empty() {
            return deserializer.deserialize_seq(self);
        }
        self.values.push(f32::deserialize(deserializer)?);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Lists<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of {} items", self.lengths.first().copied().unwrap_or_default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Some((length, inner)) = self.lengths.split_first() else { return Ok(()) };
        for index in 0..*length {
            let item = Lists { lengths: inner, values: &mut *self.values };
            if sequence.next_element_seed(item)?.is_none() {
                let text = format_args!("expected a list of {length} items, got {index}");
                return Err(A::Error::custom(text));
            }
        }
        if sequence.next_element::<IgnoredAny>()?.is_some() {
            let text = format_args!("expected a list of {length} items, got more");
            return Err(A::Error::custom(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn flat_and_nested_lists_are_the_same() {
        for text in ["[1,2.5,-3,4e0]", "[[1,2.5],[-3,4]]", " [ [ 1.0 , 2.5 ] , [ -3 , 4 ] ] "] {
            assert_eq!(read(text, &[2, 2]).unwrap(), [1.0, 2.5, -3.0, 4.0], "{text}");
        }
    }

    #[test]
    fn numbers_are_rounded_once() {
        for bits in [1, 0x0080_0001, 0x3dcc_cccd, 0x3f80_0001, 0x7f7f_ffff, 0x8000_0000] {
            let value = f32::from_bits(bits);
            let text = serde_json::to_string(&[value, value]).unwrap();
            let [first, second] = read(&text, &[1, 2]).unwrap()[..] else { panic!() };
            assert_eq!((first.to_bits(), second.to_bits()), (bits, bits), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_the_shape_is_refused() {
        for (text, words) in [
            ("[1,2,3]", "fewer"),
            ("[1,2,3   ,4", "EOF"),
            ("[1,2,3,4,5]", "got more"),
            ("[1.0,2.0,3.0]", "got 3"),
            ("[[1,2],[3,4],[5,6]]", "got more"),
            ("[[1,2,3],[4]]", "got more"),
            ("[[1.0],[2,3,4]]", "got 1"),
            ("[[1,2],3,4,5,6]", "expected a list of 2 items"),
            ("[[[1,2,3,4]]]", "depth of 3"),
            ("{\"a\":1234567}", "depth of 0"),
            ("\"1,2,3,4,5,6\"", "depth of 0"),
            ("[true,1,2,3]", "f32"),
            ("[\"1\",2,3,4]", "f32"),
            ("[null,2,3,4]", "f32"),
            ("[1e39,2,3,4]", "range"),
            ("[1e999,2,3,4]", "range"),
        ] {
            let reason = read(text, &[2, 2]).unwrap_err();
            assert!(reason.contains(words), "{text}: {reason}");
        }
    }

    #[test]
    fn deep_lists_and_huge_shapes_take_no_memory() {
        let deep = "[".repeat(1 << 20);
        assert!(read(&deep, &[2, 2]).unwrap_err().contains("depth of 1048576"));
        assert!(read("[1]", &[usize::MAX, 3]).unwrap_err().contains("fewer"));
    }
}
