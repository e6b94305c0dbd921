//! The attacks.

use serde_json::json;

use super::{MAX_BODY_BYTES, images};
use crate::measure::plan::Plan;
use crate::measure::request::{self, Bytes};
use crate::service::{CLASSES, CLASSIFY, class, examples};

/// An attack: 64 clients with one plan.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// How many of the 64 attackers take part.
    pub(crate) attackers: usize,
    plan: fn() -> Plan,
}

impl Attack {
    const fn new(name: &'static str, plan: fn() -> Plan) -> Self {
        Self { name, attackers: ATTACKERS, plan }
    }

    /// Makes the requests, which takes a while for large images.
    pub(crate) fn plan(&self) -> Plan {
        (self.plan)()
    }
}

pub(crate) const ATTACKERS: usize = 64;

pub(crate) const ATTACKS: &[Attack] = &[
    Attack::new("none", || Plan::Rest),
    Attack::new("webp-40-megapixels", || classify(&images::large_webp())),
    Attack::new("png-40-megapixels", || classify(&images::large_png())),
    Attack::new("jpeg-without-data", || classify(&images::hollow_jpeg())),
    Attack::new("jpeg-of-882-scans", || classify(&images::jpeg_of_many_scans(1580, 1200))),
    Attack::new("jpeg-of-882-scans-40", || classify(&images::jpeg_of_many_scans(8000, 5000))),
    Attack::new("webp-1.9-megapixels", || classify(&images::medium_webp())),
    Attack::new("calls-of-64-images", || {
        Plan::Repeat(vec![request::post_many(CLASSIFY, &images::small(), 64)])
    }),
    Attack::new("calls-of-64-large", || {
        Plan::Repeat(vec![request::post_many(CLASSIFY, &images::large_webp(), 64)])
    }),
    Attack { attackers: 8, ..Attack::new("stall-at-once-8", || stall(3)) },
    Attack::new("stall-at-once", || stall(3)),
    Attack::new("stall-at-the-end", || stall(MAX_BODY_BYTES - MAX_BODY_BYTES / 160)),
    Attack::new("silent-connections", || Plan::Silence { sockets: 8 }),
    Attack::new("slow-heads", || Plan::Drip { head: request::part(CLASSIFY, 1000, 0), sockets: 5 }),
    Attack::new("unread-classify", || {
        unread(request::post_many(&explained(), &images::small(), 64))
    }),
    Attack::new("unread-embed", || unread(request::post_many("/v1/embed", &images::small(), 64))),
    Attack::new("unread-list", || unread(request::get(CLASSES))),
    Attack::new("read-list", || Plan::Repeat(vec![request::get(CLASSES)])),
    Attack::new("connect-and-close", || Plan::Churn),
    Attack::new("calibrate", || {
        Plan::Repeat(vec![request::post("/v1/galleries/default/calibrate", b"")])
    }),
    Attack::new("put-classes", || Plan::Repeat(definitions())),
    Attack::new("enroll", || {
        Plan::Repeat(vec![request::post(&examples("attacked"), &images::small())])
    }),
    Attack::new("transductive-64", || {
        let path = format!("{CLASSIFY}?transductive=true");
        Plan::Repeat(vec![request::post_many(&path, &images::small(), 64)])
    }),
];

/// The path whose answers are largest.
pub(crate) fn explained() -> String {
    format!("{CLASSIFY}?top=1000&explain=true")
}

fn classify(image: &[u8]) -> Plan {
    Plan::Repeat(vec![request::post(CLASSIFY, image)])
}

fn stall(sent: usize) -> Plan {
    Plan::Stall { start: request::part(CLASSIFY, MAX_BODY_BYTES, sent), sockets: 1 }
}

pub(crate) fn unread(request: Bytes) -> Plan {
    Plan::Unread { request, sockets: 4 }
}

/// Definitions of which each changes a class.
fn definitions() -> Vec<Bytes> {
    let define = |n: usize| {
        let json = json!({ "images_only": n.is_multiple_of(2) }).to_string();
        request::put(&class(&format!("attacked {}", n / 2)), &json)
    };
    (0..64).map(define).collect()
}
