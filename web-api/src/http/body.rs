//! Reads request bodies within the limits on bytes, files and time.
//!
//! Memory is reserved as bytes arrive: a length that is only announced takes none. When memory is
//! short, a body that stalls gives its part back first.
//!
//! A refused body is still read to its end (up to a limit) and discarded: a client that is sending
//! would otherwise see a broken connection and not the error.

mod file;
mod image_list;
mod json;
mod seen;
mod tensors;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::connections::{Connection, Phase};
use crate::http::answers::NO_MEMORY;
use crate::http::client::Client;
use crate::http::problem::{Code, Problem};
use crate::jobs::budget::Lease;
use crate::jobs::client::ClientAddress;
use crate::jobs::uploads::{Upload, Uploads};
use crate::metrics::Refusal;
use crate::state::AppState;

use wording::{printable, quoted, too_many_files};

pub use file::SentArchive;
pub use json::{Json, NoBody, OptionalJson};
pub use seen::{Seen, is_same, watched};
pub use tensors::{INFERENCE_HEADER_LENGTH, TensorBody, infer_request};

/// A body stalls if fewer than [`STALLED_BYTES`] arrive in this time.
const STALLED_TIME: Duration = Duration::from_secs(1);

/// See [`STALLED_TIME`].
const STALLED_BYTES: usize = 32 << 10;

/// How long a body waits for memory in all: long enough for those that stall to give theirs back.
/// Bodies that wait hold memory themselves, so they must not wait for each other for ever.
const MEMORY_TIME: Duration = Duration::from_secs(3);

/// The most bytes of a refused body that are read and discarded.
const MAX_DISCARDED_BYTES: usize = 64 << 20;

impl FromRequest<Arc<AppState>> for Uploads {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let limits = &state.config.limits;
        let kind = kind(&parts.headers);
        let arrival = Arrival::of(&parts, state)?;
        // A body of parts is held twice for a moment: as it arrived, and as copies of its parts.
        let copies = if matches!(kind, Ok(Kind::Multipart | Kind::Json)) { 2 } else { 1 };
        let mut memory = state.buffers.lease(arrival.client);
        // The time includes what is discarded, so that a refused client cannot hold its connection.
        let receive = receive(&parts, body, limits.max_body_bytes, (&mut memory, copies));
        let bytes = arrival.within_time(receive).await?;
        // Checked only now: a client reads the answer when it has sent its body.
        let files = match kind? {
            Kind::Raw => vec![Upload { file: None, bytes }],
            Kind::Multipart => split(parts, bytes, limits.max_files).await?,
            Kind::Json => listed(&bytes, &mut memory, limits.max_files)?,
        };
        Ok(Self::new(files, memory))
    }
}

/// A body that is arriving: on which connection, from whom, and how long it may take.
struct Arrival {
    connection: Arc<Connection>,
    client: ClientAddress,
    time: Duration,
}

impl Arrival {
    fn of(parts: &Parts, state: &AppState) -> Result<Self, Problem> {
        let limits = &state.config.limits;
        let connection = parts.extensions.get::<Arc<Connection>>().cloned();
        let Some(connection) = connection else {
            return Err(Problem::internal("a request has no connection"));
        };
        let client = Client::of(&parts.extensions).map_or(connection.client, |client| client.0);
        Ok(Self { connection, client, time: limits.receive_time() })
    }

    /// The result of reading a body, or the error of one that arrives too late.
    async fn within_time<T>(
        &self,
        reading: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.connection.enter(Phase::Transfer);
        let read = timeout(self.time, reading).await;
        self.connection.enter(Phase::Work);
        read.map_err(|_| too_slow(self.time.as_secs()))?
    }
}

enum Kind {
    Raw,
    Multipart,
    Json,
}

fn kind(headers: &HeaderMap) -> Result<Kind, Problem> {
    let content_type = content_type(headers);
    match content_type.as_str() {
        "multipart/form-data" => Ok(Kind::Multipart),
        "application/json" => Ok(Kind::Json),
        "" | "application/octet-stream" => Ok(Kind::Raw),
        image if image.starts_with("image/") => Ok(Kind::Raw),
        other => Err(Problem::new(
            Code::UnsupportedImage,
            format!(
                "Expected content-type image/jpeg (or of another image), application/octet-stream, \
                 multipart/form-data or application/json, got {}.",
                quoted(other)
            ),
        )),
    }
}

/// The media type in lower case, without parameters; empty without the header.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.unwrap_or_default().split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}

/// Memory for a body, and how often the body is held in it.
type Memory<'a> = (&'a mut Lease, usize);

/// Reads the body into memory that is reserved for it.
async fn receive(
    parts: &Parts,
    body: Body,
    limit: usize,
    memory: Memory<'_>,
) -> Result<Bytes, Problem> {
    // Refused before its bytes take memory.
    if content_length(&parts.headers).is_some_and(|length| length > limit) {
        return Err(refuse(parts, body, too_large(limit)).await);
    }
    collect(body, limit, memory).await
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns the problem after the client has finished sending; at once for `Expect: 100-continue`.
async fn refuse(parts: &Parts, mut body: Body, problem: Problem) -> Problem {
    // With `Expect: 100-continue` a client waits for the answer before it sends.
    if !parts.headers.contains_key(header::EXPECT) {
        discard(&mut body).await;
    }
    problem
}

/// Reads and discards the body of a request that is refused before its handler, as [`refuse`] does.
pub(super) async fn discard_refused(state: &AppState, parts: &Parts, mut body: Body) {
    let Ok(arrival) = Arrival::of(parts, state) else { return };
    if !parts.headers.contains_key(header::EXPECT) {
        let discarded = async {
            discard(&mut body).await;
            Ok(())
        };
        // Whether it arrived in time or not, the answer is the refusal.
        let _ = arrival.within_time(discarded).await;
    }
}

/// The problem after the body was discarded in the time that a body has. Meanwhile the connection
/// gives way to others, as one that sends does.
pub(super) async fn refused(
    state: &AppState,
    parts: &Parts,
    body: Body,
    problem: Problem,
) -> Problem {
    discard_refused(state, parts, body).await;
    problem
}

async fn collect(mut body: Body, limit: usize, memory: Memory<'_>) -> Result<Bytes, Problem> {
    let (lease, copies) = memory;
    // Grows with what arrives.
    let mut bytes = Vec::new();
    let mut pace = Pace::new();
    loop {
        let frame = tokio::select! {
            // What has arrived counts before the tick, however late both are looked at.
            biased;
            frame = body.frame() => frame,
            is_slow = pace.is_slow(bytes.len()) => {
                if is_slow && lease.is_wanted() {
                    return Err(stalled());
                }
                continue;
            }
        };
        let Some(frame) = frame else { return Ok(bytes.into()) };
        let frame = frame.map_err(ended_early)?;
        let Ok(data) = frame.into_data() else { continue };
        let problem = if bytes.len() + data.len() > limit {
            too_large(limit)
        } else if !pace.take(lease, data.len() * copies).await {
            no_memory()
        } else {
            bytes.extend_from_slice(&data);
            continue;
        };
        // Freed first, because a slow client may take long to send the rest.
        drop(bytes);
        lease.clear();
        discard(&mut body).await;
        return Err(problem);
    }
}

/// How fast a body arrives.
struct Pace {
    tick: Interval,
    /// How much had arrived at the last tick; `None` before the first.
    before: Option<usize>,
    /// How long it may still wait for memory.
    wait_left: Duration,
}

impl Pace {
    fn new() -> Self {
        let mut tick = interval(STALLED_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { tick, before: None, wait_left: MEMORY_TIME }
    }

    /// Waits for the next tick; true if little arrived since the last one.
    async fn is_slow(&mut self, arrived: usize) -> bool {
        self.tick.tick().await;
        self.before.replace(arrived).is_some_and(|before| arrived - before < STALLED_BYTES)
    }

    /// Takes memory for what has arrived; false if the client can have none.
    async fn take(&mut self, lease: &mut Lease, more: usize) -> bool {
        if lease.grow(more) {
            return true;
        }
        let start = Instant::now();
        let is_granted = lease.grow_within(more, self.wait_left).await;
        self.wait_left = self.wait_left.saturating_sub(start.elapsed());
        // The body did not arrive in this time because it was not read.
        self.before = None;
        self.tick.reset();
        is_granted
    }
}

async fn discard(body: &mut Body) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

/// The files of a multipart body. The body is complete, so parsing does not wait.
async fn split(parts: Parts, bytes: Bytes, max_files: usize) -> Result<Vec<Upload>, Problem> {
    // The parts are copies: the stated memory use counts bodies twice for this.
    let request = Request::from_parts(parts, Body::from(bytes));
    let mut fields = Multipart::from_request(request, &()).await.map_err(bad_multipart)?;
    let mut uploads = Vec::new();
    while let Some(field) = fields.next_field().await.map_err(bad_multipart)? {
        if uploads.len() == max_files {
            return Err(too_many_files(max_files));
        }
        let is_file = field.file_name().is_some();
        let file = field.file_name().or(field.name()).map(printable);
        let bytes = field.bytes().await.map_err(bad_multipart)?;
        // Some clients send files without a name, but no image is text.
        if !is_file && std::str::from_utf8(&bytes).is_ok() {
            return Err(not_an_image(file.as_deref().unwrap_or_default()));
        }
        uploads.push(Upload { file, bytes });
    }
    if uploads.is_empty() {
        return Err(Problem::new(Code::BadRequest, "The multipart body has no file."));
    }
    Ok(uploads)
}

/// The files of a list in JSON.
fn listed(bytes: &[u8], memory: &mut Lease, max_files: usize) -> Result<Vec<Upload>, Problem> {
    // The parser copies a text that has an escaped character.
    if bytes.contains(&b'\\') && !memory.grow(bytes.len()) {
        return Err(no_memory());
    }
    image_list::images(bytes, max_files)
}

/// A form of a web page may have options beside its files.
fn not_an_image(field: &str) -> Problem {
    let detail = format!(
        "The form field `{field}` is text and not an image. A form has images only: put options \
         into the address, such as `?top=3`."
    );
    Problem::new(Code::BadRequest, detail)
}

fn bad_multipart(error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::BadRequest, format!("The multipart body cannot be read: {error}."))
}

fn ended_early(_: axum::Error) -> Problem {
    Problem::new(Code::BadRequest, "The body ended early.")
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::TooLarge, format!("The body is longer than the limit of {limit} bytes."))
}

fn no_memory() -> Problem {
    Problem::refused(Refusal::Memory, NO_MEMORY)
}

fn stalled() -> Problem {
    let what = "The body arrived too slowly while others waited for memory.";
    Problem::refused(Refusal::Stalled, what)
}

fn too_slow(seconds: u64) -> Problem {
    let what = format!("The request did not arrive within {seconds} seconds.");
    Problem::refused(Refusal::Slow, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use http_body_util::channel::Channel;

    use super::*;
    use crate::jobs::budget::Budget;

    fn headers(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())])
    }

    #[test]
    fn the_content_type_selects_how_a_body_is_read() {
        assert!(matches!(kind(&HeaderMap::new()), Ok(Kind::Raw)));
        assert!(matches!(kind(&headers("IMAGE/PNG")), Ok(Kind::Raw)));
        assert!(matches!(kind(&headers("multipart/form-data; boundary=x")), Ok(Kind::Multipart)));
        assert!(matches!(kind(&headers("application/json")), Ok(Kind::Json)));
        assert!(kind(&headers("application/x-www-form-urlencoded")).is_err());
    }

    /// A client's part of a budget.
    fn memory(total: usize) -> (Arc<Budget>, Lease) {
        let budget = Budget::new(total, 256);
        let lease = budget.lease(IpAddr::from([127, 0, 0, 1]).into());
        (budget, lease)
    }

    #[tokio::test]
    async fn a_body_is_collected_up_to_the_limit() {
        let (budget, mut lease) = memory(1000);
        let bytes = collect(Body::from("1234"), 4, (&mut lease, 2)).await.unwrap();
        assert_eq!((bytes, budget.used()), (Bytes::from("1234"), 8));
        let error = collect(Body::from("12345"), 4, (&mut lease, 1)).await.unwrap_err();
        assert_eq!((error.code(), budget.used()), (Code::TooLarge, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_finds_no_memory_is_refused() {
        let (budget, mut lease) = memory(10);
        let error = collect(Body::from("12345"), 5, (&mut lease, 1)).await.unwrap_err();
        assert_eq!((error.code(), budget.used()), (Code::Busy, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_refused_when_others_want_its_memory() {
        let (budget, mut lease) = memory(100);
        assert!(lease.grow(15));
        let mut other = budget.lease(IpAddr::from([127, 0, 0, 1]).into());
        let (_sender, body) = Channel::<Bytes>::new(1);
        let collecting = collect(Body::new(body), 4, (&mut lease, 1));
        let waiting = other.grow_within(15, Duration::from_secs(9));
        let (collected, _) = tokio::join!(collecting, waiting);
        assert_eq!(collected.unwrap_err().code(), Code::Timeout);
    }
}
