//! Bad input: each case is one problem, and nothing is written.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use image::DynamicImage;

use crate::client::{BOUNDARY, Connection, head, multipart};
use crate::draw;
use crate::service::{CLASSIFY, Service, class, examples};

fn good() -> Vec<u8> {
    draw::png(draw::gradient(32, 32))
}

/// A PNG header that claims 400 megapixels, without pixels: 65 bytes.
fn claims_400_megapixels() -> Vec<u8> {
    let size = 20_000_u32.to_be_bytes();
    let header = draw::png_chunk(b"IHDR", &[&size[..], &size, &[8, 2, 0, 0, 0]].concat());
    let pixels = draw::png_chunk(b"IDAT", &[0x78, 0x9c, 0, 0, 0, 0, 0, 1]);
    let end = draw::png_chunk(b"IEND", &[]);
    [draw::PNG_SIGNATURE, &header, &pixels, &end].concat()
}

fn assert_refused(service: &Service, image: &[u8], status: u16, code: &str) {
    service.enroll("mug", image).assert_problem(status, code);
    service.post(CLASSIFY, image).assert_problem(status, code);
    service.post("/v1/embed", image).assert_problem(status, code);
    assert_eq!(service.known(), []);
}

#[test]
fn files_that_are_not_images_are_refused() {
    let service = Service::start(&[]);
    assert_refused(&service, b"this is a text, not an image", 415, "unsupported_image");
    assert_refused(&service, b"\0\0\0\x0CjP  \r\n\x87\n", 415, "unsupported_image");
    assert_refused(&service, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 415, "unsupported_image");
    let heic = service.post(CLASSIFY, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").text();
    assert!(heic.contains("JPEG"), "a hint is missing: {heic}");
}

#[test]
fn damaged_images_are_refused() {
    let service = Service::start(&[]);
    let jpeg = draw::jpeg(&draw::gradient(64, 64));
    assert_refused(&service, &[], 422, "bad_image");
    assert_refused(&service, &jpeg[..jpeg.len() / 2], 422, "bad_image");
    assert_refused(&service, &jpeg[..20], 422, "bad_image");
    assert_refused(&service, &good()[..60], 422, "bad_image");
}

#[test]
fn a_header_that_claims_too_many_pixels_allocates_nothing() {
    let service = Service::start(&[]);
    let bomb = claims_400_megapixels();
    assert_eq!(bomb.len(), 65);
    assert_refused(&service, &bomb, 422, "too_many_pixels");
    let memory = peak_mib(&service);
    assert!(memory < 200, "{memory} MiB");
}

#[test]
fn the_largest_image_takes_the_memory_that_the_help_states() {
    let service = Service::start(&["--max-pixels", "4000000"]);
    let idle = peak_mib(&service);
    let deep = DynamicImage::ImageRgb8(draw::gradient(2000, 2000)).to_rgba16();
    service.post(CLASSIFY, &draw::png(deep)).ok();
    let memory = peak_mib(&service) - idle;
    // 12 bytes a pixel are 46 MiB; the file itself and the allocator take a little more.
    assert!(memory < 80, "{memory} MiB");
    let larger = draw::png(draw::flat(2001, 2000, [0; 3]));
    service.post(CLASSIFY, &larger).assert_problem(422, "too_many_pixels");
}

#[test]
fn one_bad_file_stops_the_call_and_is_named() {
    let service = Service::start(&[]);
    let good = good();
    let files: [(&str, &[u8]); 3] = [("a.png", &good), ("bär.png", b"nonsense"), ("c.png", &good)];
    for path in [examples("mug"), CLASSIFY.to_owned()] {
        let answer = service.post_files(&path, &files);
        answer.assert_problem(415, "unsupported_image");
        assert_eq!(answer.json()["file"], "bär.png");
    }
    assert_eq!(service.known(), []);
}

#[test]
fn a_body_of_50_megabytes_is_refused_and_not_kept() {
    let service = Service::start(&[]);
    let huge = vec![7; 50_000_000];
    let answer = service.post(CLASSIFY, &huge);
    answer.assert_problem(413, "too_large");
    assert!(answer.text().contains("16777216"), "the limit is missing: {}", answer.text());
    service.post_files(CLASSIFY, &[("huge.png", &huge)]).assert_problem(413, "too_large");
    let memory = peak_mib(&service);
    assert!(memory < 150, "{memory} MiB");
}

#[test]
fn a_body_without_a_length_is_counted_while_it_arrives() {
    let service = Service::start(&["--max-body-bytes", "100000"]);
    let mut connection = Connection::open(&service.address);
    let headers = [("transfer-encoding", "chunked"), ("content-type", "image/png")];
    connection.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
    for _ in 0..20 {
        connection.write(format!("{:x}\r\n", 10_000).as_bytes()).unwrap();
        connection.write(&[0; 10_000]).unwrap();
        connection.write(b"\r\n").unwrap();
    }
    connection.write(b"0\r\n\r\n").unwrap();
    connection.answer().assert_problem(413, "too_large");
}

#[test]
fn expect_continue_is_refused_before_the_body() {
    let service = Service::start(&[]);
    let mut connection = Connection::open(&service.address);
    let headers =
        [("expect", "100-continue"), ("content-length", "50000000"), ("content-type", "image/png")];
    connection.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
    connection.answer().assert_problem(413, "too_large");
}

#[test]
fn ten_thousand_parts_are_too_many() {
    let service = Service::start(&[]);
    let files = vec![("x.png", &b"x"[..]); 10_000];
    let answer = service.post_files(&examples("mug"), &files);
    answer.assert_problem(413, "too_large");
    assert!(answer.text().contains("64"), "the limit is missing: {}", answer.text());
    assert_eq!(service.known(), []);
}

#[test]
fn sixty_four_files_are_not_too_many() {
    let service = Service::start(&[]);
    let images: Vec<_> = (0..64).map(|i| draw::png(draw::flat(8, 8, [i * 4, 9, 9]))).collect();
    let files: Vec<_> = images.iter().map(|image| ("x.png", image.as_slice())).collect();
    assert_eq!(service.post_files(&examples("mug"), &files).ok()["class"]["examples"], 64);
}

#[test]
fn parameters_of_calls_that_take_none_are_refused() {
    let service = Service::start(&[]);
    service.put("/v1/galleries/default/classes/mug", "{}").ok();
    for (method, path, name) in [
        ("POST", "/v1/galleries/default/undo?change=ch_8a3f21", "change"),
        ("POST", "/v1/galleries/default/purge?older_than_days=0", "older_than_days"),
        ("POST", "/v1/galleries/default/calibrate?rate=0.1", "rate"),
        ("GET", "/v1/doctor?limit=1", "limit"),
        ("GET", "/v1/galleries/default?verbose=1", "verbose"),
        ("DELETE", "/v1/galleries/default/classes/mug?force", "force"),
        ("POST", "/v1/compact?now=true", "now"),
    ] {
        let refused = service.send(method, path, &[], &[]);
        refused.assert_problem(400, "bad_request");
        let text = format!("Unknown parameter `{name}`; this call takes none");
        assert!(refused.text().contains(&text), "{path}: {}", refused.text());
    }
    assert_eq!(service.known(), [("mug".to_owned(), 0)], "nothing was changed");
    service.get("/v1/galleries?").ok();
    assert_eq!(service.get("/livez?x=1").status, 200);
}

#[test]
fn the_content_type_must_fit() {
    let service = Service::start(&[]);
    for content_type in ["application/xml", "text/html", "application/x-www-form-urlencoded", "x"] {
        let answer = service.send("POST", CLASSIFY, &[("content-type", content_type)], &good());
        answer.assert_problem(415, "unsupported_image");
    }
    service.send("POST", CLASSIFY, &[], &good()).ok();
    service.send("POST", CLASSIFY, &[("content-type", "image/heic")], &good()).ok();
}

#[test]
fn broken_multipart_bodies_are_refused() {
    let service = Service::start(&[]);
    let whole = multipart(&[("a.png", &good())]);
    let with_boundary = format!("multipart/form-data; boundary={BOUNDARY}");
    let nothing = format!("--{BOUNDARY}--\r\n").into_bytes();
    for (content_type, body) in [
        ("multipart/form-data", &whole[..]),
        ("multipart/form-data; boundary=other", &whole[..]),
        (with_boundary.as_str(), &whole[..whole.len() / 2]),
        (with_boundary.as_str(), &[]),
        (with_boundary.as_str(), &nothing),
        (with_boundary.as_str(), b"no boundary here"),
    ] {
        let answer = service.send("POST", CLASSIFY, &[("content-type", content_type)], body);
        answer.assert_problem(400, "bad_request");
    }
}

#[test]
fn a_slow_body_times_out() {
    let service = Service::start(&["--receive-seconds", "1"]);
    let mut connection = Connection::open(&service.address);
    let headers = [("content-length", "1000"), ("content-type", "image/png")];
    connection.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
    let start = Instant::now();
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(100));
        connection.write(b"x").unwrap();
    }
    connection.answer().assert_problem(408, "timeout");
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(connection.read_to_end(), b"", "the connection must be closed");
    assert_eq!(service.get("/livez").status, 200);
}

/// Imports have minutes, and refused ones must not have them too.
#[test]
fn a_refused_body_is_not_waited_for_longer_than_others() {
    let service = Service::start(&["--receive-seconds", "1"]);
    let kind = ("content-type", "text/plain");
    let import = "/v1/galleries/default/import";
    let mut connection = Connection::open(&service.address);
    let headers = [("content-length", "1000"), kind];
    connection.write(head(&service.address, "POST", import, &headers).as_bytes()).unwrap();
    connection.answer().assert_problem(415, "unsupported_media_type");
    let long = [("content-length", "99999999999"), ("content-type", "application/zip")];
    let mut connection = Connection::open(&service.address);
    connection.write(head(&service.address, "POST", import, &long).as_bytes()).unwrap();
    connection.answer().assert_problem(413, "too_large");
    let key = ("idempotency-key", "k");
    let json = ("content-type", "application/json");
    service.send("PUT", &class("mug"), &[json, key], b"{}").ok();
    let mut connection = Connection::open(&service.address);
    let other = [("content-length", "1000"), kind, key];
    let path = class("mug");
    connection.write(head(&service.address, "PUT", &path, &other).as_bytes()).unwrap();
    let start = Instant::now();
    connection.answer().assert_problem(422, "idempotency_key_reused");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_slow_head_times_out() {
    let service = Service::start(&["--receive-seconds", "1"]);
    let mut connection = Connection::open(&service.address);
    connection.write(b"GET /livez HTTP/1.1\r\nhost: loc").unwrap();
    let start = Instant::now();
    connection.read_to_end();
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn bytes_that_are_not_http_are_refused() {
    let service = Service::start(&[]);
    for bytes in
        [&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n"[..], b"GET\r\n\r\n", &[b'a'; 100_000]]
    {
        let mut connection = Connection::open(&service.address);
        let _ = connection.write(bytes);
        let answer = connection.read_to_end();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    }
    assert_eq!(service.get("/livez").status, 200);
}

#[test]
fn what_http_itself_refuses_is_a_problem_too() {
    let service = Service::start(&[]);
    let host = format!("host: {}\r\n", service.address);
    let long = "x".repeat(70_000);
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    for (request, status, code) in [
        (format!("GET /livez HTTP/9.9\r\n{host}\r\n"), 400, "bad_request"),
        (format!("GET /livez HTTP/1.1\r\n{host}a b: c\r\n\r\n"), 400, "bad_request"),
        (format!("GET /{long} HTTP/1.1\r\n{host}\r\n"), 414, "uri_too_long"),
        (format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), 431, "headers_too_large"),
    ] {
        let mut connection = Connection::open(&service.address);
        // The service may close while a long head is still sent.
        let _ = connection.write(request.as_bytes());
        let answer = connection.answer();
        answer.assert_problem(status, code);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn a_probe_of_http_1_0_needs_no_host() {
    let service = Service::start(&[]);
    for (path, status) in [("/livez", "200"), ("/readyz", "200"), ("/version", "400")] {
        let mut connection = Connection::open(&service.address);
        connection.write(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        let answer = String::from_utf8(connection.read_to_end()).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
}

#[test]
fn a_text_field_of_a_form_is_named() {
    let service = Service::start(&[]);
    let form = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"label\"\r\n\r\nmug\r\n--{BOUNDARY}--\r\n"
    );
    let headers = [("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = service.send("POST", CLASSIFY, &headers, form.as_bytes());
    answer.assert_problem(400, "bad_request");
    assert!(answer.text().contains("`label`"), "{}", answer.text());
}

#[test]
fn an_address_that_cannot_be_decoded_is_refused() {
    let service = Service::start(&[]);
    for path in [
        "/v1/galleries/default/classes?after=%FF",
        "/v1/galleries/default/classes?after=%zz",
        "/v1/galleries/default/classes/%zz",
        "/v1/galleries/50%/classes",
        "/v1/lexicon?q=%C3",
        "/page/%FF",
    ] {
        let answer = service.get(path);
        answer.assert_problem(400, "bad_request");
        assert!(answer.text().contains("of the address"), "{path}: {}", answer.text());
    }
    service.put("/v1/galleries/default/classes/%zz", "{}").assert_problem(400, "bad_request");
    service.put("/v1/galleries/50%", "").assert_problem(400, "bad_request");
    assert_eq!(service.known(), []);
}

#[test]
fn errors_in_parameters_are_in_plain_words() {
    let service = Service::start(&[]);
    let classes = "/v1/galleries/default/classes";
    for (method, address, detail) in [
        ("POST", format!("{CLASSIFY}?top=x"), "top: expected 1 to 1000, got `x`."),
        ("POST", format!("{CLASSIFY}?top=1001"), "top: expected 1 to 1000, got `1001`."),
        ("POST", format!("{CLASSIFY}?top="), "top: expected 1 to 1000, got ``."),
        ("POST", format!("{CLASSIFY}?explain=1"), "explain: expected true or false, got `1`."),
        ("POST", format!("{CLASSIFY}?rate=low"), "rate: expected a number, got `low`."),
        (
            "POST",
            format!("{CLASSIFY}?top=1&top=2"),
            "The parameter `top`: expected once, got twice.",
        ),
        ("GET", format!("{classes}?limit=0"), "limit: expected 1 to 1000, got `0`."),
        (
            "GET",
            format!("{classes}?before=x"),
            "Unknown parameter `before`; expected `limit` or `after`.",
        ),
        ("GET", "/v1/lexicon".to_owned(), "The parameter `q` is missing."),
    ] {
        let body = if method == "POST" { good() } else { Vec::new() };
        let answer = service.send(method, &address, &[], &body);
        answer.assert_problem(400, "bad_request");
        assert_eq!(answer.json()["detail"], detail, "{address}");
    }
}

#[test]
fn errors_in_json_bodies_are_in_plain_words() {
    let service = Service::start(&[]);
    for (body, detail) in [
        ("{", "The body is not valid JSON: see line 1, column 1."),
        ("[]", "The JSON body: expected an object, such as {}."),
        (r#"{"label":3}"#, "label: expected text, got `3`."),
        (
            r#"{"name":"cup"}"#,
            "Unknown field `name`; expected one of `label`, `synset`, `images_only`, `attributes`.",
        ),
    ] {
        let answer = service.patch(&class("mug"), body);
        answer.assert_problem(400, "bad_request");
        assert_eq!(answer.json()["detail"], detail, "{body}");
    }
}

#[test]
fn a_deadline_that_is_sent_twice_is_refused() {
    let service = Service::start(&[]);
    let twice = [("handful-deadline-ms", "1000"), ("handful-deadline-ms", "2000")];
    service.send("GET", "/version", &twice, &[]).assert_problem(400, "bad_request");
    assert_eq!(service.send("GET", "/version", &twice[..1], &[]).status, 200);
}

#[test]
fn a_json_array_is_no_object() {
    let service = Service::start(&[]);
    service.enroll("mug", &good()).ok();
    service.patch(&class("mug"), "[\"cup\"]").assert_problem(400, "bad_request");
    assert_eq!(service.known(), [("mug".to_owned(), 1)]);
}

#[test]
fn aborted_requests_do_not_affect_others() {
    let service = Service::start(&[]);
    for _ in 0..20 {
        let mut connection = Connection::open(&service.address);
        let headers = [("content-length", "100000"), ("content-type", "image/png")];
        connection.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
        connection.write(&[1; 1000]).unwrap();
    }
    service.enroll("mug", &good()).ok();
    assert_eq!(service.known(), [("mug".to_owned(), 1)]);
}

/// The most memory the process has used so far.
fn peak_mib(service: &Service) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
