//! The answer of `handful doctor` in a file that can be given to others: without the names of the
//! user, of the machine and of galleries, and without the place of the home folder.

use std::path::Path;

use edge::device::Device;
use edge::gallery::Galleries;
use models::disk;
use models::fault::AnyFault;
use serde::Serialize;
use serde_json::Value;

use crate::text::to_json;

/// Parts of the answer that have nothing of the user: a user called `nvidia` is not to change them.
const NEUTRAL: [&str; 3] = ["board", "next_step", "engines"];

/// Names that many machines have: to replace them would only spoil the texts.
const COMMON: [&str; 3] = ["root", "localhost", "user"];

/// More than a name has.
const MAX_NAME_BYTES: u64 = 1024;

/// What is replaced, by what. The first in the list come first.
#[derive(Debug, Default)]
struct Private {
    words: Vec<(String, &'static str)>,
}

/// Writes the answer into a file.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(
    file: &Path,
    answer: &impl Serialize,
    device: &Device,
    root: &Path,
) -> Result<(), AnyFault> {
    let private = Private::of(device, root);
    let mut report = serde_json::to_value(answer).expect("invariant: answers have string keys");
    if let Value::Object(fields) = &mut report {
        for (name, value) in fields.iter_mut() {
            match NEUTRAL.contains(&name.as_str()) {
                true => private.clean_paths(value),
                false => private.clean(value),
            }
        }
        fields.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
        let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
        fields.insert("system".to_owned(), system.into());
    }
    Ok(disk::write(file, format!("{}\n", to_json(&report)).as_bytes())?)
}

impl Private {
    fn of(device: &Device, root: &Path) -> Self {
        let mut private = Self::default();
        if let Some(home) = device.home() {
            private.add(&home.display().to_string(), "~");
            let user = home.file_name().unwrap_or_default();
            private.add(&user.to_string_lossy(), "USER");
        }
        let of_root = root.join("etc/hostname");
        let hosts =
            [Path::new("/proc/sys/kernel/hostname"), Path::new("/etc/hostname"), of_root.as_path()];
        for host in hosts.into_iter().filter_map(name_in) {
            private.add(&host, "HOST");
            // Without the domain.
            private.add(host.split('.').next().unwrap_or_default(), "HOST");
        }
        if device.gallery_name() != Galleries::DEFAULT {
            private.add(device.gallery_name(), "GALLERY");
        }
        private
    }

    fn add(&mut self, word: &str, instead: &'static str) {
        // A name of one letter is in any text.
        if word.chars().count() > 1 && !COMMON.contains(&word) {
            self.words.push((word.to_owned(), instead));
        }
    }

    /// Replaces all that is private in every text.
    fn clean(&self, value: &mut Value) {
        each_text(value, &|text| {
            let words = self.words.iter();
            let text = words
                .fold(text.to_owned(), |text, (word, instead)| replace_word(&text, word, instead));
            without_galleries(&without_homes(&text))
        });
    }

    /// Replaces only the place of the home folder, and of those of others.
    fn clean_paths(&self, value: &mut Value) {
        each_text(value, &|text| {
            let homes = self.words.iter().filter(|(_, instead)| *instead == "~");
            let text = homes
                .fold(text.to_owned(), |text, (home, instead)| replace_word(&text, home, instead));
            without_homes(&text)
        });
    }
}

/// The name in a file that has only a name.
fn name_in(file: &Path) -> Option<String> {
    let text = String::from_utf8(disk::read(file, MAX_NAME_BYTES).ok()?).ok()?;
    Some(text.trim().to_owned())
}

/// Changes every text of a JSON value, but no key.
fn each_text(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| each_text(value, change)),
        Value::Object(fields) => fields.values_mut().for_each(|value| each_text(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces a word where it is not a part of a longer one.
fn replace_word(text: &str, word: &str, instead: &str) -> String {
    let mut replaced = String::new();
    let mut rest = 0;
    for (at, _) in text.match_indices(word) {
        let end = at + word.len();
        let around = [text[..at].chars().next_back(), text[end..].chars().next()];
        if !around.into_iter().flatten().any(char::is_alphanumeric) {
            replaced += &text[rest..at];
            replaced += instead;
            rest = end;
        }
    }
    replaced + &text[rest..]
}

/// Replaces the names of home folders, which those of other users may be.
fn without_homes(text: &str) -> String {
    let text = hide_between(text, "/home/", &['/', ' ', ':', ',', ';', ')']);
    hide_between(&text, "/Users/", &['/', ' ', ':', ',', ';', ')'])
}

/// Replaces the names of galleries in messages.
fn without_galleries(text: &str) -> String {
    let text = hide_between(text, "gallery `", &['`']);
    hide_between(&text, "gallery called `", &['`'])
}

/// Replaces what stands between a text and the first of the characters that end it.
fn hide_between(text: &str, before: &str, ends: &[char]) -> String {
    let mut pieces = text.split(before);
    let mut hidden = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        hidden += before;
        hidden += "…";
        hidden += &piece[piece.find(ends).unwrap_or(piece.len())..];
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(words: &[(&str, &'static str)], text: &str) -> String {
        let mut private = Private::default();
        for &(word, instead) in words {
            private.add(word, instead);
        }
        let mut value = serde_json::json!({ "a": [{ "b": text }] });
        private.clean(&mut value);
        value["a"][0]["b"].as_str().unwrap().to_owned()
    }

    #[test]
    fn names_and_home_are_replaced() {
        let words = [("/srv/people/ann", "~"), ("ann", "USER"), ("shop-7", "HOST")];
        for (text, expected) in [
            ("/srv/people/ann/store is in use", "~/store is in use"),
            ("/media/ann/disk of shop-7.local", "/media/USER/disk of HOST.local"),
            ("the channel shop-77 of Ann", "the channel shop-77 of Ann"),
            ("(ann) ann", "(USER) USER"),
            ("/home/bob/x and /home/eve", "/home/…/x and /home/…"),
            ("there is no gallery `line 2` in it", "there is no gallery `…` in it"),
            ("", ""),
        ] {
            assert_eq!(cleaned(&words, text), expected);
        }
    }

    #[test]
    fn common_and_short_names_stay() {
        let words = [("root", "USER"), ("a", "HOST"), ("", "HOST")];
        assert_eq!(cleaned(&words, "a root folder"), "a root folder");
    }

    #[test]
    fn the_board_of_a_user_called_nvidia_keeps_its_texts() {
        let mut private = Private::default();
        private.add("/home/nvidia", "~");
        private.add("nvidia", "USER");
        let mut value = serde_json::json!("run `apt install nvidia-jetpack` in /home/nvidia/x");
        private.clean_paths(&mut value);
        assert_eq!(value, "run `apt install nvidia-jetpack` in ~/x");
    }
}
