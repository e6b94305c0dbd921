//! Lines of code and of comments.

use super::numbers::{Length, Numbers, Place};
use crate::sources::Source;
use crate::sources::lexer::{Kind, pieces};

/// The widest comment that is not too wide, in columns.
pub(super) const MAX_COLUMNS: usize = 100;

/// What a line holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Line {
    code: bool,
    plain: bool,
    doc: bool,
}

pub(super) fn measure(source: &Source, numbers: &mut Numbers) {
    let place = Place::new(&source.path, 1, "file");
    numbers.files.push(Length { place, lines: source.lines });
    let texts = source.text.lines().enumerate();
    for ((index, text), line) in texts.zip(lines(&source.text)) {
        numbers.code_lines += usize::from(line.code);
        numbers.plain_lines += usize::from(line.plain);
        numbers.doc_lines += usize::from(line.doc);
        let columns = text.chars().count();
        if (line.plain || line.doc) && columns > MAX_COLUMNS {
            let what = format!("comment of {columns} columns");
            numbers.wide_comments.push(Place::new(&source.path, index + 1, what));
        }
    }
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines = vec![Line::default(); text.lines().count()];
    let mut first = 0;
    for (kind, range) in pieces(text) {
        let piece = &text[range];
        // Blank lines within a piece hold nothing; a literal of several lines is code in each.
        for (line, part) in lines[first..].iter_mut().zip(piece.split('\n')) {
            if !part.trim().is_empty() {
                line.note(kind);
            }
        }
        first += piece.matches('\n').count();
    }
    lines
}

impl Line {
    fn note(&mut self, kind: Kind) {
        match kind {
            Kind::Code | Kind::Literal => self.code = true,
            Kind::Plain => self.plain = true,
            Kind::Doc => self.doc = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn measured(text: &str) -> Numbers {
        let mut numbers = Numbers::default();
        measure(&Source::parse(Path::new("a.rs"), text).unwrap(), &mut numbers);
        numbers
    }

    #[test]
    fn lines_are_counted_by_what_they_hold() {
        let text =
            "//! Doc.\n\n// Why.\nfn a() {} // Here.\nconst B: &str = \"// no\n// comment\";\n";
        let numbers = measured(text);
        assert_eq!((numbers.code_lines, numbers.plain_lines, numbers.doc_lines), (3, 2, 1));
        assert_eq!(numbers.files[0].lines, 6);
    }

    #[test]
    fn wide_comments_are_found_and_wide_code_is_not() {
        let wide = "x".repeat(98);
        let text = format!("// {wide}\n// {}\nconst A: &str = \"{wide}\";", &wide[1..]);
        let lines: Vec<_> = measured(&text).wide_comments.iter().map(|place| place.line).collect();
        assert_eq!(lines, [1]);
    }
}
