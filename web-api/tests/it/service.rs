//! The program as a process with its own store and a free port.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::client::{self, Answer, BOUNDARY, encoded};
use crate::rejecting;

pub(crate) const CLASSES: &str = "/v1/galleries/default/classes";
pub(crate) const CLASSIFY: &str = "/v1/galleries/default/classify";

pub(crate) fn tiny_bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge/tests/fixtures/tiny-bundle")
}

/// A bundle with name knowledge of a few nouns.
pub(crate) fn knowing_bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge/tests/fixtures/knowing/knowing-bundle")
}

/// The program without the caller's settings.
pub(crate) fn binary(args: &[&str]) -> Command {
    program(Path::new(env!("CARGO_BIN_EXE_handful-server")), args)
}

/// A program at this path without the caller's settings.
pub(crate) fn program(path: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HANDFUL_") {
            command.env_remove(name);
        }
    }
    // What engines take is measured, and kept, for each run of the tests.
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(args);
    command
}

/// The program on the tiny bundle, tract and a free port.
pub(crate) fn tiny(store: &Path, args: &[&str]) -> Command {
    on(&tiny_bundle(), store, args)
}

fn on(bundle: &Path, store: &Path, args: &[&str]) -> Command {
    let mut command = binary(&["--listen", "127.0.0.1:0", "--engine", "tract"]);
    command.arg("--bundle").arg(bundle).arg("--store").arg(store).args(args);
    command
}

pub(crate) struct Service {
    child: Child,
    /// `127.0.0.1:port`, or `unix:` and a path.
    pub(crate) address: String,
    /// The start-up report.
    pub(crate) report: String,
    /// Store and bundle, which live as long as the process.
    folders: Vec<TempDir>,
}

impl Service {
    pub(crate) fn start(args: &[&str]) -> Self {
        let store = tempfile::tempdir().unwrap();
        let mut service = Self::run(&mut tiny(store.path(), args));
        service.folders.push(store);
        service
    }

    /// On the bundle with name knowledge.
    pub(crate) fn knowing() -> Self {
        let store = tempfile::tempdir().unwrap();
        let mut service = Self::run(&mut on(&knowing_bundle(), store.path(), &[]));
        service.folders.push(store);
        service
    }

    /// On a bundle that rejects unknown images.
    pub(crate) fn rejecting() -> Self {
        let store = tempfile::tempdir().unwrap();
        let bundle = rejecting::bundle();
        let mut service = Self::run(&mut on(bundle.path(), store.path(), &[]));
        service.folders = vec![store, bundle];
        service
    }

    pub(crate) fn start_on(store: &Path, args: &[&str]) -> Self {
        Self::run(&mut tiny(store, args))
    }

    pub(crate) fn start_with(bundle: &Path, store: &Path, args: &[&str]) -> Self {
        Self::run(&mut on(bundle, store, args))
    }

    /// The same service, which keeps these folders as long as it runs.
    pub(crate) fn keeping(mut self, folders: Vec<TempDir>) -> Self {
        self.folders.extend(folders);
        self
    }

    /// Runs it and waits until it reports that it is ready.
    pub(crate) fn run(command: &mut Command) -> Self {
        Self::run_with_errors_to(command, Stdio::piped())
    }

    /// The same with standard error to `errors`.
    pub(crate) fn run_with_errors_to(command: &mut Command, errors: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut report = String::new();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap());
        while !report.contains("Ready in") {
            if lines.read_line(&mut report).unwrap() == 0 {
                let mut errors = String::new();
                child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
                panic!("it did not start: {report}{errors}");
            }
        }
        let address = report.split_once("is listening on ").unwrap().1;
        let address = address.split_whitespace().next().unwrap();
        let address = address.split_once("://").map_or(address, |(_, address)| address).to_owned();
        Self { child, address, report, folders: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        client::request(&self.address, method, path, headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &[])
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], &[])
    }

    pub(crate) fn post(&self, path: &str, image: &[u8]) -> Answer {
        self.send("POST", path, &[("content-type", "application/octet-stream")], image)
    }

    pub(crate) fn post_files(&self, path: &str, files: &[(&str, &[u8])]) -> Answer {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send("POST", path, &[("content-type", &content_type)], &client::multipart(files))
    }

    pub(crate) fn patch(&self, path: &str, json: &str) -> Answer {
        self.send("PATCH", path, &[("content-type", "application/json")], json.as_bytes())
    }

    pub(crate) fn put(&self, path: &str, json: &str) -> Answer {
        self.send("PUT", path, &[("content-type", "application/json")], json.as_bytes())
    }

    pub(crate) fn post_json(&self, path: &str, json: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], json.as_bytes())
    }

    pub(crate) fn enroll(&self, label: &str, image: &[u8]) -> Answer {
        self.post(&examples(label), image)
    }

    /// Labels and numbers of examples.
    pub(crate) fn known(&self) -> Vec<(String, u64)> {
        let answer = self.get(CLASSES).ok();
        let classes = answer["classes"].as_array().unwrap().iter();
        let pair = |class: &serde_json::Value| {
            (class["label"].as_str().unwrap().to_owned(), class["examples"].as_u64().unwrap())
        };
        classes.map(pair).collect()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Stops it as a service manager does.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.wait()
    }

    /// Its standard error; the process must have ended.
    pub(crate) fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn class(label: &str) -> String {
    format!("{CLASSES}/{}", encoded(label))
}

pub(crate) fn examples(label: &str) -> String {
    format!("{}/examples?create=true", class(label))
}
