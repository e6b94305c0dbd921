//! Overload: requests beyond a limit are refused at once, and the service recovers.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::{BOUNDARY, Connection, head, multipart};
use crate::draw;
use crate::service::{CLASSES, CLASSIFY, Service};

fn small() -> Vec<u8> {
    draw::png(draw::gradient(16, 16))
}

#[test]
fn bodies_beyond_the_memory_limit_are_refused() {
    let service = Service::start(&["--max-body-bytes", "1000000", "--max-upload-bytes", "1000000"]);
    let mut hog = Connection::open(&service.address);
    let image = small();
    // Memory is reserved by content-length, before the body arrives.
    let padding = 1_000_000 - image.len();
    let headers = [("content-length", "1000000"), ("content-type", "image/png")];
    hog.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
    hog.write(&image).unwrap();
    wait_until(|| metric(&service, "handful_upload_bytes") > 0.0);
    let refused = service.post(CLASSIFY, &image);
    refused.assert_problem(429, "busy");
    assert_eq!(refused.header("retry-after"), Some("1"));
    hog.write(&vec![0; padding]).unwrap();
    assert_eq!(hog.answer().status, 200);
    service.post(CLASSIFY, &image).ok();
    assert_eq!(metric(&service, "handful_upload_bytes"), 0.0);
}

#[test]
fn images_beyond_the_queue_are_refused() {
    let service = Service::start(&["--max-queue", "1", "--max-files", "1"]);
    let large = draw::png(draw::flat(6000, 6000, [1, 2, 3]));
    let mut answers = thread::scope(|scope| {
        let calls: Vec<_> =
            (0..6).map(|_| scope.spawn(|| service.post(CLASSIFY, &large))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect::<Vec<_>>()
    });
    answers.retain(|answer| answer.status != 200);
    assert!((1..6).contains(&answers.len()), "{} of 6 were refused", answers.len());
    for refused in answers {
        refused.assert_problem(429, "busy");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    service.post(CLASSIFY, &small()).ok();
}

#[test]
fn more_connections_than_allowed_wait_for_their_turn() {
    let service = Service::start(&["--max-connections", "1", "--receive-seconds", "1"]);
    let _idle = Connection::open(&service.address);
    assert_eq!(service.get("/livez").status, 200);
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
    assert!(hog.read_to_end().len() < n_requests * document, "everything was sent");
}

#[test]
fn other_calls_run_between_images_and_work_of_a_closed_connection_stops() {
    let service = Service::start(&[]);
    let large = draw::png(draw::flat(6000, 6000, [1, 2, 3]));
    let body = multipart(&[("x.png", large.as_slice()); 24]);
    let length = body.len().to_string();
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("content-length", length.as_str()), ("content-type", &content_type)];
    let mut leaver = Connection::open(&service.address);
    leaver.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
    leaver.write(&body).unwrap();
    wait_until(|| metric(&service, "handful_queue_images") == 24.0);
    service.get(CLASSES).ok();
    service.post(CLASSIFY, &small()).ok();
    assert_eq!(metric(&service, "handful_queue_images"), 24.0, "they waited for all images");
    drop(leaver);
    wait_until(|| metric(&service, "handful_queue_images") == 0.0);
    let embedded = metric(&service, "handful_images_embedded_total");
    assert!(embedded < 25.0, "all images of a client that had left were worked on");
    wait_until(|| metric(&service, "handful_upload_bytes") == 0.0);
}

fn metric(service: &Service, name: &str) -> f64 {
    let text = service.get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

fn wait_until(happened: impl Fn() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never happened");
        thread::yield_now();
    }
}
