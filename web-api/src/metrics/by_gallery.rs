//! The metrics that a key of one gallery may read.

/// The text without the series of galleries that `allows` does not name. Series without a label
/// `gallery` stay.
#[must_use]
pub fn only(text: &str, allows: impl Fn(&str) -> bool) -> String {
    let lines = text.split_inclusive('\n');
    lines.filter(|line| gallery(line).is_none_or(|name| allows(&name))).collect()
}

/// The label `gallery` of a series.
fn gallery(line: &str) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut rest = line.split_once('{')?.1;
    loop {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = unquoted(after)?;
        if name == "gallery" {
            return Some(value);
        }
        rest = after.strip_prefix(',')?;
    }
}

/// The value up to its closing quote, without escapes, and what is behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE handful_decisions counter.\n\
        handful_decisions_total{gallery=\"a \\\"b\\\"\",decision=\"accepted\"} 1\n\
        handful_decisions_total{gallery=\"line 2\",decision=\"accepted\"} 2\n\
        handful_rate_bucket{le=\"0.1\",gallery=\"line 2\"} 3\n\
        handful_info{note=\"gallery=\\\"line 2\\\"\"} 1\n\
        handful_connections 4\n\
        # EOF\n";

    #[test]
    fn series_of_other_galleries_are_left_out() {
        assert_eq!(only(TEXT, |_| true), TEXT);
        let left = only(TEXT, |name| name == "a \"b\"");
        assert!(!left.contains("\"line 2\""), "{left}");
        assert_eq!(left.lines().count(), 5, "{left}");
    }
}
