//! Errors of parsers in the words of the API: their own are about types of Rust.

/// What is wrong with the query parameters, from the text of axum's refusal: `path: reason`, or
/// only a reason.
pub(super) fn of_query(text: &str) -> String {
    match text.split_once(": ") {
        Some((path, reason)) => sentence("parameter", path, reason),
        None => sentence("parameter", "The query", text),
    }
}

/// What is wrong with a field of a JSON body; the path is `.` if it is the body itself.
pub(super) fn of_field(path: &str, reason: &str) -> String {
    // Where it is in the text says less than its name.
    let reason = reason.rsplit_once(" at line ").map_or(reason, |(reason, _)| reason);
    let path = if path == "." { "The JSON body" } else { path };
    sentence("field", path, reason)
}

/// The texts are those of serde's trait `de::Error`, which are the same for all formats.
fn sentence(noun: &str, path: &str, reason: &str) -> String {
    // These name it themselves.
    if let Some(unknown) = reason.strip_prefix("unknown field ") {
        return format!("Unknown {noun} {}.", unknown.replacen(", expected", "; expected", 1));
    }
    if let Some(name) = reason.strip_prefix("missing field ") {
        return format!("The {noun} {name} is missing.");
    }
    if let Some(name) = reason.strip_prefix("duplicate field ") {
        return format!("The {noun} {name}: expected once, got twice.");
    }
    format!("{path}: {}.", expectation(reason))
}

/// What was expected, and what came instead.
fn expectation(reason: &str) -> String {
    if let Some((name, expected)) = split(reason, "unknown variant ") {
        return format!("expected {expected}, got {name}");
    }
    let wrong = split(reason, "invalid type: ").or_else(|| split(reason, "invalid value: "));
    if let Some((got, expected)) = wrong {
        return format!("expected {}, got {}", kind(expected), value(got));
    }
    match reason {
        // Of one of several words.
        "expected value" => "expected text".to_owned(),
        other => other.to_owned(),
    }
}

/// What came and what was expected, of a reason that begins so.
fn split<'a>(reason: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    // The last one: what came may be any text.
    reason.strip_prefix(start)?.rsplit_once(", expected ")
}

/// A kind of value.
fn kind(expected: &str) -> &str {
    match expected {
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number from 0",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// A value that came.
fn value(got: &str) -> &str {
    match got {
        "map" => "an object",
        "sequence" => "a list",
        other => {
            let kinds = ["boolean ", "integer ", "floating point ", "string "];
            kinds.into_iter().find_map(|start| other.strip_prefix(start)).unwrap_or(other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_errors_name_the_parameter() {
        for (text, expected) in [
            ("top: expected 1 to 1000, got `a: b`", "top: expected 1 to 1000, got `a: b`."),
            ("tip: unknown field `tip`, expected `q`", "Unknown parameter `tip`; expected `q`."),
            ("missing field `q`", "The parameter `q` is missing."),
            ("duplicate field `q`", "The parameter `q`: expected once, got twice."),
        ] {
            assert_eq!(of_query(text), expected);
        }
    }

    #[test]
    fn field_errors_are_about_values_of_json() {
        for (path, reason, expected) in [
            (
                "days",
                "invalid value: integer `-1`, expected u32 at line 1 column 9",
                "days: expected a whole number from 0 to 4294967295, got `-1`.",
            ),
            (
                "label",
                "invalid type: map, expected a string at line 1 column 9",
                "label: expected text, got an object.",
            ),
            (
                "rate",
                "invalid type: string \"x, expected y\", expected f64 at line 1 column 9",
                "rate: expected a number, got \"x, expected y\".",
            ),
            (
                "ids[1]",
                "invalid type: null, expected a string at line 1 column 9",
                "ids[1]: expected text, got null.",
            ),
            (
                "keep",
                "unknown variant `all`, expected one of `thumb`, `off` at line 1 column 9",
                "keep: expected one of `thumb`, `off`, got `all`.",
            ),
            (".", "missing field `label` at line 1 column 2", "The field `label` is missing."),
        ] {
            assert_eq!(of_field(path, reason), expected);
        }
    }
}
