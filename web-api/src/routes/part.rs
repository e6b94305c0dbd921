//! Lists are read in parts: how many items an answer may have.

use crate::http::problem::{Code, Problem};

/// The most items of one answer.
const MAX_LIMIT: usize = 1000;

/// The items of an answer that was asked for without a limit.
pub fn default_limit() -> usize {
    100
}

/// Checks the limit of a request.
///
/// # Errors
/// `bad_request` for 0 and for more than 1000.
pub fn check_limit(limit: usize) -> Result<(), Problem> {
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(());
    }
    let detail = format!("limit: expected 1 to {MAX_LIMIT}, got {limit}.");
    Err(Problem::new(Code::BadRequest, detail))
}
