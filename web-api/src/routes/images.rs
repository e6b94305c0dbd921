//! What is done with images: enroll, classify, embed.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{known_gallery, tagged};
use crate::AppState;
use crate::http::body::Images;
use crate::http::problem::{Code, Problem};
use crate::jobs::decode_queue;
use crate::station::{How, Station};
use crate::wire;

/// The most candidates one can ask for.
const MAX_TOP: usize = 1000;

/// How a body with several images looks; names of the parts do not matter.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ImageForm {
    /// JPEG, PNG or WebP files.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
}

/// One image file as it is.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct RawImage(Vec<u8>);

/// How to enroll.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EnrollQuery {
    /// Make the class if it does not exist.
    #[serde(default)]
    #[param(default = false, required = false)]
    create: bool,
}

/// How to classify.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ClassifyQuery {
    /// How many candidates to return, 1 to 1000.
    #[serde(default = "five")]
    #[param(default = 5, minimum = 1, maximum = 1000, required = false)]
    top: usize,
    /// Say what the best answer rests on.
    #[serde(default)]
    #[param(default = false, required = false)]
    explain: bool,
    /// Let the images of this call help to judge one another (soft k-means): better where most of them show classes of
    /// the gallery.
    #[serde(default)]
    #[param(default = false, required = false)]
    transductive: bool,
}

fn five() -> usize {
    5
}

/// Makes images examples of a class.
///
/// All of them or none. The same image twice counts once, so a call may be repeated.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/classes/{class}/examples", tag = "images",
    params(("gallery" = String, Path, description = "`default`"),
        ("class" = String, Path, description = "Id or label, percent-encoded"), EnrollQuery),
    request_body(content((ImageForm = "multipart/form-data"), (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 201, body = wire::Enrolled), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn enroll(
    State(state): State<Arc<AppState>>,
    Path((gallery, class)): Path<(String, String)>,
    Query(query): Query<EnrollQuery>,
    images: Images,
) -> Result<Response, Problem> {
    known_gallery(&gallery)?;
    let (name, create) = (class.clone(), query.create);
    state.engine.call(move |station| station.check_enroll(&name, create)).await?;
    let embedded = decode_queue::embed_all(&state, &Arc::new(images)).await?;
    let work = move |station: &mut Station| station.enroll(&class, &embedded, create);
    let enrolled = state.engine.call(work).await?;
    Ok(tagged(StatusCode::CREATED, enrolled.revision, enrolled))
}

/// Says which classes each image is closest to.
#[utoipa::path(post, path = "/v1/galleries/{gallery}/classify", tag = "images",
    params(("gallery" = String, Path, description = "`default`"), ClassifyQuery),
    request_body(content((ImageForm = "multipart/form-data"), (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 200, body = wire::Classified), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn classify(
    State(state): State<Arc<AppState>>,
    Path(gallery): Path<String>,
    Query(ClassifyQuery { top, explain, transductive }): Query<ClassifyQuery>,
    images: Images,
) -> Result<Json<wire::Classified>, Problem> {
    known_gallery(&gallery)?;
    if !(1..=MAX_TOP).contains(&top) {
        let detail = format!("top: expected 1 to {MAX_TOP}, got {top}.");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    if transductive && images.uploads.len() < 2 {
        let detail = "transductive=true needs two images or more in one call, got one.";
        return Err(Problem::new(Code::NeedsMoreImages, detail));
    }
    let images = Arc::new(images);
    let embedded = decode_queue::embed_all(&state, &images).await?;
    let how = How { top, explain, transductive };
    let work = move |station: &mut Station| station.classify(&images.uploads, embedded, how);
    Ok(Json(state.engine.call(work).await?))
}

/// The embedding of each image, for use elsewhere.
#[utoipa::path(post, path = "/v1/embed", tag = "images",
    request_body(content((ImageForm = "multipart/form-data"), (RawImage = "application/octet-stream"), (RawImage = "image/*"))),
    responses((status = 200, body = wire::Embedded), (status = "default", body = wire::Problem, content_type = "application/problem+json")))]
pub async fn embed(
    State(state): State<Arc<AppState>>,
    images: Images,
) -> Result<Json<wire::Embedded>, Problem> {
    let images = Arc::new(images);
    let embedded = decode_queue::embed_all(&state, &images).await?;
    let work = move |station: &mut Station| Ok(station.embeddings(&images.uploads, embedded));
    Ok(Json(state.engine.call(work).await?))
}
