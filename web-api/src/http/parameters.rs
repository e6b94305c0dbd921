//! Query parameters of calls that take none: they are refused, since a client that sends one
//! expects an effect.
//!
//! A call with parameters refuses others itself, when it reads them.

use axum::http::Uri;

use super::problem::{Code, Problem};

/// The paths below which every call is checked.
const API: &str = "/v1/";

/// The paths with a call that takes parameters.
const WITH_PARAMETERS: [&str; 12] = [
    "/v1/deleted-galleries",
    "/v1/embed",
    "/v1/galleries",
    "/v1/galleries/{gallery}/background/examples",
    "/v1/galleries/{gallery}/classes",
    "/v1/galleries/{gallery}/classes/{class}/examples",
    "/v1/galleries/{gallery}/classify",
    "/v1/galleries/{gallery}/doctor",
    "/v1/galleries/{gallery}/examples/{example}/image",
    "/v1/galleries/{gallery}/history",
    "/v1/galleries/{gallery}/search",
    "/v1/lexicon",
];

/// Fields of the JSON bodies of `undo`, `redo`, `purge` and `reembed`.
const FIELDS: [&str; 6] = ["change", "devices", "leave_out", "older_than_days", "swap", "through"];

/// Refuses a query parameter of a call that takes none. `route` is the pattern of the path.
///
/// # Errors
/// `bad_request`.
pub(super) fn check(route: &str, uri: &Uri) -> Result<(), Problem> {
    if !route.starts_with(API) || WITH_PARAMETERS.contains(&route) {
        return Ok(());
    }
    let mut parameters = uri.query().unwrap_or_default().split('&');
    let Some(first) = parameters.find(|parameter| !parameter.is_empty()) else { return Ok(()) };
    let name = first.split('=').next().unwrap_or_default();
    let hint = if FIELDS.contains(&name) { "; send it as a field of the JSON body" } else { "" };
    let detail = format!("Unknown parameter `{name}`; this call takes none{hint}.");
    Err(Problem::new(Code::BadRequest, detail))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn detail(route: &str, address: &str) -> Option<String> {
        check(route, &address.parse().unwrap()).err().map(|problem| problem.to_string())
    }

    #[test]
    fn only_calls_without_parameters_refuse_them_here() {
        let undo = "/v1/galleries/{gallery}/undo";
        let refused = detail(undo, "/v1/galleries/default/undo?&a=1&b").unwrap();
        assert_eq!(refused, "Unknown parameter `a`; this call takes none.");
        let refused = detail(undo, "/v1/galleries/default/undo?change=ch_8a3f21").unwrap();
        assert!(refused.ends_with("takes none; send it as a field of the JSON body."), "{refused}");
        for address in ["/v1/galleries/default/undo", "/v1/galleries/default/undo?"] {
            assert_eq!(detail(undo, address), None, "{address}");
        }
        assert_eq!(detail("/v1/lexicon", "/v1/lexicon?x=1"), None);
        assert_eq!(detail("/livez", "/livez?x=1"), None);
    }

    #[test]
    fn the_calls_with_parameters_are_those_of_the_document() {
        let document = include_str!("../../../docs/openapi.json");
        let document: Value = serde_json::from_str(document).unwrap();
        let mut found = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                let mut parameters = operation["parameters"].as_array().into_iter().flatten();
                if parameters.any(|parameter| parameter["in"] == "query") {
                    found.insert(path.as_str());
                }
            }
        }
        assert_eq!(found, BTreeSet::from(WITH_PARAMETERS));
    }
}
