//! The time that a request may take, from its head to its answer.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::timeout;

use super::problem::{Code, Problem};
use crate::metrics::Refusal;

/// What a client sends to ask for an answer sooner than the service's own limit.
const DEADLINE_MS: HeaderName = HeaderName::from_static("handful-deadline-ms");

/// Answers the request, or with `deadline` when its time is over. Its work is then dropped, except
/// a change of the gallery that has begun.
///
/// # Errors
/// `bad_request` for a header that is no number; `deadline`.
pub async fn run(request: Request, next: Next, most: Duration) -> Result<Response, Problem> {
    let time = asked(request.headers())?.map_or(most, |asked| asked.min(most));
    timeout(time, next.run(request)).await.map_err(|_| passed(time))
}

fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let mut values = headers.get_all(DEADLINE_MS).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        let detail = "Handful-Deadline-Ms: expected once, got several times.";
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let ms = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
    let ms = ms.filter(|ms| *ms > 0).ok_or_else(|| {
        let detail = "Handful-Deadline-Ms: expected a whole number of milliseconds from 1, such as \
                      2000.";
        Problem::new(Code::BadRequest, detail)
    })?;
    Ok(Some(Duration::from_millis(ms)))
}

fn passed(time: Duration) -> Problem {
    let detail = format!(
        "The answer was not ready within {} ms. A change may have been made all the same; to send it \
         again is safe.",
        time.as_millis()
    );
    Problem::refused(Refusal::Deadline, detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(DEADLINE_MS, value.parse().unwrap())])
    }

    #[test]
    fn the_header_is_a_number_of_milliseconds() {
        assert_eq!(asked(&HeaderMap::new()).unwrap(), None);
        assert_eq!(asked(&header("1500")).unwrap(), Some(Duration::from_millis(1500)));
        for wrong in ["0", "-1", "1.5", "soon", "", "99999999999999999999"] {
            assert_eq!(asked(&header(wrong)).unwrap_err().code(), Code::BadRequest, "{wrong}");
        }
        let mut twice = header("1500");
        twice.append(DEADLINE_MS, "2000".parse().unwrap());
        assert_eq!(asked(&twice).unwrap_err().code(), Code::BadRequest);
    }
}
