//! The memory of large answers: a client that does not read its answer holds it.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::jobs::budget::{Budget, Lease};
use crate::jobs::client::ClientAddress;
use crate::metrics::Refusal;

/// Answers up to this size are part of what each connection takes.
const SMALL_BYTES: u64 = 64 << 10;

/// The bytes of an answer and the memory that is reserved for them until they are sent.
struct Held {
    bytes: Bytes,
    _memory: Lease,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reserves memory for an answer until it is sent; refuses it if its client holds too much already.
pub async fn hold(response: Response, client: ClientAddress, memory: &Arc<Budget>) -> Response {
    let size = response.body().size_hint().exact().unwrap_or_default();
    // The answer of a change is always sent: the change is done.
    if size <= SMALL_BYTES || response.status() == StatusCode::CREATED {
        return response;
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let Some(lease) = memory.take(client, size) else {
        let what = "This address has its share of the memory for bodies and answers.";
        return Problem::refused(Refusal::Memory, what).into_response();
    };
    let (parts, body) = response.into_parts();
    match to_bytes(body, size).await {
        Ok(bytes) => {
            let held = Held { bytes, _memory: lease };
            // The last part of these bytes is dropped when it is written to the socket.
            Response::from_parts(parts, Body::from(Bytes::from_owner(held)))
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn a_large_answer_holds_memory_until_it_is_sent() {
        let memory = Budget::new(600_000);
        let client = std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into();
        let small = hold("ok".into_response(), client, &memory).await;
        assert_eq!((small.status(), memory.used()), (StatusCode::OK, 0));
        let large = || vec![b'x'; 100_000].into_response();
        let held = hold(large(), client, &memory).await;
        assert_eq!(memory.used(), 100_000);
        let second = hold(large(), client, &memory).await;
        assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
        let bytes = to_bytes(held.into_body(), usize::MAX).await.unwrap();
        assert_eq!((bytes.len(), memory.used()), (100_000, 100_000));
        drop(bytes);
        assert_eq!(memory.used(), 0);
    }
}
