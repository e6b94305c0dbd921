//! The page: plain files, part of the binary, no build step.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Name, media type and content of each file.
// A closed list: no path of a request reaches the disk.
const FILES: [(&str, &str, &str); 30] = [
    ("icon.svg", SVG, include_str!("../page/icon.svg")),
    ("style.css", CSS, include_str!("../page/style.css")),
    ("main.js", SCRIPT, include_str!("../page/main.js")),
    ("answer.js", SCRIPT, include_str!("../page/answer.js")),
    ("api.js", SCRIPT, include_str!("../page/api.js")),
    ("call.js", SCRIPT, include_str!("../page/call.js")),
    ("camera.js", SCRIPT, include_str!("../page/camera.js")),
    ("carry.js", SCRIPT, include_str!("../page/carry.js")),
    ("check.js", SCRIPT, include_str!("../page/check.js")),
    ("confirm.js", SCRIPT, include_str!("../page/confirm.js")),
    ("correct.js", SCRIPT, include_str!("../page/correct.js")),
    ("crop.js", SCRIPT, include_str!("../page/crop.js")),
    ("dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("history.js", SCRIPT, include_str!("../page/history.js")),
    ("images.js", SCRIPT, include_str!("../page/images.js")),
    ("galleries.js", SCRIPT, include_str!("../page/galleries.js")),
    ("keep.js", SCRIPT, include_str!("../page/keep.js")),
    ("keys.js", SCRIPT, include_str!("../page/keys.js")),
    ("list.js", SCRIPT, include_str!("../page/list.js")),
    ("look.js", SCRIPT, include_str!("../page/look.js")),
    ("mark.js", SCRIPT, include_str!("../page/mark.js")),
    ("meaning.js", SCRIPT, include_str!("../page/meaning.js")),
    ("none.js", SCRIPT, include_str!("../page/none.js")),
    ("quality.js", SCRIPT, include_str!("../page/quality.js")),
    ("rate.js", SCRIPT, include_str!("../page/rate.js")),
    ("reembed.js", SCRIPT, include_str!("../page/reembed.js")),
    ("save.js", SCRIPT, include_str!("../page/save.js")),
    ("teach.js", SCRIPT, include_str!("../page/teach.js")),
    ("undo.js", SCRIPT, include_str!("../page/undo.js")),
    ("verdict.js", SCRIPT, include_str!("../page/verdict.js")),
];

/// The page itself.
pub async fn index() -> Response {
    content(HTML, include_str!("../page/index.html"))
}

/// A file that the page loads.
pub async fn file(Path(file): Path<String>) -> Response {
    match FILES.iter().find(|(name, ..)| *name == file) {
        Some((_, kind, text)) => content(kind, text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn content(kind: &'static str, text: &'static str) -> Response {
    // An old script must not meet a newer service.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}
