//! Questions on the terminal: the consent to a purge, which cannot be undone, and others.

use std::io::{self, BufRead, IsTerminal, Read};

use models::fault::Message;
use terminal::note;

/// Refuses a purge that nobody can consent to.
pub(super) fn check_possible(is_given: bool) -> Result<(), Message> {
    if is_given || io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Message::input(
        "a purge cannot be undone, and there is no terminal to ask on: nothing was purged; confirm \
         it with --yes",
    ))
}

/// Asks on the terminal, after the lines that say what is purged.
pub(super) fn ask() -> Result<(), Message> {
    note!("Backups and exported files are not changed: delete them yourself.");
    note!("Type yes to purge:");
    check(&mut io::stdin().lock())
}

/// Reads the answer to a question that ends with `[y/N]`.
pub(super) fn is_yes(input: &mut impl BufRead) -> Result<bool, Message> {
    Ok(matches!(answer(input)?.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn answer(input: &mut impl BufRead) -> Result<String, Message> {
    let mut line = String::new();
    // A line of the keyboard is short; other input need not be.
    let read = input.take(64).read_line(&mut line);
    read.map_err(|error| Message::machine(format!("cannot read standard input: {error}")))?;
    Ok(line)
}

/// Reads the answer to the question.
fn check(input: &mut impl BufRead) -> Result<(), Message> {
    match answer(input)?.trim() {
        "yes" => Ok(()),
        _ => Err(Message::input("expected `yes`; nothing was purged")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_is_the_default() {
        for yes in ["y\n", "Y\n", "yes\n", " yes \r\n"] {
            assert_eq!(is_yes(&mut yes.as_bytes()).ok(), Some(true), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "no\n", "yy\n"] {
            assert_eq!(is_yes(&mut no.as_bytes()).ok(), Some(false), "{no:?}");
        }
    }

    #[test]
    fn only_yes_is_consent() {
        for yes in ["yes\n", " yes \r\n", "yes"] {
            assert!(check(&mut yes.as_bytes()).is_ok(), "{yes:?}");
        }
        for no in ["", "\n", "y\n", "no\n", "yes please\n"] {
            let error = check(&mut no.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("nothing was purged"), "{no:?}: {error}");
        }
        let endless = &mut io::BufReader::new(io::repeat(b'y'));
        assert!(check(endless).is_err());
    }
}
