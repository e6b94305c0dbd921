//! The lexicon: the WordNet senses of a noun.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use edge::recognizer::RecognizerError;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::client::Client;
use crate::http::conditions::tagged_by_content;
use crate::http::problem::{Code, Problem};
use crate::http::query;
use crate::state::AppState;
use crate::wire;

/// The most characters of a noun that is looked up.
// As long as a label may be.
const MAX_NOUN: usize = 128;

/// The most nouns that complete a text.
const MAX_COMPLETIONS: usize = 20;

/// A noun to look up.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LexiconQuery {
    /// A noun of at most 128 characters, such as `coffee mug`.
    #[param(max_length = 128, example = "coffee mug")]
    q: String,
    /// List the nouns that begin with `q` too, up to 20: for a text that is being typed.
    #[serde(default, deserialize_with = "query::flag")]
    #[param(default = false, required = false)]
    prefix: bool,
}

/// Lists the WordNet senses of a noun.
#[utoipa::path(get, path = "/v1/lexicon", tag = "lexicon", operation_id = "list_senses",
    params(LexiconQuery, wire::IfNoneMatch),
    responses((status = 200, description = "The senses", body = wire::Senses), wire::NotModified, wire::AnyProblem))]
pub async fn senses(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Query(LexiconQuery { q, prefix }): Query<LexiconQuery>,
) -> Result<Response, Problem> {
    if q.chars().nth(MAX_NOUN).is_some() {
        let detail = format!("q: expected at most {MAX_NOUN} characters.");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let found = state.with_recognizer(client, move |recognizer| {
        let most = if prefix { MAX_COMPLETIONS } else { 0 };
        let completions = recognizer.completions(&q, most)?;
        Ok::<_, RecognizerError>(wire::Senses::new(recognizer.senses(&q)?, completions))
    });
    tagged_by_content(&found.await??)
}
