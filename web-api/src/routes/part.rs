//! Lists are read in parts: how many items an answer may have, and where it begins.

use std::str::FromStr;

use edge::gallery::{ExampleId, GalleryId, MAX_LABEL_CHARS, NotAnId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::problem::{Code, Problem};
use crate::http::query;

/// A part of a list of examples.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExampleListQuery {
    /// The most examples to return, 1 to 1000.
    #[serde(default = "default_limit", deserialize_with = "query::count")]
    #[param(default = 100, minimum = 1, maximum = 1000, required = false)]
    limit: usize,
    /// Return the examples after the one with this id: `next` of the answer before.
    #[param(value_type = String, required = false, pattern = "^e_[0-9a-f]{32}$", example = "e_0193b7a2c4d870008a3f21b4cd56ef78")]
    after: Option<String>,
}

impl ExampleListQuery {
    /// The most examples, and the one that they follow.
    ///
    /// # Errors
    /// `bad_request` for an `after` that is no id.
    pub fn checked(self) -> Result<(usize, Option<ExampleId>), Problem> {
        Ok((self.limit, after_id(self.after)?))
    }
}

/// A part of the list of galleries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct GalleryListQuery {
    /// The most galleries to return, 1 to 1000.
    #[serde(default = "default_limit", deserialize_with = "query::count")]
    #[param(default = 100, minimum = 1, maximum = 1000, required = false)]
    limit: usize,
    /// Return the galleries after this name: `next` of the answer before.
    #[param(value_type = String, required = false, max_length = 128, example = "line 2")]
    after: Option<String>,
}

impl GalleryListQuery {
    /// The most galleries, and the name that they follow.
    ///
    /// # Errors
    /// `bad_request` for an `after` that is longer than a name.
    pub fn checked(self) -> Result<(usize, Option<String>), Problem> {
        Ok((self.limit, after_name(self.after)?))
    }
}

/// A part of the list of deleted galleries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DeletedListQuery {
    /// The most galleries to return, 1 to 1000.
    #[serde(default = "default_limit", deserialize_with = "query::count")]
    #[param(default = 100, minimum = 1, maximum = 1000, required = false)]
    limit: usize,
    /// Return those that were deleted before the one with this id: `next` of the answer before.
    #[param(value_type = String, required = false, pattern = "^g_[0-9a-f]{32}$", example = "g_0193b7a2c4d870008a3f21b4cd56ef78")]
    after: Option<String>,
}

impl DeletedListQuery {
    /// The most galleries, and the one that they follow.
    ///
    /// # Errors
    /// `bad_request` for an `after` that is no id.
    pub fn checked(self) -> Result<(usize, Option<GalleryId>), Problem> {
        Ok((self.limit, after_id(self.after)?))
    }
}

/// A part of the classes of a check.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DoctorQuery {
    /// The most classes to return, 1 to 1000.
    #[serde(default = "default_limit", deserialize_with = "query::count")]
    #[param(default = 100, minimum = 1, maximum = 1000, required = false)]
    limit: usize,
    /// Return the classes after this label: `next` of the answer before.
    #[param(value_type = String, required = false, max_length = 128, example = "mug")]
    after: Option<String>,
}

impl DoctorQuery {
    /// The most classes, and the label that they follow.
    ///
    /// # Errors
    /// `bad_request` for an `after` that is longer than a label.
    pub fn checked(self) -> Result<(usize, Option<String>), Problem> {
        Ok((self.limit, after_name(self.after)?))
    }
}

/// The name that a part of a list follows.
///
/// # Errors
/// `bad_request` for one that is longer than a name.
pub(super) fn after_name(after: Option<String>) -> Result<Option<String>, Problem> {
    if after.as_ref().is_some_and(|after| after.chars().nth(MAX_LABEL_CHARS).is_some()) {
        let detail = format!("after: expected at most {MAX_LABEL_CHARS} characters.");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    Ok(after)
}

/// The id that a part of a list follows.
///
/// # Errors
/// `bad_request` for a text that is no id.
pub(super) fn after_id<I: FromStr<Err = NotAnId>>(
    after: Option<String>,
) -> Result<Option<I>, Problem> {
    let after = after.map(|id| id.parse::<I>()).transpose();
    after.map_err(|error| Problem::new(Code::BadRequest, format!("after: {error}.")))
}

/// The items of an answer that was asked for without a limit.
pub(super) fn default_limit() -> usize {
    100
}
