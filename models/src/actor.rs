//! Who makes changes, as the history shows them, where it is no key of the service.
//!
//! All of them are here: a key must not have one of these names, since the holder of a key may take
//! back the changes that have its name.

use crate::label::folded;

/// A program that uses the library.
pub const LIBRARY: &str = "library";

/// The command `handful`.
pub const CLI: &str = "cli";

/// The page of the service.
pub const PAGE: &str = "page";

/// Any other client of the service.
pub const HTTP: &str = "http";

/// The service itself, which purges what is old.
pub const RETENTION: &str = "retention";

/// `handful gallery salvage`, which makes a store of what is left of a damaged one.
pub const SALVAGE: &str = "salvage";

/// All of them.
pub const ALL: [&str; 6] = [LIBRARY, CLI, PAGE, HTTP, RETENTION, SALVAGE];

/// Whether a name is one of these, in any spelling that folds to it.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    ALL.contains(&folded(name).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_reserved_in_every_spelling() {
        for name in ALL {
            assert_eq!(folded(name), name, "it is compared with what is folded");
            assert!(is_reserved(name) && is_reserved(&name.to_uppercase()), "{name}");
        }
        assert!(is_reserved("Sal\u{200B}vage") && !is_reserved("salvage 2"));
    }
}
