//! The attacks.

use serde_json::json;

use super::{MAX_BODY_BYTES, images};
use crate::measure::plan::Plan;
use crate::measure::request::{self, Bytes};
use crate::service::{CLASSES, CLASSIFY, class, examples};

/// 128 nouns of different senses.
pub(crate) const NOUNS: &str = "handle lid spout wheel door window roof wall floor leg arm head tail wing beak feather \
    fur claw horn hoof ear eye nose mouth tooth tongue neck back chest belly shoulder elbow \
    wrist hand finger thumb knee ankle foot toe skin bone leaf stem root branch bark flower \
    petal seed fruit thorn trunk blade hilt barrel trigger button zipper sleeve collar \
    pocket hem sole heel lace buckle strap belt chain hook screw bolt nut spring gear lever \
    pedal brake engine piston valve pipe tube hose pump tank fan motor wire cable plug \
    socket switch lamp bulb lens mirror frame screen keyboard mouse antenna speaker string \
    bridge bow drum bell keel mast sail rudder anchor deck hull oar cabin seat bench table \
    shelf drawer hinge lock key knob curtain";

/// An attack: 64 clients with one plan.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// How many of the 64 attackers take part.
    pub(crate) attackers: usize,
    /// True if it needs all nouns, which the bundle of the short form does not have.
    pub(crate) needs_nouns: bool,
    plan: fn() -> Plan,
}

impl Attack {
    const fn new(name: &'static str, plan: fn() -> Plan) -> Self {
        Self { name, attackers: ATTACKERS, needs_nouns: false, plan }
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
    Attack::new("jpeg-of-100-scans", || classify(&images::jpeg_of_many_scans(1580, 1200))),
    Attack::new("jpeg-40-of-100-scans", || classify(&images::jpeg_of_many_scans(8000, 5000))),
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
    Attack::new("busy-connections", || Plan::Busy {
        request: request::pipelined("/livez", 1),
        sockets: 5,
    }),
    Attack::new("slow-heads", || drip([].into(), request::part(CLASSIFY, 1000, 0), 5)),
    Attack::new("slow-bodies", || {
        drip(request::part(CLASSIFY, MAX_BODY_BYTES, MAX_BODY_BYTES - 1000), [0; 999].into(), 1)
    }),
    Attack::new("pipelined-livez", || Plan::Pipeline {
        requests: request::pipelined("/livez", 100),
    }),
    Attack::new("unread-pipeline", || unread(request::pipelined("/openapi.json", 100))),
    Attack::new("unread-classify", || {
        unread(request::post_many(&explained(), &images::small(), 64))
    }),
    Attack::new("unread-embed", || unread(request::post_many("/v1/embed", &images::small(), 64))),
    Attack::new("unread-list", || unread(request::get(&format!("{CLASSES}?limit=1000")))),
    Attack::new("read-list", || Plan::Repeat(vec![request::get(&format!("{CLASSES}?limit=1000"))])),
    Attack::new("connect-and-close", || Plan::Churn),
    Attack::new("calibrate", || {
        Plan::Repeat(vec![request::post("/v1/galleries/default/calibrate", b"")])
    }),
    Attack::new("put-classes", || Plan::Repeat(definitions())),
    Attack { needs_nouns: true, ..Attack::new("put-attributes", || Plan::Repeat(attributes())) },
    Attack::new("lexicon", || Plan::Repeat(vec![request::get("/v1/lexicon?q=head")])),
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

fn drip(start: Bytes, rest: Bytes, sockets: usize) -> Plan {
    Plan::Drip { start, rest, sockets }
}

fn unread(request: Bytes) -> Plan {
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

/// Definitions with as many attributes as a class can have, of which each changes a class.
fn attributes() -> Vec<Bytes> {
    let nouns: Vec<&str> = NOUNS.split(' ').collect();
    let define = |n: usize| {
        let json = json!({ "attributes": &nouns[n % 2..] }).to_string();
        request::put(&class(&format!("attacked {}", n / 2)), &json)
    };
    (0..64).map(define).collect()
}
