//! The bytes of requests, each of which closes its connection.

use std::sync::Arc;

use crate::client::{BOUNDARY, head, multipart};

/// The bytes of a request or of its start.
pub(crate) type Bytes = Arc<[u8]>;

// The name that the service must answer for; the port does not matter.
const HOST: &str = "127.0.0.1";

pub(crate) fn get(path: &str) -> Bytes {
    whole("GET", path, "text/plain", b"")
}

pub(crate) fn post(path: &str, image: &[u8]) -> Bytes {
    whole("POST", path, "application/octet-stream", image)
}

pub(crate) fn put(path: &str, json: &str) -> Bytes {
    whole("PUT", path, "application/json", json.as_bytes())
}

/// `n` requests that leave their connection open.
pub(crate) fn pipelined(path: &str, n: usize) -> Bytes {
    head(HOST, "GET", path, &[]).repeat(n).into_bytes().into()
}

/// The same image `n` times.
pub(crate) fn post_many(path: &str, image: &[u8], n: usize) -> Bytes {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    whole("POST", path, &content_type, &multipart(&vec![("x", image); n]))
}

/// The start of an upload of `announced` bytes, of which `sent` follow the head.
pub(crate) fn part(path: &str, announced: usize, sent: usize) -> Bytes {
    let announced = announced.to_string();
    let headers = [("content-length", announced.as_str()), ("content-type", "image/png")];
    let mut bytes = head(HOST, "POST", path, &headers).into_bytes();
    bytes.resize(bytes.len() + sent, 0);
    bytes.into()
}

fn whole(method: &str, path: &str, content_type: &str, body: &[u8]) -> Bytes {
    let length = body.len().to_string();
    let headers = [
        ("content-length", length.as_str()),
        ("content-type", content_type),
        ("connection", "close"),
    ];
    [head(HOST, method, path, &headers).as_bytes(), body].concat().into()
}
