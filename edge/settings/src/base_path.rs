//! The path under which a reverse proxy offers the service.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A path of a URL without a slash at its end: `/handful`, or nothing for the root.
// A settings file takes the texts of the command line, with the same error for a wrong one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BasePath(String);

impl BasePath {
    /// The path to write before that of a route: empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.as_str() {
            "" => "/",
            path => path,
        })
    }
}

/// A text that is no path to be offered under.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no base path; expected one like /handful: a slash, then letters, digits, `-`, `_`, \
     `.` or `~` in each segment"
)]
pub struct BasePathError(String);

impl FromStr for BasePath {
    type Err = BasePathError;

    fn from_str(text: &str) -> Result<Self, BasePathError> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let segments = match path.strip_prefix('/') {
            Some(segments) => segments,
            None if path.is_empty() => return Ok(Self::default()),
            None => return Err(BasePathError(text.to_owned())),
        };
        match segments.split('/').all(is_segment) {
            true => Ok(Self(path.to_owned())),
            false => Err(BasePathError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for BasePath {
    type Error = BasePathError;

    fn try_from(text: String) -> Result<Self, BasePathError> {
        text.parse()
    }
}

/// Only what a browser sends as it is written: the page puts the path into its links.
fn is_segment(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    is_plain && !["", ".", ".."].contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_slash_before_it_and_none_at_its_end() {
        for (text, expected) in [
            ("", ""),
            ("/", ""),
            ("/handful", "/handful"),
            ("/handful/", "/handful"),
            ("/api/ingress/x_1-2.3~", "/api/ingress/x_1-2.3~"),
        ] {
            let read = text.parse::<BasePath>().unwrap();
            assert_eq!(read.as_str(), expected);
            assert_eq!(read.to_string().parse::<BasePath>().unwrap(), read);
        }
    }

    #[test]
    fn what_a_browser_would_change_is_refused() {
        for text in
            ["handful", "//", "/a//b", "/a/../b", "/.", "/a b", "/a?b", "/a%20b", "/\"", "/ä"]
        {
            let error = text.parse::<BasePath>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("/handful"), "{error}");
        }
    }
}
