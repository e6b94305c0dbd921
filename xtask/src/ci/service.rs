//! The README's first command, as a new user gives it: it must come up, answer and stop.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;
use crate::running::{PAUSE, TIME_LIMIT, free_address, stop};

/// How long random requests are sent, without those of the examples and the bounds.
const SECONDS_OF_REQUESTS: &str = "60";

/// Starts the service, looks at its page, stops it.
pub(super) fn starts_and_stops(root: &Path) -> Result<()> {
    with_service(root, |address, _| page_is_there(address))
}

/// Requests that the OpenAPI document allows and forbids, drawn at random: no answer may be another
/// than the document says.
pub(super) fn keeps_its_document(root: &Path) -> Result<()> {
    let tools = root.join(".venv/bin");
    let mut validate = Command::new(tools.join("openapi-spec-validator"));
    process::run(validate.arg("docs/openapi.json").current_dir(root))?;
    with_service(root, |address, store| {
        let key = new_key(root, store)?;
        wait_until_closed(address)?;
        let mut test = Command::new(tools.join("schemathesis"));
        // Its settings are in `schemathesis.toml`. It also calls without a key and with wrong ones.
        test.args(["run", "--checks", "all", "--max-time", SECONDS_OF_REQUESTS, "--no-color"]);
        test.args(["--header", &format!("Authorization: Bearer {key}"), "--seed", "1"]);
        process::run(test.arg(format!("http://{address}/openapi.json")).current_dir(root))
    })
}

/// Makes a key that may do everything, as an administrator does.
fn new_key(root: &Path, store: &Path) -> Result<String> {
    process::programs(root)?;
    let mut add = Command::new(root.join("target/release/handful"));
    add.args(["keys", "add", "ci", "--role", "admin", "--json", "--store"]).arg(store);
    let added: Value = serde_json::from_str(&process::output(&mut add)?)?;
    Ok(added["key"].as_str().context("`handful keys add` answered no key")?.to_owned())
}

/// Waits until the service has noticed that there is a key.
fn wait_until_closed(address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < TIME_LIMIT {
        if get(address, "/version")?.starts_with("HTTP/1.1 401") {
            return Ok(());
        }
        sleep(PAUSE);
    }
    bail!("the service answers without a key although one was made")
}

/// Starts the service on a free port with an empty store, waits until it is ready, works with it,
/// stops it.
fn with_service(root: &Path, work: impl FnOnce(SocketAddr, &Path) -> Result<()>) -> Result<()> {
    process::run(process::cargo(root).args(["build", "--release"]))?;
    let address = free_address()?;
    // A store of its own, so the run does not change another one.
    let store = std::env::temp_dir().join(format!("handful-ci-{}", std::process::id()));
    let mut run = process::cargo(root);
    run.args(["run", "--release", "--quiet", "--", "--listen", &address.to_string()]);
    // cargo becomes the service, so the child's number is the service's.
    let mut service = run.arg("--store").arg(&store).spawn()?;
    // The service is stopped and its store removed even if it never answered.
    let answered = wait_until_ready(&mut service, address).and_then(|()| work(address, &store));
    let stopped = stop(&mut service);
    let cleaned = std::fs::remove_dir_all(&store);
    answered.and(stopped)?;
    cleaned.context("the service left no store")
}

fn wait_until_ready(service: &mut Child, address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < TIME_LIMIT {
        if let Some(status) = service.try_wait()? {
            bail!("the service ended at once ({status})");
        }
        // Refused connections are no error yet: the service has not opened its port.
        if let Ok(answer) = get(address, "/readyz")
            && answer.starts_with("HTTP/1.1 200")
        {
            println!("service ready after {:.1} s", start.elapsed().as_secs_f64());
            return Ok(());
        }
        sleep(PAUSE);
    }
    bail!("the service was not ready after {} s", TIME_LIMIT.as_secs())
}

fn page_is_there(address: SocketAddr) -> Result<()> {
    let page = get(address, "/")?;
    ensure!(page.contains("<html"), "`/` is not the page: {}", page.lines().next().unwrap_or(""));
    Ok(())
}

fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
