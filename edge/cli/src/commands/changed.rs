//! The last line of every answer about a change of the gallery: how the change is undone.

use std::fmt;

use edge::Recognizer;
use edge::gallery::{Galleries, GroupId};
use serde::Serialize;

/// An answer with the change that it reports.
#[derive(Debug, Serialize)]
pub(crate) struct Changed<A> {
    #[serde(flatten)]
    answer: A,
    /// Null if nothing was changed.
    change: Option<GroupId>,
    #[serde(skip)]
    // Only in text: a program has the id.
    reversal: Reversal,
    #[serde(skip)]
    // The same: it named the gallery.
    gallery: String,
}

/// How a change is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reversal {
    /// It is undone.
    Undo,
    /// It is an undo, so what it undid is done again.
    Redo,
    /// The last of several changes that the answer lists; each is undone on its own.
    UndoOne,
}

impl<A> Changed<A> {
    /// An answer about the last change that the recognizer made.
    pub(crate) fn by(recognizer: &Recognizer, answer: A) -> Self {
        Self::new(answer, recognizer.last_change(), Reversal::Undo, &recognizer.selected())
    }

    /// An answer about this change of a gallery, if there is one.
    pub(crate) fn new(
        answer: A,
        change: Option<GroupId>,
        reversal: Reversal,
        gallery: &str,
    ) -> Self {
        Self { answer, change, reversal, gallery: option(gallery) }
    }
}

/// The option that names the gallery, if that is needed.
pub(crate) fn option(gallery: &str) -> String {
    match gallery {
        Galleries::DEFAULT => String::new(),
        other => format!(" --gallery \"{other}\""),
    }
}

impl<A: fmt::Display> fmt::Display for Changed<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.answer.to_string();
        f.write_str(&answer)?;
        let Some(change) = self.change else { return Ok(()) };
        if !answer.is_empty() && !answer.ends_with('\n') {
            writeln!(f)?;
        }
        let change = change.short();
        let gallery = &self.gallery;
        match self.reversal {
            Reversal::Undo => writeln!(f, "undo with: handful gallery undo {change}{gallery}"),
            Reversal::Redo => writeln!(f, "redo with: handful gallery redo {change}{gallery}"),
            Reversal::UndoOne => {
                writeln!(f, "undo one with: handful gallery undo CHANGE{gallery}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CHANGE: &str = "ch_0193b7a2c4d87000812ab34cd56ef789";

    fn lines(answer: &str, reversal: Reversal) -> String {
        Changed::new(answer, Some(CHANGE.parse().unwrap()), reversal, "default").to_string()
    }

    #[test]
    fn the_last_line_says_how_to_take_a_change_back() {
        let undo = "undo with: handful gallery undo ch_812ab3\n";
        assert_eq!(lines("", Reversal::Undo), undo);
        assert_eq!(lines("renamed", Reversal::Undo), format!("renamed\n{undo}"));
        assert_eq!(lines("renamed\n", Reversal::Undo), format!("renamed\n{undo}"));
        let redo = lines("undone\n", Reversal::Redo);
        assert_eq!(redo, "undone\nredo with: handful gallery redo ch_812ab3\n");
        assert_eq!(lines("", Reversal::UndoOne), "undo one with: handful gallery undo CHANGE\n");
        let same = Changed::new("the same", None, Reversal::Undo, "default");
        assert_eq!(same.to_string(), "the same");
        let change = Some(CHANGE.parse().unwrap());
        let other = Changed::new("", change, Reversal::Undo, "line 2").to_string();
        assert_eq!(other, "undo with: handful gallery undo ch_812ab3 --gallery \"line 2\"\n");
    }
}
