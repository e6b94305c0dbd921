//! Overload: what is limited is shared, requests beyond a share are refused, the service recovers.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{iter, thread};

use edge::gallery::{Gallery, Label, NewExample};
use models::bundle::{Bundle, BundleLimits};

use crate::client::{BOUNDARY, Connection, head, multipart};
use crate::draw;
use crate::service::{CLASSES, CLASSIFY, Service, tiny_bundle};

fn small() -> Vec<u8> {
    draw::png(draw::gradient(16, 16))
}

/// The head of a classification and the first `n` of its announced `length` bytes.
fn begun(service: &Service, length: usize, n: usize) -> Connection {
    let mut connection = Connection::open(&service.address);
    let length = length.to_string();
    let headers = [("content-length", length.as_str()), ("content-type", "image/png")];
    connection.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
    connection
        .write(&small().into_iter().chain(iter::repeat(0)).take(n).collect::<Vec<_>>())
        .unwrap();
    connection
}

/// A call of `n` images of 36 megapixels.
fn large_call(service: &Service, n: usize) -> Connection {
    let large = draw::png(draw::flat(6000, 6000, [1, 2, 3]));
    let body = multipart(&vec![("x.png", large.as_slice()); n]);
    let length = body.len().to_string();
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("content-length", length.as_str()), ("content-type", &content_type)];
    let mut connection = Connection::open(&service.address);
    connection.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
    connection.write(&body).unwrap();
    connection
}

#[test]
fn a_body_takes_memory_as_it_arrives() {
    let service = Service::start(&[]);
    let hogs: Vec<_> = (0..40).map(|_| begun(&service, 16 << 20, 3)).collect();
    wait_until(|| metric(&service, "handful_buffer_bytes") == 120.0);
    let started = Instant::now();
    service.post(CLASSIFY, &small()).ok();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    drop(hogs);
    wait_until(|| metric(&service, "handful_buffer_bytes") == 0.0);
}

#[test]
fn stalled_bodies_give_their_memory_to_others() {
    let limits = ["--max-body-bytes", "1000000", "--max-buffer-bytes", "10700000"];
    let service = Service::start(&limits);
    let _hogs: Vec<_> = (0..4).map(|_| begun(&service, 1_000_000, 990_000)).collect();
    let mut before = 0.0;
    // As long as one of them arrives, it is not stalled, and there may be room beside it.
    wait_until(|| {
        thread::sleep(Duration::from_millis(200));
        let held = metric(&service, "handful_buffer_bytes");
        let is_still = held > 2_500_000.0 && held == before;
        before = held;
        is_still
    });
    let image = small();
    let large = [&image[..], &vec![0; 900_000]].concat();
    assert_eq!(service.post(CLASSIFY, &large).status, 200);
    assert!(metric(&service, "handful_refusals_total{reason=\"stalled\"}") >= 1.0);
}

#[test]
fn images_beyond_the_share_of_an_address_are_refused() {
    let service = Service::start(&["--max-queue", "10", "--max-files", "1"]);
    let large = draw::png(draw::flat(6000, 6000, [1, 2, 3]));
    let mut answers = thread::scope(|scope| {
        let calls: Vec<_> =
            (0..8).map(|_| scope.spawn(|| service.post(CLASSIFY, &large))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect::<Vec<_>>()
    });
    answers.retain(|answer| answer.status != 200);
    assert!((1..8).contains(&answers.len()), "{} of 8 were refused", answers.len());
    for refused in answers {
        refused.assert_problem(429, "busy");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    service.post(CLASSIFY, &small()).ok();
}

#[test]
fn an_idle_connection_gives_way_to_a_new_one() {
    let service = Service::start(&["--max-connections", "1"]);
    let mut idle = Connection::open(&service.address);
    let started = Instant::now();
    assert_eq!(service.get("/version").status, 200);
    assert_eq!(idle.read_to_end(), b"");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn health_has_a_place_when_all_connections_work() {
    let service = Service::start(&["--max-connections", "1"]);
    let mut working = large_call(&service, 16);
    // Until the body has arrived, its connection gives way.
    thread::sleep(Duration::from_millis(300));
    let live = service.get("/livez");
    assert_eq!((live.status, live.header("connection")), (200, Some("close")));
    let refused = service.get("/version");
    refused.assert_problem(429, "busy");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(working.answer().status, 200);
    assert_eq!(service.get("/version").status, 200);
}

#[test]
fn a_request_is_answered_by_its_deadline() {
    let service = Service::start(&[]);
    let large = draw::png(draw::flat(6000, 6000, [1, 2, 3]));
    let body = multipart(&[("x.png", large.as_slice()); 24]);
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("content-type", content_type.as_str()), ("handful-deadline-ms", "400")];
    let started = Instant::now();
    let late = service.send("POST", CLASSIFY, &headers, &body);
    late.assert_problem(503, "deadline");
    assert_eq!(late.header("retry-after"), Some("1"));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // Its work has ended too.
    wait_until(|| metric(&service, "handful_queue_images") == 0.0);
    assert!(metric(&service, "handful_images_embedded_total") < 24.0);
    let wrong = service.send("GET", "/version", &[("handful-deadline-ms", "soon")], &[]);
    wrong.assert_problem(400, "bad_request");
    let slow = Service::start(&["--deadline-seconds", "1"]);
    let mut stalled = begun(&slow, 1000, 10);
    stalled.answer().assert_problem(503, "deadline");
}

#[test]
fn the_connection_of_a_client_that_reads_nothing_is_closed() {
    let service = Service::start(&["--max-connections", "1", "--receive-seconds", "1"]);
    let document = service.get("/openapi.json").body.len();
    let mut hog = Connection::open(&service.address);
    // More than all buffers between the two hold.
    let n_requests = (32 << 20) / document;
    let request = head(&service.address, "GET", "/openapi.json", &[]);
    hog.write(request.repeat(n_requests).as_bytes()).unwrap();
    assert_eq!(service.get("/livez").status, 200);
    // Longer than it has to read.
    thread::sleep(Duration::from_millis(2500));
    assert!(hog.read_to_end().len() < n_requests * document, "everything was sent");
}

#[test]
fn other_calls_run_between_images_and_work_of_a_closed_connection_stops() {
    let service = Service::start(&[]);
    let leaver = large_call(&service, 24);
    wait_until(|| metric(&service, "handful_queue_images") == 24.0);
    service.get(CLASSES).ok();
    service.post(CLASSIFY, &small()).ok();
    assert_eq!(metric(&service, "handful_queue_images"), 24.0, "they waited for all images");
    drop(leaver);
    wait_until(|| metric(&service, "handful_queue_images") == 0.0);
    let embedded = metric(&service, "handful_images_embedded_total");
    assert!(embedded < 25.0, "all images of a client that had left were worked on");
    wait_until(|| metric(&service, "handful_buffer_bytes") == 0.0);
}

/// A store with 64 MiB of images, which take a while to write.
fn fill(store: &Path) {
    let bundle = Bundle::open(&tiny_bundle(), &BundleLimits::default()).unwrap();
    let mut gallery = Gallery::open(store, &bundle.manifest.space_id).unwrap();
    let examples = (0..64).map(|n| NewExample {
        sha256: [n; 32],
        crop: None,
        embedding: vec![1.0; bundle.manifest.backbone.embedding_size],
        precision: "fp32".to_owned(),
        image: Some(vec![n; 1 << 20]),
    });
    gallery.enroll(&Label::parse("mug").unwrap(), examples.collect(), true).unwrap();
}

#[test]
fn images_are_classified_while_the_store_is_written_anew() {
    let store = tempfile::tempdir().unwrap();
    fill(store.path());
    let service = Service::start_on(store.path(), &[]);
    let image = small();
    // The first answer waits for the gallery to be read.
    service.post(CLASSIFY, &image).ok();
    let mut answers = 0;
    thread::scope(|scope| {
        let written = scope.spawn(|| service.send("POST", "/v1/compact", &[], &[]));
        while !written.is_finished() {
            service.post(CLASSIFY, &image).ok();
            answers += 1;
        }
        assert_eq!(written.join().unwrap().status, 204);
    });
    // Those before, during and after it, if classification waited for it.
    assert!(answers > 3, "{answers} answers while the store was written");
}

fn metric(service: &Service, name: &str) -> f64 {
    let text = service.get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    // A counter with labels exists from its first event.
    line.map_or(0.0, |line| line.split(' ').nth(1).unwrap().parse().unwrap())
}

fn wait_until(mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never happened");
        thread::yield_now();
    }
}
