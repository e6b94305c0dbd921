//! What a call read of its body: its hash, made while it passes, without a copy.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use sha2::{Digest, Sha256};

use super::{Arrival, discard, ended_early};
use crate::http::problem::Problem;
use crate::jobs::replays::SentBody;
use crate::state::AppState;

/// What was read of a body so far.
#[derive(Debug, Clone)]
pub struct Seen(Arc<Mutex<Progress>>);

#[derive(Debug, Default)]
struct Progress {
    hasher: Sha256,
    length: u64,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Unread,
    Reading,
    Ended,
    Failed,
}

/// A body that is hashed as it is read.
struct Watched {
    body: Body,
    seen: Seen,
}

/// The same body, and what is read of it.
pub fn watched(body: Body) -> (Body, Seen) {
    let seen = Seen(Arc::default());
    // No frame of it may ever be asked for.
    if body.is_end_stream() {
        seen.with(|progress| progress.state = State::Ended);
    }
    (Body::new(Watched { body, seen: seen.clone() }), seen)
}

impl Seen {
    /// The body, when the call is over; `None` if it was read in part or did not arrive.
    #[must_use]
    pub fn body(&self) -> Option<SentBody> {
        self.with(|progress| match progress.state {
            State::Unread => Some(SentBody::Unread),
            State::Ended => {
                let sha256 = progress.hasher.clone().finalize().into();
                Some(SentBody::Whole { length: progress.length, sha256 })
            }
            State::Reading | State::Failed => None,
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Progress) -> T) -> T {
        // Nothing panics while it is held.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress {
    /// Notes the result of a read; `None` is the end.
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>) {
        self.state = match frame {
            None => State::Ended,
            Some(Err(_)) => State::Failed,
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.hasher.update(data);
                    self.length += data.len() as u64;
                }
                State::Reading
            }
        };
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let is_last = frame.is_some() && self.body.is_end_stream();
        self.seen.with(|progress| {
            progress.note(frame.as_ref());
            // Its reader may know the length, and ask no more.
            if is_last && progress.state == State::Reading {
                progress.state = State::Ended;
            }
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a request has the body of an earlier one. It is read and not kept. A body that the
/// earlier call did not read is not compared.
///
/// # Errors
/// `bad_request` if the body ends early; `timeout` if it arrives too slowly.
pub async fn is_same(
    parts: &Parts,
    body: Body,
    state: &AppState,
    sent: SentBody,
) -> Result<bool, Problem> {
    let SentBody::Whole { length, sha256 } = sent else { return Ok(true) };
    let limits = &state.config.limits;
    let mut arrival = Arrival::of(parts, state)?;
    // Only a gallery's file can be as long.
    if length > limits.max_body_bytes as u64 {
        arrival.time = limits.transfer_time();
    }
    arrival.within_time(has_hash(body, length, sha256)).await
}

async fn has_hash(mut body: Body, length: u64, sha256: [u8; 32]) -> Result<bool, Problem> {
    let mut hasher = Sha256::new();
    let mut left = length;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(ended_early)?;
        let Ok(data) = frame.into_data() else { continue };
        let Some(rest) = left.checked_sub(data.len() as u64) else {
            discard(&mut body).await;
            return Ok(false);
        };
        left = rest;
        hasher.update(&data);
    }
    let found: [u8; 32] = hasher.finalize().into();
    Ok(left == 0 && found == sha256)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::to_bytes;
    use http_body_util::channel::Channel;

    use super::*;

    fn whole(bytes: &[u8]) -> SentBody {
        SentBody::Whole { length: bytes.len() as u64, sha256: Sha256::digest(bytes).into() }
    }

    #[tokio::test]
    async fn a_body_is_hashed_as_it_is_read() {
        let (body, seen) = watched(Body::from("cup"));
        assert_eq!(seen.body(), Some(SentBody::Unread));
        assert_eq!(to_bytes(body, 9).await.unwrap(), "cup");
        assert_eq!(seen.body(), Some(whole(b"cup")));
    }

    #[test]
    fn no_body_is_an_empty_one() {
        assert_eq!(watched(Body::empty()).1.body(), Some(whole(b"")));
    }

    #[tokio::test]
    async fn a_body_in_part_is_none() {
        let (mut sender, body) = Channel::<Bytes>::new(2);
        sender.send_data("cu".into()).await.unwrap();
        let (mut body, seen) = watched(Body::new(body));
        body.frame().await.unwrap().unwrap();
        assert_eq!(seen.body(), None);
    }

    #[tokio::test]
    async fn another_body_has_another_hash() {
        let SentBody::Whole { length, sha256 } = whole(b"cup") else { panic!() };
        for (body, expected) in [("cup", true), ("cap", false), ("cu", false), ("cups", false)] {
            let found = has_hash(Body::from(body), length, sha256).await.unwrap();
            assert_eq!(found, expected, "{body}");
        }
    }
}
