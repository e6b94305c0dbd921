//! The commands with curl of the README and of all guides are run in their order, and their answers
//! have the fields that the guide shows.

mod commands;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use access::Role;
use access::certificate::SelfSigned;
use access::keys::Keys;
use image::imageops::{self, FilterType};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::{Service, class, tiny};
use crate::{draw, things};
use commands::{Example, examples, missing, whole};

/// The address in the guides.
const ADDRESS: &str = "127.0.0.1:8080";

/// Commands that are not run: a part of each, and why.
const NOT_RUN: [(&str, &str); 1] =
    [("classes/teapot", "the lexicon of the tests has no spouts and lids")];

/// The files that the commands read.
fn files(examples: &[Example]) -> BTreeSet<String> {
    let commands = examples.iter().flat_map(|example| example.command.split([' ', '=', '@', '<']));
    let names = commands.filter(|word| word.ends_with(".jpg") && !word.contains('/'));
    names.map(str::to_owned).collect()
}

/// A photograph of a thing on a table for each name.
fn draw_files(folder: &Path, names: &BTreeSet<String>) {
    for (view, name) in (0..).zip(names) {
        let image = things::draw(things::NAMES[view as usize % 2], view);
        let image = imageops::resize(&image, 1280, 960, FilterType::Triangle);
        fs::write(folder.join(name), draw::jpeg(&image)).unwrap();
    }
}

/// Notes which real id each id of the guide stands for.
fn note_ids(shown: &Value, real: &Value, ids: &mut BTreeMap<String, String>) {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            for (name, value) in shown {
                note_ids(value, real.get(name).unwrap_or(&Value::Null), ids);
            }
        }
        (Value::Array(shown), Value::Array(real)) => {
            shown.iter().zip(real).for_each(|(shown, real)| note_ids(shown, real, ids));
        }
        (Value::String(shown), Value::String(real)) if is_example(shown) && is_example(real) => {
            ids.insert(short(shown), short(real));
        }
        _ => {}
    }
}

fn is_example(text: &str) -> bool {
    text.starts_with("e_") && text.len() == 34 && text.is_ascii()
}

/// The first digits of the random half of an id.
fn short(id: &str) -> String {
    format!("e_{}", &id[18..24])
}

/// The commands of a guide, and what stands for the machine that it shows.
struct Guide {
    examples: Vec<Example>,
    folder: TempDir,
    /// What the guide writes, and what it is here.
    names: Vec<(&'static str, String)>,
    /// Variables of the shell.
    variables: Vec<(&'static str, String)>,
}

impl Guide {
    /// None, with the reason on standard error, without curl. `n` is the number of its commands.
    fn read(text: &str, n: usize) -> Option<Self> {
        if Command::new("curl").arg("--version").output().is_err() {
            eprintln!("skipped: the commands of the guides: curl is not installed");
            return None;
        }
        let examples = examples(text);
        assert_eq!(examples.len(), n, "commands with curl");
        let folder = tempfile::tempdir().unwrap();
        draw_files(folder.path(), &files(&examples));
        Some(Self { examples, folder, names: Vec::new(), variables: Vec::new() })
    }

    fn with(mut self, name: &'static str, here: impl Into<String>) -> Self {
        self.names.push((name, here.into()));
        self
    }

    /// Runs the commands in their order and compares their answers with those of the guide.
    fn check(&self) {
        let mut ids = BTreeMap::new();
        let wrong: Vec<_> = self
            .examples
            .iter()
            .filter(|example| !NOT_RUN.iter().any(|(part, _)| example.command.contains(part)))
            .filter_map(|example| self.fault(example, &mut ids))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// How the answer differs from that of the guide.
    fn fault(&self, example: &Example, ids: &mut BTreeMap<String, String>) -> Option<String> {
        let mut command = example.command.clone();
        let ids_here = ids.iter().map(|(shown, here)| (shown.as_str(), here));
        let names = self.names.iter().map(|(name, here)| (*name, here));
        for (name, here) in names.chain(ids_here) {
            command = command.replace(name, here);
        }
        let answer = self.run(&command);
        // curl fails by itself where it is asked to.
        if answer.is_empty() && command.contains("curl -f") {
            return None;
        }
        let Ok(real) = serde_json::from_str::<Value>(&answer) else {
            return Some(format!("{command}\n  is answered {answer}"));
        };
        let text = whole(&example.shown);
        let text = if text.trim().is_empty() { "{}" } else { text.as_str() };
        let shown: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        note_ids(&shown, &real, ids);
        let mut fields = Vec::new();
        missing(&shown, &real, "", &mut fields);
        let is_problem = |answer: &Value| answer["code"].is_string();
        let is_wrong = !fields.is_empty() || is_problem(&real) != is_problem(&shown);
        is_wrong.then(|| format!("{command}\n  has no {fields:?}: {real}"))
    }

    /// What a command prints.
    fn run(&self, command: &str) -> String {
        let mut shell = Command::new("sh");
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        let shell = shell.args(["-c", command]).current_dir(self.folder.path()).envs(variables);
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn the_commands_of_the_guide_to_http_are_answered_as_it_shows() {
    let Some(guide) = Guide::read(include_str!("../../../docs/guide/http.md"), 30) else { return };
    let service = Service::knowing();
    // A class that the guide moves an example to.
    service.put(&class("mug"), "{}").ok();
    guide.with(ADDRESS, &service.address).check();
}

#[test]
fn the_commands_of_the_readme_are_answered_as_it_shows() {
    let Some(guide) = Guide::read(include_str!("../../../README.md"), 3) else { return };
    let service = Service::knowing();
    guide.with(ADDRESS, &service.address).check();
}

#[test]
fn the_commands_of_the_guide_to_galleries_are_answered() {
    let guide = include_str!("../../../docs/guide/galleries.md");
    let Some(guide) = Guide::read(guide, 3) else { return };
    let service = Service::start(&[]);
    service.put(&class("mug"), "{}").ok();
    guide.with(ADDRESS, &service.address).check();
}

#[test]
fn the_commands_of_the_guide_to_inference_are_answered_as_it_shows() {
    let guide = include_str!("../../../docs/guide/inference.md");
    let Some(guide) = Guide::read(guide, 2) else { return };
    let service = Service::start(&[]);
    let network = service.get("/v2/models/backbone").ok();
    let shape = network["inputs"][0]["shape"].as_array().unwrap();
    let shape: Vec<_> = shape.iter().map(|n| n.as_i64().unwrap().abs()).collect();
    let data = vec![0.5; usize::try_from(shape.iter().product::<i64>()).unwrap()];
    let input = json!({"name": "image", "shape": shape, "datatype": "FP32", "data": data});
    let request = json!({"id": "42", "inputs": [input]}).to_string();
    fs::write(guide.folder.path().join("request.json"), request).unwrap();
    guide.with(ADDRESS, &service.address).check();
}

/// Two commands with a key, one with TLS, one by a unix socket: a service for each kind.
#[test]
fn the_commands_of_the_guide_to_access_are_answered() {
    let Some(mut guide) = Guide::read(include_str!("../../../docs/guide/access.md"), 4) else {
        return;
    };
    let folder = guide.folder.path();
    let store = |name: &str| folder.join(name);
    let key = Keys::add(&store("keyed"), "reader", Role::Read, None).unwrap().to_string();
    let keyed = Service::start_on(&store("keyed"), &[]);
    let socket = store("handful.sock").display().to_string();
    let listen = format!("unix:{socket}");
    let _local = Service::run(&mut tiny(&store("local"), &["--listen", &listen]));
    let pair = SelfSigned::make(&["localhost".to_owned()]).unwrap();
    fs::write(store("cert.pem"), pair.certificate_pem).unwrap();
    fs::write(store("key.pem"), pair.key_pem).unwrap();
    let mut command = tiny(&store("encrypted"), &["--listen", "localhost:0"]);
    command.arg("--tls-cert").arg(store("cert.pem")).arg("--tls-key").arg(store("key.pem"));
    let encrypted = Service::run(&mut command);
    let (_, port) = encrypted.address.rsplit_once(':').unwrap();
    let host = format!("localhost:{port}");
    guide.variables.push(("KEY", key));
    let guide = guide.with(ADDRESS, &keyed.address).with("/run/handful/handful.sock", socket);
    guide.with("pi.local:8080", host).check();
}

/// No other guide has a command with curl that nobody runs.
#[test]
fn the_commands_of_every_guide_are_run() {
    let checked = ["http.md", "galleries.md", "inference.md", "access.md"];
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    for entry in fs::read_dir(guides).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(entry.path()).unwrap();
        let name = entry.file_name();
        let is_checked = checked.iter().any(|checked| name == *checked);
        assert!(
            is_checked || examples(&text).is_empty(),
            "{}: {:?}",
            name.display(),
            examples(&text)
        );
    }
}
