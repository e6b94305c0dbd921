//! The calls of `http-api.md`, each with the role that it needs and a request that is answered
//! whatever came before.

use std::borrow::Cow;
use std::fmt;

use crate::draw;
use crate::images::stripes;

/// Role, method, path (`G` for `/v1/galleries/{gallery}`) and the status for a key that may; then
/// what replaces `{gallery}` (`line`), `{class}` (`mug`) and `{example}` (one that exists), the
/// query, and the body: JSON, `image` or `zip`. `ABSENT` are the digits of an id that nothing has.
/// `whole` marks what a key of one gallery may not.
pub(super) const CALLS: &str = r#"
open   GET    /livez                              200
open   GET    /readyz                             200
read   GET    /v1/galleries                       200
read   GET    G                                   200
read   POST   G/calibrate                         200
read   GET    G/doctor                            200
read   GET    G/classes                           200
read   GET    G/classes/{class}                   200
read   GET    G/classes/{class}/examples          200
read   GET    G/examples/{example}                200
read   GET    G/examples/{example}/image          200
read   GET    G/background/examples               200
read   GET    G/history                           200
read   GET    /v1/lexicon                         404 query=q=mug
read   POST   G/classify                          200 body=image
read   POST   G/search                            200 body=image
read   POST   /v1/embed                           200 body=image
read   GET    /version                            200
read   GET    /metrics                            200
read   GET    /openapi.json                       200
read   GET    /v2                                 200
read   GET    /v2/health/live                     200
read   GET    /v2/health/ready                    200
read   GET    /v2/models/{model}                  200
read   GET    /v2/models/{model}/ready            200
read   GET    /v2/models/{model}/versions/{version} 200
read   GET    /v2/models/{model}/versions/{version}/ready 200
read   POST   /v2/models/{model}/infer            400 json={}
read   POST   /v2/models/{model}/versions/{version}/infer 400 json={}
enroll PUT    G/classes/{class}                   200 json={}
enroll PATCH  G/classes/{class}                   404 class=absent json={"label":"cup"}
enroll DELETE G/classes/{class}                   404 class=absent
enroll POST   G/classes/{class}/merge             404 class=absent json={"into":"mug"}
enroll POST   G/classes/{class}/examples          201 body=image
enroll DELETE G/examples/{example}                404 example=e_ABSENT
enroll POST   G/examples/{example}/move           200 json={"to":"mug"}
enroll POST   G/examples/batch                    404 json={"ids":["e_ABSENT"],"delete":true}
enroll POST   G/background/examples               201 body=image
enroll DELETE G/background/examples/{example}     404 example=e_ABSENT
enroll POST   G/undo                              404 json={"change":"ch_ABSENT"}
enroll POST   G/redo                              404 json={"change":"ch_ABSENT"}
admin  PUT    G                                   200
admin  PATCH  G                                   200 json={"retention_days":30}
admin  DELETE G                                   404 gallery=absent
admin  GET    /v1/deleted-galleries               200
admin  POST   G/undelete                          409
admin  GET    G/export                            200
admin  POST   G/import                            422 body=zip
admin  POST   G/purge                             200
admin  POST   /v1/compact                         204 whole=true
admin  POST   G/reembed                           200
admin  GET    G/reembed                           200
admin  DELETE G/reembed                           200
admin  GET    /v1/doctor                          200 whole=true
"#;

const ABSENT: &str = "00000000000070008000000000000000";

/// What a request sends.
pub(super) enum Body {
    None,
    Image,
    Zip,
    Json(String),
    /// The bytes of an image.
    Raw(Vec<u8>),
}

impl Body {
    pub(super) fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Image | Self::Raw(_) => Some("image/png"),
            Self::Zip => Some("application/zip"),
            Self::Json(_) => Some("application/json"),
        }
    }

    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::None => Cow::Borrowed(b""),
            Self::Image => Cow::Owned(draw::png(stripes(0))),
            Self::Zip => Cow::Borrowed(b"no archive"),
            Self::Json(text) => Cow::Borrowed(text.as_bytes()),
            Self::Raw(bytes) => Cow::Borrowed(bytes.as_slice()),
        }
    }
}

/// A line of the table.
pub(super) struct Call {
    role: &'static str,
    pub(super) method: &'static str,
    template: &'static str,
    status: u16,
    gallery: &'static str,
    class: &'static str,
    example: Option<&'static str>,
    query: Option<&'static str>,
    pub(super) body: Body,
    is_about_the_store: bool,
}

pub(super) fn calls() -> impl Iterator<Item = Call> {
    CALLS.trim().lines().map(Call::parse)
}

impl Call {
    fn parse(line: &'static str) -> Self {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap();
        let mut call = Self {
            role: next(),
            method: next(),
            template: next(),
            status: next().parse().unwrap(),
            gallery: "line",
            class: "mug",
            example: None,
            query: None,
            body: Body::None,
            is_about_the_store: false,
        };
        for word in words {
            match word.split_once('=').unwrap() {
                ("gallery", name) => call.gallery = name,
                ("class", name) => call.class = name,
                ("example", id) => call.example = Some(id),
                ("query", query) => call.query = Some(query),
                ("json", json) => call.body = Body::Json(json.replace("ABSENT", ABSENT)),
                ("body", "image") => call.body = Body::Image,
                ("body", "zip") => call.body = Body::Zip,
                ("whole", "true") => call.is_about_the_store = true,
                other => panic!("{other:?} in {line}"),
            }
        }
        call
    }

    pub(super) fn path(&self, example: &str) -> String {
        let gallery = format!("/v1/galleries/{}", self.gallery);
        let path = match self.template.strip_prefix('G') {
            Some(rest) => gallery + rest,
            None => self.template.to_owned(),
        };
        let path = path.replace("{class}", self.class);
        let path = path.replace("{example}", self.example.unwrap_or(example));
        let path = path.replace("{model}", "backbone").replace("{version}", "1");
        let path = path.replace("ABSENT", ABSENT);
        match self.query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        }
    }

    /// Whether it is a call of the Open Inference Protocol, whose errors have a form of their own.
    pub(super) fn is_inference(&self) -> bool {
        self.template.starts_with("/v2")
    }

    /// The status for one of the callers of the test.
    pub(super) fn expected(&self, caller: &str) -> u16 {
        const ROLES: [&str; 4] = ["open", "read", "enroll", "admin"];
        let rank = |role: &str| ROLES.iter().position(|one| *one == role).unwrap();
        let is_of_a_gallery = self.template.starts_with('G');
        match caller {
            _ if self.role == "open" => self.status,
            "no key" | "a wrong key" => 401,
            "admin of another gallery" if is_of_a_gallery || self.is_about_the_store => 403,
            "admin of another gallery" => self.status,
            role if rank(role) >= rank(self.role) => self.status,
            _ => 403,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.template)
    }
}
