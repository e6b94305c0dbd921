//! Splits Rust text into code, literals and comments, byte by byte and without gaps.

use std::ops::Range;

/// What a piece of a source file is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Code,
    /// Text within quotes, the quotes included; characters and bytes too.
    Literal,
    /// `//` and `/* */`: a note for readers of the code.
    Plain,
    /// `///`, `//!` and their block forms: becomes documentation.
    Doc,
}

/// One piece: its kind and where it stands.
pub(crate) type Piece = (Kind, Range<usize>);

/// The pieces of a file in order; neighbors of one kind are separate if they start separately.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut code = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let after_name = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        // Whole characters are skipped: a piece must not start within one.
        let Some((kind, length)) = special(rest, after_name) else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if code < at {
            pieces.push((Kind::Code, code..at));
        }
        pieces.push((kind, at..at + length));
        at += length;
        code = at;
    }
    if code < text.len() {
        pieces.push((Kind::Code, code..text.len()));
    }
    pieces
}

/// Kind and length of a comment or a literal that starts here.
fn special(rest: &str, after_name: bool) -> Option<(Kind, usize)> {
    if rest.starts_with("//") {
        return Some((line_kind(rest), rest.find('\n').unwrap_or(rest.len())));
    }
    if rest.starts_with("/*") {
        return Some((block_kind(rest), block_length(rest)));
    }
    let length = match rest.as_bytes()[0] {
        b'"' => quoted_length(rest),
        b'\'' => character_length(rest)?,
        b'r' if !after_name => raw_length(rest, 1)?,
        b'b' if !after_name && rest.starts_with("br") => raw_length(rest, 2)?,
        _ => return None,
    };
    Some((Kind::Literal, length))
}

fn line_kind(rest: &str) -> Kind {
    let is_doc = rest.starts_with("//!") || rest.starts_with("///") && !rest.starts_with("////");
    if is_doc { Kind::Doc } else { Kind::Plain }
}

fn block_kind(rest: &str) -> Kind {
    let is_doc = rest.starts_with("/*!") || rest.starts_with("/**") && !rest.starts_with("/**/");
    if is_doc { Kind::Doc } else { Kind::Plain }
}

/// Block comments nest.
fn block_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        match here {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// From a quote to the next one that no backslash escapes.
fn quoted_length(rest: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
        // The first quote opens the literal.
        escaped &= at > 0;
    }
    rest.len()
}

/// A character literal; `None` for a lifetime.
fn character_length(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    // `'\''`: the escaped character may be a quote, so the search starts after it.
    if first == '\\' {
        let escape_end = 3;
        return rest[escape_end..].find('\'').map(|at| escape_end + at + 1);
    }
    chars.next().filter(|(_, second)| *second == '\'').map(|(at, _)| at + 1)
}

/// `r"…"` and `r#"…"#`, with `prefix` letters before the hashes; `None` for a name such as
/// `r#type`.
fn raw_length(rest: &str, prefix: usize) -> Option<usize> {
    let hashes = rest[prefix..].bytes().take_while(|byte| *byte == b'#').count();
    let open = prefix + hashes;
    let body = rest[open..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close).map_or(rest.len(), |at| open + 1 + at + close.len());
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(Kind, &str)]) {
        let pieces = pieces(text);
        let shown: Vec<_> = pieces.iter().map(|(kind, at)| (*kind, &text[at.clone()])).collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn comments_end_with_their_line() {
        check("a // b\nc", &[(Kind::Code, "a "), (Kind::Plain, "// b"), (Kind::Code, "\nc")]);
        check("/// d\n", &[(Kind::Doc, "/// d"), (Kind::Code, "\n")]);
        check("//// e", &[(Kind::Plain, "//// e")]);
    }

    #[test]
    fn block_comments_nest() {
        check("/* a /* b */ c */d", &[(Kind::Plain, "/* a /* b */ c */"), (Kind::Code, "d")]);
    }

    #[test]
    fn quotes_hide_comments_and_quotes() {
        check(r#""// \" \\"x"#, &[(Kind::Literal, r#""// \" \\""#), (Kind::Code, "x")]);
        check(r##"r#"a " b"#x"##, &[(Kind::Literal, r##"r#"a " b"#"##), (Kind::Code, "x")]);
        check(r#"br"\"x"#, &[(Kind::Literal, r#"br"\""#), (Kind::Code, "x")]);
    }

    #[test]
    fn lifetimes_are_code() {
        check("&'a str", &[(Kind::Code, "&'a str")]);
        check(r"'\''x", &[(Kind::Literal, r"'\''"), (Kind::Code, "x")]);
        check("'\"'", &[(Kind::Literal, "'\"'")]);
        check("for_r(x)", &[(Kind::Code, "for_r(x)")]);
    }
}
