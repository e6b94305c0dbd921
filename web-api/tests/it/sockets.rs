//! Unix sockets, sockets that systemd passes, and what systemd is notified of.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::service::{Service, tiny};

/// Longer than any test takes, so that a hang becomes a failure.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The whole answer to a GET by a unix socket.
fn get(socket: &Path, path: &str, headers: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn on_socket(store: &Path, socket: &Path, args: &[&str]) -> Command {
    let listen = format!("unix:{}", socket.display());
    tiny(store, &[&["--listen", listen.as_str()], args].concat())
}

fn assert_refused(command: &mut Command, code: i32, expected: &str) {
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(expected), "{errors}");
}

#[test]
fn programs_of_the_machine_connect_by_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("handful.sock");
    // A service that was killed leaves its file.
    drop(UnixListener::bind(&socket).unwrap());
    let service = Service::run(&mut on_socket(&folder.path().join("store"), &socket, &[]));
    assert_eq!(service.address, format!("unix:{}", socket.display()));
    assert!(service.report.contains("everyone on this machine"), "{}", service.report);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(get(&socket, "/livez", "").starts_with("HTTP/1.1 200 "));
    assert!(get(&socket, "/v1/galleries", "").starts_with("HTTP/1.1 200 "));
    let mut second = on_socket(&folder.path().join("other"), &socket, &[]);
    assert_refused(&mut second, 1, "another program listens there");
    assert!(service.stop().success());
    assert!(!socket.exists());
    fs::write(&socket, "a file").unwrap();
    assert_refused(&mut second, 2, "no socket");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "a file");
}

#[test]
fn a_proxy_on_a_unix_socket_is_trusted_if_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("handful.sock");
    let args = ["--trusted-proxy", "unix", "--insecure"];
    let _service = Service::run(&mut on_socket(&folder.path().join("store"), &socket, &args));
    let wrong = get(&socket, "/v1/galleries", "x-forwarded-for: nowhere\r\n");
    assert!(wrong.starts_with("HTTP/1.1 400 "), "{wrong}");
    let right = get(&socket, "/v1/galleries", "x-forwarded-for: 192.0.2.7\r\n");
    assert!(right.starts_with("HTTP/1.1 200 "), "{right}");
}

/// Binds a socket as systemd does, and becomes the service.
const ACTIVATE: &str = r#"
import os, socket, sys
kind, count, program = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
sockets = []
for number in range(count):
    if kind == "tcp":
        one = socket.socket(socket.AF_INET)
        one.bind(("127.0.0.1", 0))
    else:
        one = socket.socket(socket.AF_UNIX)
        one.bind(f"{kind}{number}")
    one.listen(128)
    sockets.append(one)
# Away from the numbers that they get.
high = [os.dup2(one.fileno(), 20 + at, inheritable=False) for at, one in enumerate(sockets)]
for at, fd in enumerate(high):
    os.dup2(fd, 3 + at)
os.environ["LISTEN_FDS"] = str(count)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(program[0], program)
"#;

/// The service as systemd starts it with sockets of this kind; `None` without Python.
fn activated(server: &Command, kind: &str, count: u32) -> Option<Command> {
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|python| python.status.success()) {
        eprintln!("skipped: python3, which passes the socket, is missing");
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", ACTIVATE, kind, &count.to_string()]);
    command.arg(server.get_program()).args(server.get_args());
    Some(command)
}

#[test]
fn a_socket_that_systemd_passes_replaces_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    // An address that cannot be used shows that it is not used.
    let server = tiny(&folder.path().join("store"), &["--listen", "192.0.2.1:9"]);
    let Some(mut command) = activated(&server, "tcp", 1) else { return };
    let service = Service::run(&mut command);
    assert!(service.address.starts_with("127.0.0.1:"), "{}", service.report);
    assert_eq!(service.get("/livez").status, 200);
    assert!(service.stop().success());
    let kind = folder.path().join("passed").display().to_string();
    let service = Service::run(&mut activated(&server, &kind, 1).unwrap());
    let socket = folder.path().join("passed0");
    assert!(get(&socket, "/livez", "").starts_with("HTTP/1.1 200 "));
    assert!(service.stop().success());
    assert!(socket.exists(), "systemd keeps it for the next start");
}

#[test]
fn two_sockets_are_too_many() {
    let store = tempfile::tempdir().unwrap();
    let server = tiny(store.path(), &[]);
    if let Some(mut command) = activated(&server, "tcp", 2) {
        assert_refused(&mut command, 2, "systemd passed 2 sockets");
    }
}

/// The next datagram that has `part`.
fn notified(socket: &UnixDatagram, part: &str) -> String {
    let start = Instant::now();
    let mut bytes = [0; 4096];
    while start.elapsed() < TIMEOUT {
        let length = socket.recv(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if text.contains(part) {
            return text;
        }
    }
    panic!("no {part}");
}

#[test]
fn systemd_is_notified_of_start_life_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut command = tiny(&folder.path().join("store"), &[]);
    let service = Service::run(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000000"));
    let ready = notified(&socket, "READY=1");
    assert!(ready.contains(&format!("STATUS=Listening on http://{}", service.address)), "{ready}");
    // More than one: it goes on.
    notified(&socket, "WATCHDOG=1");
    notified(&socket, "WATCHDOG=1");
    assert!(service.stop().success());
    notified(&socket, "STOPPING=1");
}
