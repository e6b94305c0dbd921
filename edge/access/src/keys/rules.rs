//! The rules for what a key is named and which gallery it is for.

use models::label::is_invisible;

/// The most keys of a store.
pub const MAX_KEYS: usize = 1000;

/// The most characters of a name: it stands in each line of the history.
const MAX_NAME_CHARS: usize = 64;

/// The most characters of the name of a gallery.
const MAX_GALLERY_CHARS: usize = 128;

/// Checks a name. The error is what is wrong.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let what = "the name of a key";
    check_length(name, MAX_NAME_CHARS, what)?;
    if name.trim() != name {
        return Err(format!("{what} has spaces around it"));
    }
    match name.chars().any(|c| is_forbidden(c) || is_invisible(c)) {
        true => Err(format!("{what} has a control character or an invisible one")),
        false => Ok(()),
    }
}

/// Checks the gallery of a key by the rules that names and ids have in common. The error is what
/// is wrong.
pub(super) fn check_gallery(gallery: &str) -> Result<(), String> {
    let what = "the gallery of a key";
    check_length(gallery, MAX_GALLERY_CHARS, what)?;
    if gallery.contains('/') {
        return Err(format!("{what} contains `/`"));
    }
    // Invisible characters are allowed: some join several emoji to one.
    match gallery.chars().any(is_forbidden) {
        true => Err(format!("{what} has a control character")),
        false => Ok(()),
    }
}

fn check_length(text: &str, most: usize, what: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{what} is empty"));
    }
    match text.chars().nth(most) {
        Some(_) => Err(format!("{what} is longer than {most} characters")),
        None => Ok(()),
    }
}

/// Control characters, line breaks, and those that change the direction of text: with them one
/// name can look like another.
fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A text of anyone for an error of one line.
pub(super) fn shown(text: &str) -> String {
    let line = text.chars().map(|c| if is_forbidden(c) { '\u{FFFD}' } else { c });
    line.take(MAX_NAME_CHARS).collect()
}
