//! The memory of large answers: a client that does not read its answer holds it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};

use super::problem::{Code, Problem};
use crate::connections::{Connection, Phase};
use crate::jobs::budget::{Budget, Lease};
use crate::jobs::client::ClientAddress;
use crate::metrics::Refusal;

/// Answers up to this size are part of what each connection takes.
const SMALL_BYTES: usize = 64 << 10;

/// The most bytes that are handed to the connection at once.
const PART_BYTES: usize = 64 << 10;

/// The detail for a client that can have no more memory now.
pub const NO_MEMORY: &str = "This address has its share of the memory for bodies and answers.";

/// Marks an answer whose memory is reserved already, or is not its own.
#[derive(Debug, Clone, Copy)]
pub struct Counted;

/// The bytes of an answer and the memory that is reserved for them until they are sent.
struct Held {
    bytes: Vec<u8>,
    _memory: Lease,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A JSON answer that is written in parts, in memory that is reserved as it grows.
#[derive(Debug)]
pub struct Growing {
    bytes: Vec<u8>,
    memory: Lease,
    budget: Arc<Budget>,
}

impl Growing {
    /// An empty answer to a client.
    #[must_use]
    pub fn new(budget: &Arc<Budget>, client: ClientAddress) -> Self {
        Self { bytes: Vec::new(), memory: budget.lease(client), budget: Arc::clone(budget) }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// `busy` if the client holds too much already; `too_large` if it can never have as much.
    pub fn push(&mut self, part: &[u8]) -> Result<(), Problem> {
        if !self.memory.grow(part.len()) {
            return Err(no_memory(&self.budget, self.bytes.len() + part.len()));
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }
}

impl IntoResponse for Growing {
    fn into_response(self) -> Response {
        let mut bytes = self.bytes;
        // It grew by doubling.
        bytes.shrink_to_fit();
        held("application/json", bytes, self.memory)
    }
}

/// Reserves memory for an answer of this size before it is made; a small one takes none.
///
/// # Errors
/// `busy` if the client holds too much already; `too_large` if it can never have as much.
pub fn reserve(memory: &Arc<Budget>, client: ClientAddress, size: usize) -> Result<Lease, Problem> {
    let mut lease = memory.lease(client);
    if size > SMALL_BYTES && !lease.grow(size) {
        return Err(no_memory(memory, size));
    }
    Ok(lease)
}

/// An answer in memory that stays reserved until it is sent.
pub fn held(media_type: &'static str, bytes: Vec<u8>, memory: Lease) -> Response {
    let content_type = HeaderValue::from_static(media_type);
    // The last part of these bytes is dropped when it is written to the socket.
    let body = Body::from(Bytes::from_owner(Held { bytes, _memory: memory }));
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    response.extensions_mut().insert(Counted);
    response
}

/// Reserves memory for an answer until it is sent; refuses it if its client holds too much already.
/// The answer of a change is not refused: the change is done.
pub async fn hold(
    method: &Method,
    response: Response,
    client: ClientAddress,
    memory: &Arc<Budget>,
) -> Response {
    let size = response.body().size_hint().exact().unwrap_or_default();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let is_counted = response.extensions().get::<Counted>().is_some();
    if size <= SMALL_BYTES || method != Method::GET || is_counted {
        return response;
    }
    let Some(lease) = memory.take(client, size) else {
        return no_memory(memory, size).into_response();
    };
    let (parts, body) = response.into_parts();
    match to_bytes(body, size).await {
        Ok(bytes) => {
            let held = Held { bytes: bytes.into(), _memory: lease };
            Response::from_parts(parts, Body::from(Bytes::from_owner(held)))
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

fn no_memory(memory: &Budget, size: usize) -> Problem {
    if memory.fits(size) {
        return Problem::refused(Refusal::Memory, NO_MEMORY);
    }
    let detail = format!(
        "The answer takes at least {size} bytes, too many for the memory of this service: ask for \
         fewer images or candidates at once, or start it with more --max-buffer-bytes."
    );
    Problem::new(Code::TooLarge, detail)
}

/// The body of an answer, in parts of limited size: what a connection holds stays small.
pub struct Sending {
    body: Body,
    rest: Bytes,
    connection: Arc<Connection>,
}

impl Sending {
    /// States that the client is reading an answer, until its last part is handed over.
    #[must_use]
    pub fn on(connection: Arc<Connection>, body: Body) -> Self {
        connection.enter(Phase::Transfer);
        Self { body, rest: Bytes::new(), connection }
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
                return Poll::Ready(None);
            };
            match frame?.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(PART_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let hint = self.body.size_hint();
        let mut all = SizeHint::new();
        all.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + rest);
        }
        all
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.connection.enter(Phase::Idle);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;

    use axum::http::StatusCode;
    use http_body_util::BodyExt;

    use super::*;
    use crate::connections::Connections;

    #[tokio::test]
    async fn a_large_answer_holds_memory_until_it_is_sent() {
        let memory = Budget::new(600_000, 256);
        let client = std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into();
        let small = hold(&Method::GET, "ok".into_response(), client, &memory).await;
        assert_eq!((small.status(), memory.used()), (StatusCode::OK, 0));
        let large = || vec![b'x'; 100_000].into_response();
        let held = hold(&Method::GET, large(), client, &memory).await;
        assert_eq!(memory.used(), 100_000);
        let second = hold(&Method::GET, large(), client, &memory).await;
        assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
        let bytes = to_bytes(held.into_body(), usize::MAX).await.unwrap();
        assert_eq!((bytes.len(), memory.used()), (100_000, 100_000));
        drop(bytes);
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test]
    async fn an_answer_that_can_never_be_held_is_too_large() {
        let memory = Budget::new(600_000, 256);
        let client = std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into();
        let mut growing = Growing::new(&memory, client);
        growing.push(&[0; 100_000]).unwrap();
        assert_eq!(growing.push(&[0; 400_000]).unwrap_err().code(), Code::TooLarge);
        let other = memory.take(client, 20_000);
        assert_eq!(growing.push(&[0; 10_000]).unwrap_err().code(), Code::Busy);
        drop(other);
        assert_eq!(growing.into_response().body().size_hint().exact(), Some(100_000));
    }

    #[test]
    fn memory_is_reserved_before_a_large_answer_is_made() {
        let memory = Budget::new(600_000, 256);
        let client = std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into();
        let small = reserve(&memory, client, SMALL_BYTES).unwrap();
        assert_eq!(memory.used(), 0);
        drop(small);
        let large = reserve(&memory, client, 100_000).unwrap();
        assert_eq!(memory.used(), 100_000);
        assert_eq!(reserve(&memory, client, 100_000).unwrap_err().code(), Code::Busy);
        assert_eq!(reserve(&memory, client, 600_000).unwrap_err().code(), Code::TooLarge);
        let answer = held("image/png", vec![1; 100_000], large);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/png");
        assert!(answer.extensions().get::<Counted>().is_some());
        drop(answer);
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test]
    async fn an_answer_is_sent_in_parts() {
        let place = Connections::new(1).admit(std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into());
        let body = Body::from(vec![1; 3 * PART_BYTES + 1]);
        let mut sending = Body::new(Sending::on(Arc::clone(&place.connection), body));
        let mut sizes = Vec::new();
        while let Some(frame) = sending.frame().await {
            sizes.push(frame.unwrap().into_data().unwrap().len());
        }
        assert_eq!(sizes, [PART_BYTES, PART_BYTES, PART_BYTES, 1]);
    }
}
