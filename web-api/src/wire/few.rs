//! Lists that are short by their meaning: one of another length is refused while it is read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// At most `MAX` items.
#[derive(Debug)]
pub(super) struct Few<T, const MAX: usize>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Few<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items::<T, MAX>(PhantomData))
    }
}

struct Items<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
    type Value = Few<T, MAX>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of at most {MAX} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            // An item takes more memory than its text.
            if items.len() == MAX {
                return Err(A::Error::custom(format_args!("expected at most {MAX} items")));
            }
            items.push(item);
        }
        Ok(Few(items))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_longer_list_is_refused() {
        let read = |text: &str| serde_json::from_str::<Few<i64, 2>>(text);
        assert_eq!(read("[3,-4]").unwrap().0, [3, -4]);
        assert!(read("[]").unwrap().0.is_empty());
        assert!(read("[1,2,3]").unwrap_err().to_string().contains("at most 2 items"));
        assert!(read("3").unwrap_err().to_string().contains("a list of at most 2 items"));
    }
}
