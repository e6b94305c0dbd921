//! The page: plain files, part of the binary, no build step.

use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

/// The page without its files.
const PAGE: &str = include_str!("../page/index.html");

/// Languages of the page. The first is that of everybody who speaks none of them.
const LANGUAGES: [&str; 2] = ["en", "de"];

/// The language that the page names in the source.
const NAMED: &str = r#"<html lang="en">"#;

/// The name and the content of each file.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../page/", $name)))),*]
    };
}

// A closed list: no path of a request reaches the disk.
const FILES: &[(&str, &str)] = files![
    "advice.js",
    "answer.js",
    "api.js",
    "back.js",
    "burst.js",
    "call.js",
    "camera.js",
    "carry.js",
    "check.js",
    "confirm.js",
    "correct.js",
    "crop.js",
    "csv.js",
    "curl.js",
    "dialogs.js",
    "dom.js",
    "enlarge.js",
    "first.js",
    "folders.js",
    "galleries.js",
    "history.js",
    "icon.svg",
    "images.js",
    "keep.js",
    "keys.js",
    "lens.js",
    "list.js",
    "look.js",
    "main.js",
    "mark.js",
    "meaning.js",
    "measure.js",
    "menu.js",
    "move.js",
    "nearest.js",
    "none.js",
    "opened.js",
    "phrase.js",
    "quality.js",
    "rate.js",
    "reembed.js",
    "row.js",
    "rowforms.js",
    "samples.js",
    "save.js",
    "select.js",
    "settings.js",
    "shortcuts.js",
    "steady.js",
    "storage.js",
    "style.css",
    "summary.js",
    "table.js",
    "teach.js",
    "text.js",
    "text/de.js",
    "text/en.js",
    "theme.js",
    "thumbnails.js",
    "tray.js",
    "undo.js",
    "verdict.js",
];

/// A file in the two forms in which it is sent.
struct Sent {
    kind: &'static str,
    plain: Bytes,
    gzip: Bytes,
}

impl Sent {
    fn new(name: &str, content: impl Into<Bytes>) -> Self {
        let plain = content.into();
        let gzip = compressed(&plain).into();
        Self { kind: media_type(name), plain, gzip }
    }

    fn answer(&self, asked: &HeaderMap, vary: &'static str) -> Response {
        let fixed = [
            (header::CONTENT_TYPE, self.kind),
            // An old script must not meet a newer service.
            (header::CACHE_CONTROL, "no-cache"),
            (header::VARY, vary),
        ];
        if accepts_gzip(asked) {
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            return (fixed, encoding, self.gzip.clone()).into_response();
        }
        (fixed, self.plain.clone()).into_response()
    }
}

/// The page in each language, in the order of [`LANGUAGES`].
static PAGES: LazyLock<Vec<Sent>> = LazyLock::new(|| {
    let named = LANGUAGES.map(|language| format!(r#"<html lang="{language}">"#));
    let pages = named.into_iter().map(|named| PAGE.replacen(NAMED, &named, 1));
    pages.map(|page| Sent::new("index.html", page)).collect()
});

/// The files by name, each compressed once.
static BY_NAME: LazyLock<HashMap<&str, Sent>> = LazyLock::new(|| {
    let sent = FILES.iter().map(|(name, content)| (*name, Sent::new(name, *content)));
    sent.collect()
});

/// The page itself, in the language that the request asks for.
pub async fn index(headers: HeaderMap) -> Response {
    PAGES[language(&headers)].answer(&headers, "accept-language, accept-encoding")
}

/// A file that the page loads.
pub async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match BY_NAME.get(name.as_str()) {
        Some(file) => file.answer(&headers, "accept-encoding"),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let written = gzip.write_all(plain).and_then(|()| gzip.finish());
    written.expect("invariant: memory takes what is written")
}

/// Which of [`LANGUAGES`] is preferred. Regions are ignored: `de-AT` is German.
fn language(headers: &HeaderMap) -> usize {
    let mut best = (0, 0.0);
    for (range, weight) in preferences(headers, header::ACCEPT_LANGUAGE) {
        let primary = range.split('-').next().unwrap_or(range);
        let known = LANGUAGES.iter().position(|language| language.eq_ignore_ascii_case(primary));
        // Of equal ones the first counts.
        if let Some(index) = known.filter(|_| weight > best.1) {
            best = (index, weight);
        }
    }
    best.0
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    preferences(headers, header::ACCEPT_ENCODING)
        .any(|(coding, weight)| coding.eq_ignore_ascii_case("gzip") && weight > 0.0)
}

/// The items of a header with their weights; an item without a readable weight has 1.
fn preferences(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (&str, f32)> {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(|item| {
        let (value, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok());
        (value.trim(), weight.unwrap_or(1.0))
    })
}

#[cfg(test)]
mod tests;
