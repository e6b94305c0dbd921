//! The program: start-up report, errors, exit codes, shutdown, durability.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use terminal::cases::Unwritable;

use crate::client::{Connection, head};
use crate::draw;
use crate::service::{CLASSIFY, Service, binary, examples, tiny, tiny_bundle};

fn image() -> Vec<u8> {
    draw::png(draw::gradient(32, 32))
}

/// Runs a command that ends by itself.
fn ended(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, stdout } = command.output().unwrap();
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8(text).unwrap())
}

fn assert_fails(command: &mut Command, code: i32, expected: &[&str]) {
    let (status, text) = ended(command);
    assert_eq!(status, Some(code), "{text}");
    for part in expected {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

#[test]
fn help_shows_every_setting_and_examples() {
    let (status, text) = ended(&mut binary(&["--help"]));
    assert_eq!(status, Some(0));
    for part in [
        "--listen",
        "--store",
        "--bundle",
        "--engine",
        "HANDFUL_MAX_FILES",
        "Examples:",
        "127.0.0.1:8080",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    let (status, text) = ended(&mut binary(&["--version"]));
    assert_eq!(
        (status, text.trim()),
        (Some(0), concat!("handful-server ", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_variable_that_is_no_setting_is_named() {
    let mut command = binary(&["--listen", "127.0.0.1:0", "--bundle", "nowhere"]);
    command.env("HANDFUL_MAX_UPLOAD_BYTES", "1");
    assert_fails(&mut command, 2, &["HANDFUL_MAX_UPLOAD_BYTES has no effect", "nowhere"]);
}

#[test]
fn the_start_up_report_names_address_bundle_engine_and_store() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    let report = &service.report;
    for part in [
        &service.address,
        "bundle",
        "engine  tract in fp32, passed",
        store.path().to_str().unwrap(),
    ] {
        assert!(report.contains(part), "`{part}` is missing in: {report}");
    }
    assert!(report.contains("(0 classes, 0 examples)"), "{report}");
}

/// Without files for its connections a service answers nobody, not even for its health.
#[test]
fn a_limit_of_open_files_is_raised_or_named() {
    let store = tempfile::tempdir().unwrap();
    let server = tiny(store.path(), &["--max-connections", "1000"]);
    let limited = |limits: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]);
        shell.arg(server.get_program()).args(server.get_args());
        shell
    };
    assert_fails(&mut limited("ulimit -n 500"), 2, &["--max-connections 1000", "500", "ulimit -n"]);
    let service = Service::run(&mut limited("ulimit -Sn 100"));
    let idle: Vec<_> = (0..300).map(|_| Connection::open(&service.address)).collect();
    assert_eq!(service.get("/livez").status, 200, "beside {} connections", idle.len());
}

#[test]
fn wrong_settings_are_bad_input() {
    assert_fails(&mut binary(&["--enigne", "cpu"]), 2, &["--enigne"]);
    assert_fails(&mut binary(&["--engine", "gpu"]), 2, &["gpu", "tensorrt"]);
    assert_fails(&mut binary(&["--listen", "everywhere"]), 2, &["everywhere"]);
    assert_fails(&mut binary(&["--config", "/nowhere/x.toml"]), 2, &["/nowhere/x.toml"]);
    assert_fails(binary(&[]).env("HANDFUL_MAX_FILES", "many"), 2, &["many", "max-files"]);
}

#[test]
fn the_error_names_a_bundle_that_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let with_bundle = |path: &Path| {
        let mut command = binary(&["--listen", "127.0.0.1:0", "--engine", "tract", "--store"]);
        command.arg(dir.path().join("store")).arg("--bundle").arg(path);
        command
    };
    assert_fails(&mut with_bundle(Path::new("/nowhere")), 2, &["/nowhere", "--bundle"]);
    let copy = dir.path().join("flipped");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(tiny_bundle()).unwrap() {
        let entry = entry.unwrap();
        let mut bytes = fs::read(entry.path()).unwrap();
        if entry.path().extension().is_some_and(|extension| extension == "onnx") {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        fs::write(copy.join(entry.file_name()), bytes).unwrap();
    }
    assert_fails(&mut with_bundle(&copy), 2, &["backbone.onnx"]);
}

#[test]
fn an_engine_that_was_named_must_run() {
    let store = tempfile::tempdir().unwrap();
    let mut command = tiny(store.path(), &["--engine", "cpu", "--onnxruntime", "/nowhere/lib.so"]);
    assert_fails(&mut command, 2, &["/nowhere/lib.so"]);
    for engine in ["auto", "cpu"] {
        let mut command = tiny(store.path(), &["--engine", engine]);
        command.env("ORT_DYLIB_PATH", "/nowhere/named.so");
        assert_fails(&mut command, 2, &["/nowhere/named.so", "ORT_DYLIB_PATH"]);
    }
    // tract needs no library.
    Service::run(tiny(store.path(), &[]).env("ORT_DYLIB_PATH", "/nowhere/named.so"));
}

#[test]
fn the_error_names_an_address_in_use() {
    let first = Service::start(&[]);
    let store = tempfile::tempdir().unwrap();
    assert_fails(
        &mut tiny(store.path(), &["--listen", &first.address]),
        1,
        &[&first.address, "--listen"],
    );
}

#[test]
fn a_second_server_on_a_store_names_the_first() {
    let store = tempfile::tempdir().unwrap();
    let first = Service::start_on(store.path(), &[]);
    first.enroll("mug", &image()).ok();
    assert_fails(
        &mut tiny(store.path(), &[]),
        1,
        &[&first.pid().to_string(), "another store folder"],
    );
    first.enroll("cup", &image()).ok();
    assert_eq!(first.known().len(), 2);
}

#[test]
fn classes_survive_a_restart_and_a_kill() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start_on(store.path(), &[]);
    service.enroll("mug", &image()).ok();
    assert!(service.stop().success());
    let mut service = Service::start_on(store.path(), &[]);
    assert!(service.report.contains("(1 classes, 1 examples)"), "{}", service.report);
    service.enroll("cup", &image()).ok();
    service.signal("-KILL");
    service.wait();
    let service = Service::start_on(store.path(), &[]);
    assert_eq!(service.known(), [("cup".to_owned(), 1), ("mug".to_owned(), 1)]);
    assert_eq!(service.post(CLASSIFY, &image()).ok()["results"][0]["decision"], "accepted");
}

/// A limit on the size of files simulates a full disk.
#[test]
fn a_full_disk_is_reported_and_nothing_is_half_written() {
    let store = tempfile::tempdir().unwrap();
    assert!(Service::start_on(store.path(), &[]).stop().success());
    let server = tiny(store.path(), &[]);
    let mut limited = Command::new("sh");
    // Blocks of 512 bytes in POSIX.
    limited.args(["-c", "ulimit -f 4200; exec \"$0\" \"$@\""]);
    limited.arg(server.get_program()).args(server.get_args());
    let service = Service::run(&mut limited);
    let mut enrolled = 0;
    let refused = loop {
        let files = thirty_two_images(enrolled);
        let files: Vec<_> = files.iter().map(|file| ("x.png", file.as_slice())).collect();
        let answer = service.post_files(&examples("mug"), &files);
        if answer.status != 201 {
            break answer;
        }
        enrolled += 32;
        assert!(enrolled < 100_000, "the disk is never full");
    };
    refused.assert_problem(507, "store_full");
    assert!(!refused.text().contains(store.path().to_str().unwrap()), "{}", refused.text());
    assert_eq!(service.known(), [("mug".to_owned(), enrolled)]);
    assert!(service.stop().success());
    assert_eq!(Service::start_on(store.path(), &[]).known(), [("mug".to_owned(), enrolled)]);
}

/// All different from each other and from those of another `start`.
fn thirty_two_images(start: u64) -> Vec<Vec<u8>> {
    let color = |n: u64| [n as u8, (n >> 8) as u8, (n >> 16) as u8];
    (start..start + 32).map(|n| draw::png(draw::flat(4, 4, color(n)))).collect()
}

#[test]
fn shutdown_lets_a_running_request_finish() {
    for signal in ["-TERM", "-INT"] {
        let mut service = Service::start(&[]);
        let image = image();
        let length = image.len().to_string();
        let mut connection = Connection::open(&service.address);
        let headers = [("content-length", length.as_str()), ("content-type", "image/png")];
        connection.write(head(&service.address, "POST", CLASSIFY, &headers).as_bytes()).unwrap();
        connection.write(&image[..10]).unwrap();
        thread::sleep(Duration::from_millis(100));
        service.signal(signal);
        thread::sleep(Duration::from_millis(100));
        connection.write(&image[10..]).unwrap();
        assert_eq!(connection.answer().status, 200);
        assert!(service.wait().success());
    }
}

#[test]
fn shutdown_ends_a_request_that_never_finishes() {
    let service = Service::start(&[]);
    let headers = [("content-length", "1000"), ("content-type", "image/png")];
    let head = head(&service.address, "POST", CLASSIFY, &headers);
    let mut connections: Vec<_> = (0..8).map(|_| Connection::open(&service.address)).collect();
    for connection in &mut connections {
        connection.write(head.as_bytes()).unwrap();
    }
    thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    assert!(service.stop().success());
    // The default of --drain-seconds is 5.
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
}

#[test]
fn settings_come_from_flags_environment_and_file_in_this_order() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("handful.toml");
    let bundle = tiny_bundle();
    let text = format!(
        "listen = \"127.0.0.1:0\"\nengine = \"tract\"\nbundle = {bundle:?}\nstore = {:?}\n\
         max_files = 1\nmax_queue = 100\nmax_pixels = 1000000\n",
        dir.path().join("store")
    );
    fs::write(&file, text).unwrap();
    let mut command = binary(&["--max-pixels", "3000000"]);
    command
        .env("HANDFUL_CONFIG", &file)
        .env("HANDFUL_MAX_FILES", "2")
        .env("HANDFUL_MAX_PIXELS", "2000000");
    let service = Service::run(&mut command);
    let limits = service.get("/version").ok()["limits"].clone();
    assert_eq!(
        (limits["max_files"].as_u64(), limits["max_pixels"].as_u64()),
        (Some(2), Some(3_000_000))
    );
    assert!(dir.path().join("store").is_dir());
}

#[test]
fn the_printed_settings_file_can_be_used() {
    let printed = binary(&["--print-config"]).output().unwrap();
    assert_eq!(printed.status.code(), Some(0));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("handful.toml");
    fs::write(&file, printed.stdout).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("#max_files = 64", "max_files = 7")).unwrap();
    let service = Service::run(tiny(&dir.path().join("store"), &[]).arg("--config").arg(&file));
    assert_eq!(service.get("/version").ok()["limits"]["max_files"].as_u64(), Some(7));
}

/// A terminal whose window is closed, and `kill` by a supervisor.
#[test]
fn a_hangup_ends_the_service_unless_it_was_started_to_survive_it() {
    let mut service = Service::start(&[]);
    service.signal("-HUP");
    assert!(service.wait().success());
    let store = tempfile::tempdir().unwrap();
    let server = tiny(store.path(), &[]);
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]);
    nohup.arg(server.get_program()).args(server.get_args());
    let service = Service::run(&mut nohup);
    service.signal("-HUP");
    thread::sleep(Duration::from_millis(200));
    assert_eq!(service.get("/livez").status, 200);
    assert!(service.stop().success());
}

#[test]
fn streams_that_cannot_be_written_stop_no_request() {
    for unwritable in Unwritable::ALL {
        let store = tempfile::tempdir().unwrap();
        let mut command = tiny(store.path(), &["--log", "debug"]);
        let service = Service::run_with_errors_to(&mut command, unwritable.stream().unwrap());
        service.enroll("mug", &image()).ok();
        service.post(CLASSIFY, &image()).ok();
        assert!(service.stop().success(), "{unwritable:?}");
    }
    for unwritable in Unwritable::ALL {
        let mut help = binary(&["--help"]);
        let code = help.stdout(unwritable.stream().unwrap()).stderr(Stdio::null()).status();
        assert_eq!(code.unwrap().code(), Some(1), "{unwritable:?}");
    }
}

/// As with `handful-server 2>&1 | less`.
#[test]
fn a_reader_of_the_log_that_has_stopped_stops_no_request() {
    let store = tempfile::tempdir().unwrap();
    // The service's pipe is not read before its end, and holds 64 KiB.
    let service = Service::run(&mut tiny(store.path(), &["--log", "info"]));
    for _ in 0..1500 {
        assert_eq!(service.get("/livez").status, 200);
    }
    assert!(service.stop().success());
}

#[test]
fn the_log_has_requests_with_their_id() {
    let mut service = Service::start(&["--log", "info"]);
    service.send("GET", "/livez", &[("x-request-id", "find-me")], &[]);
    service.signal("-TERM");
    service.wait();
    let log = service.errors();
    assert!(log.contains("find-me") && log.contains("/livez"), "{log}");
}
