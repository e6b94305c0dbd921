//! The list of classes, read and sent in chunks.
//!
//! A class with many attributes takes some kilobytes of JSON, and a client may read slowly or not
//! at all. So only one small chunk of a list is in memory at a time.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use edge::Recognizer;
use edge::recognizer::ClassInfo;
use http_body_util::channel::{Channel, Sender};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;

use super::part::{after_name, default_limit};
use crate::http::client::Client;
use crate::http::conditions::etag;
use crate::http::problem::Problem;
use crate::http::query;
use crate::jobs::client::ClientAddress;
use crate::jobs::error::JobError;
use crate::state::AppState;
use crate::wire;

/// A chunk ends with the class that reaches this size.
const CHUNK_BYTES: usize = 16 << 10;

/// A part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ClassListQuery {
    /// The most classes to return, 1 to 1000. An answer may have fewer: `next` shows whether others
    /// follow.
    #[serde(default = "default_limit", deserialize_with = "query::count")]
    #[param(default = 100, minimum = 1, maximum = 1000, required = false)]
    limit: usize,
    /// Return the classes after this label: `next` of the answer before.
    #[param(value_type = String, required = false, max_length = 128, example = "mug")]
    after: Option<String>,
}

/// Lists the classes of a gallery, sorted by label.
///
/// All classes of an answer are those of one revision. If the gallery changes while an answer is
/// sent, the answer ends there, and `next` is where to go on.
#[utoipa::path(get, path = "/v1/galleries/{gallery}/classes", tag = "classes",
    operation_id = "list_classes",
    params(wire::GalleryPath, ClassListQuery, wire::IfNoneMatch),
    responses((status = 200, description = "The classes", body = wire::Classes), wire::NotModified, wire::AnyProblem))]
pub async fn list(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(gallery): Path<String>,
    Query(ClassListQuery { limit, after }): Query<ClassListQuery>,
) -> Result<Response, Problem> {
    let after = after_name(after)?;
    let mut page = Page { client, gallery, left: limit, after, revision: None };
    let first = page.next_chunk(&state).await?;
    let tag = etag(page.revision.unwrap_or_default());
    let first = [b"{\"classes\":[", &*first].concat();
    let body = if page.is_at_end() {
        Body::from([first, page.end()].concat())
    } else {
        let (sender, rest) = Channel::new(1);
        tokio::spawn(page.send_in_time(first.into(), sender, state));
        Body::new(rest)
    };
    let content_type = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, content_type), (header::ETAG, tag)], body).into_response())
}

/// The state of an answer between two of its chunks.
struct Page {
    client: ClientAddress,
    gallery: String,
    /// How many classes it may still have.
    left: usize,
    /// The label of its last class so far; `None` after the last class of the gallery.
    after: Option<String>,
    revision: Option<u64>,
}

impl Page {
    fn is_at_end(&self) -> bool {
        self.left == 0 || self.after.is_none()
    }

    /// The next classes as JSON, separated by commas.
    async fn next_chunk(&mut self, state: &AppState) -> Result<Vec<u8>, JobError> {
        let is_first = self.revision.is_none();
        let (after, left) = (self.after.take(), self.left);
        let read = move |recognizer: &mut Recognizer| Chunk::read(recognizer, after, left);
        let chunk = state.in_gallery(self.client, &self.gallery, read).await?;
        // Classes of two revisions in one answer would be a state that never was.
        if self.revision.is_some_and(|revision| revision != chunk.revision) {
            self.left = 0;
            self.after = chunk.after;
            return Ok(Vec::new());
        }
        self.revision = Some(chunk.revision);
        self.left -= chunk.n_classes;
        self.after = chunk.last;
        let comma: &[u8] = if is_first || chunk.json.is_empty() { b"" } else { b"," };
        Ok([comma, &chunk.json].concat())
    }

    /// Sends this chunk and all that follow, each when the client has taken the one before.
    async fn send(
        mut self,
        first: Bytes,
        sender: &mut Sender<Bytes, JobError>,
        state: &AppState,
    ) -> Result<(), JobError> {
        let mut chunk = first;
        // It fails when the client has left.
        while sender.send_data(chunk).await.is_ok() {
            if self.is_at_end() {
                let _ = sender.send_data(self.end().into()).await;
                return Ok(());
            }
            chunk = self.next_chunk(state).await?.into();
        }
        Ok(())
    }

    /// The same within the time in which a client has to read its answer.
    async fn send_in_time(
        self,
        first: Bytes,
        mut sender: Sender<Bytes, JobError>,
        state: Arc<AppState>,
    ) {
        let time = state.config.limits.receive_time();
        let sent = timeout(time, self.send(first, &mut sender, &state)).await;
        // The head is sent: the client sees an answer that breaks off.
        if let Err(error) = sent.unwrap_or(Err(JobError::Stopped)) {
            sender.abort(error);
        }
    }

    fn end(&self) -> Vec<u8> {
        let next = serde_json::to_string(&self.after).expect("invariant: a text is JSON");
        let revision = self.revision.unwrap_or_default();
        format!("],\"next\":{next},\"revision\":{revision}}}").into_bytes()
    }
}

/// Some classes of one revision.
struct Chunk {
    json: Vec<u8>,
    n_classes: usize,
    /// The label that the chunk follows.
    after: Option<String>,
    /// The label of its last class, if others follow it.
    last: Option<String>,
    revision: u64,
}

impl Chunk {
    fn read(recognizer: &Recognizer, after: Option<String>, limit: usize) -> Self {
        let revision = recognizer.revision();
        let chunk = Self { json: Vec::new(), n_classes: 0, after, last: None, revision };
        match chunk.after.clone() {
            None => chunk.filled(recognizer.classes(), limit),
            Some(after) => chunk.filled(recognizer.classes_after(&after), limit),
        }
    }

    fn filled(mut self, mut classes: impl Iterator<Item = ClassInfo>, limit: usize) -> Self {
        let mut last = None;
        while self.n_classes < limit && self.json.len() < CHUNK_BYTES {
            let Some(class) = classes.next() else { return self };
            if self.n_classes > 0 {
                self.json.push(b',');
            }
            serde_json::to_writer(&mut self.json, &wire::Class::from(&class))
                .expect("invariant: a class is JSON");
            self.n_classes += 1;
            last = Some(class.label.to_string());
        }
        self.last = classes.next().and(last);
        self
    }
}
