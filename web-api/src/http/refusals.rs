//! Problem documents for requests that hyper refuses.
//!
//! hyper answers what it cannot parse by itself, with a status line and no body, before any route
//! or middleware sees it, and offers no other way. So its answer is replaced where it is written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::middleware::{add_headers, new_id};
use super::problem::{Code, PROBLEM_JSON, Problem};
use crate::wire;

/// Replaces the bare refusals that are written to a stream.
pub struct Refusals<S> {
    stream: S,
    /// What is written in place of a refusal, and how much of it is written already.
    replacement: Option<(Vec<u8>, usize)>,
}

impl<S> Refusals<S> {
    /// Replaces what is written to `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, replacement: None }
    }
}

/// The status of an answer by hyper itself.
// All answers of the service have a request id. hyper flushes them before it reads the next
// request, so its own answer begins a write.
fn refused(bytes: &[u8]) -> Option<StatusCode> {
    let head = std::str::from_utf8(bytes.strip_prefix(b"HTTP/1.1 ")?).ok()?;
    let status: StatusCode = head.get(..3)?.parse().ok()?;
    let is_whole = head.ends_with("\r\n\r\n");
    (status.is_client_error() && is_whole && !head.contains("x-request-id")).then_some(status)
}

/// An answer that says what is wrong, with the headers of all answers.
fn answer(status: StatusCode) -> Vec<u8> {
    let problem = wire::Problem::from(&Problem::new(Code::of(status), detail(status)));
    let body = serde_json::to_vec(&problem).expect("invariant: a problem is JSON");
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    // What follows a head that cannot be parsed cannot be parsed either.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    add_headers(&mut headers, &new_id());
    let mut answer = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in &headers {
        answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    answer.extend(b"\r\n");
    answer.extend(body);
    answer
}

fn detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::URI_TOO_LONG => "The address is too long: expected less than 64 KiB.",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "The headers are too large: expected at most 100 headers and 64 KiB in all."
        }
        _ => {
            "The bytes are no valid HTTP/1.1 request: expected a request line, headers with one \
             value for each of Host and Content-Length, and an empty line. A service without a \
             certificate does not speak HTTPS."
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Refusals<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Refusals<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.replacement.is_none() {
            this.replacement = refused(bytes).map(|status| (answer(status), 0));
        }
        let Some((answer, written)) = &mut this.replacement else {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        };
        // Kept between calls: the caller writes the same bytes again until they are taken.
        while *written < answer.len() {
            match ready!(Pin::new(&mut this.stream).poll_write(context, &answer[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => *written += n,
            }
        }
        this.replacement = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A refusal has no body, so it is all of the first slice.
        match slices.first() {
            Some(first) if self.replacement.is_some() || refused(first).is_some() => {
                self.poll_write(context, first)
            }
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    async fn written(bytes: &'static [u8]) -> String {
        // Smaller than an answer, so that it takes several writes.
        let (near, mut far) = duplex(64);
        let writer = tokio::spawn(async move {
            Refusals::new(near).write_all(bytes).await.unwrap();
        });
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        writer.await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_bare_refusal_becomes_a_problem() {
        let text =
            written(b"HTTP/1.1 431 Request Header Fields Too Large\r\ndate: x\r\n\r\n").await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
        assert!(head.contains("nosniff") && head.contains("x-request-id"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(body.contains("\"headers_too_large\""), "{body}");
    }

    #[tokio::test]
    async fn other_answers_pass_unchanged() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\n\r\n",
            b"HTTP/1.1 400 Bad",
        ] {
            assert_eq!(written(answer).await.as_bytes(), answer);
        }
    }
}
