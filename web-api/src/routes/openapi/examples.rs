//! Examples of bodies: each schema that a call takes or returns has one in `examples.json`.
//!
//! A test holds their fields to those of real answers.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::{Content, OpenApi, RefOr, Required};

use super::calls::methods;

/// Adds the examples to the document.
pub(super) struct Examples;

impl Modify for Examples {
    fn modify(&self, document: &mut OpenApi) {
        let examples: BTreeMap<String, Value> = serde_json::from_str(include_str!("examples.json"))
            .expect("invariant: the file is JSON, which a test parses");
        for (_, operation) in document.paths.paths.values_mut().flat_map(methods) {
            contents(operation).for_each(|content| add(content, &examples));
            let request = operation.request_body.as_mut().and_then(owned);
            if let Some(request) = request.filter(|request| has_only_defaults(request)) {
                request.required = Some(Required::False);
            }
        }
    }
}

fn contents(operation: &mut Operation) -> impl Iterator<Item = &mut Content> {
    let request = operation.request_body.as_mut().and_then(owned);
    let requests = request.into_iter().flat_map(|request| request.content.values_mut());
    let responses = operation.responses.responses.values_mut().filter_map(owned);
    let responses = responses.flat_map(|response| response.content.values_mut());
    requests.chain(responses).filter_map(owned)
}

/// The bodies that may be left out, since each of their fields may be.
fn has_only_defaults(request: &RequestBody) -> bool {
    const OPTIONAL: [&str; 4] = ["UndoRequest", "RedoRequest", "PurgeRequest", "ReembedRequest"];
    request.content.values().any(|content| match content {
        RefOr::T(content) => match &content.schema {
            Some(RefOr::Ref(schema)) => {
                OPTIONAL.iter().any(|name| schema.ref_location.ends_with(name))
            }
            _ => false,
        },
        RefOr::Ref(_) => false,
    })
}

fn owned<T>(item: &mut RefOr<T>) -> Option<&mut T> {
    match item {
        RefOr::T(item) => Some(item),
        RefOr::Ref(_) => None,
    }
}

fn add(content: &mut Content, examples: &BTreeMap<String, Value>) {
    if let Some(RefOr::Ref(schema)) = &content.schema {
        let name = schema.ref_location.rsplit('/').next().unwrap_or_default();
        content.example = examples.get(name).cloned();
    }
}
