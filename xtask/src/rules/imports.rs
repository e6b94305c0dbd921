//! Which crate may name which, read from the manifests.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use crate::root;
use crate::sources::{manifest, packages};

/// A crate of this workspace.
struct Member {
    folder: &'static str,
    package: &'static str,
    /// Folders of the crates that it may name.
    imports: &'static [&'static str],
}

/// What the two programs of the device may name.
const ON_DEVICE: &[&str] =
    &["models", "models/few-shot", "terminal", "edge", "edge/access", "edge/settings"];

const fn member(
    folder: &'static str,
    package: &'static str,
    imports: &'static [&'static str],
) -> Member {
    Member { folder, package, imports }
}

/// models <- few-shot <- edge <- {cli, export, web-api}; {models, few-shot} <- train; models <-
/// terminal <- the four programs; {access, settings} <- {cli, web-api}. Nobody names cli, train,
/// export and web-api.
const MEMBERS: [Member; 11] = [
    member("models", "handful-models", &[]),
    member("models/few-shot", "handful-few-shot", &["models"]),
    member("edge", "handful-edge", &["models", "models/few-shot"]),
    member("terminal", "handful-terminal", &["models"]),
    member("edge/access", "handful-access", &["models"]),
    member("edge/settings", "handful-settings", &["models", "terminal", "edge"]),
    member("edge/cli", "handful-cli", ON_DEVICE),
    member("train", "handful-train", &["models", "models/few-shot", "terminal"]),
    member("export", "handful-export", &["models", "models/few-shot", "terminal", "edge"]),
    member("web-api", "handful-web-api", ON_DEVICE),
    member("xtask", "xtask", &[]),
];

/// Third-party crates that only one of ours may name, by how their names begin.
const OWNERS: [(&str, &str); 9] = [
    ("tch", "train"),
    ("torch-sys", "train"),
    ("ort", "edge"),
    ("tract", "edge"),
    ("redb", "edge"),
    ("axum", "web-api"),
    ("tokio", "web-api"),
    ("hyper", "web-api"),
    ("tower", "web-api"),
];

/// Libraries know no terminal: programs read arguments and print.
const LIBRARIES: [&str; 3] = ["models", "models/few-shot", "edge"];

/// Crates that read arguments or draw on a terminal, by how their names begin.
const TERMINAL: [&str; 12] = [
    "anstream",
    "anstyle",
    "atty",
    "clap",
    "colored",
    "console",
    "crossterm",
    "dialoguer",
    "handful-terminal",
    "indicatif",
    "owo-colors",
    "termcolor",
];

/// One sentence for each import that the rules do not allow.
fn violations(member: &Member, named: &BTreeSet<String>) -> Vec<String> {
    let Member { folder, package, imports } = member;
    let mut violations = Vec::new();
    for other in named {
        let ours = MEMBERS.iter().find(|ours| ours.package == other && other != package);
        if ours.is_some_and(|ours| !imports.contains(&ours.folder)) {
            violations.push(format!("{folder} names {other}"));
        }
        let owner = OWNERS.iter().find(|(stem, _)| begins(other, stem));
        if let Some((_, owner)) = owner.filter(|(_, owner)| owner != folder) {
            violations.push(format!("{folder} names {other}; only {owner} may"));
        }
        if LIBRARIES.contains(folder) && TERMINAL.iter().any(|stem| begins(other, stem)) {
            violations.push(format!("{folder} names {other}; a library knows no terminal"));
        }
    }
    violations
}

fn begins(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

/// Every package that a manifest names: for use, for tests, for build scripts, for one platform.
fn named_packages(manifest: &Table, workspace: &Table) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (key, value) in manifest.get(section).and_then(Value::as_table).into_iter().flatten() {
            names.insert(package_name(key, value, workspace));
        }
    }
    let platforms = manifest.get("target").and_then(Value::as_table);
    for platform in platforms.into_iter().flatten().filter_map(|(_, value)| value.as_table()) {
        names.extend(named_packages(platform, workspace));
    }
    names
}

/// A dependency may have a name of its own, here or in the workspace's table.
fn package_name(key: &str, value: &Value, workspace: &Table) -> String {
    let is_inherited = value.get("workspace").is_some();
    let inherited =
        workspace.get("workspace").and_then(|table| table.get("dependencies")?.get(key));
    let value = inherited.filter(|_| is_inherited).unwrap_or(value);
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

#[test]
fn manifests_name_only_what_they_may() {
    let root = root().unwrap();
    let workspace = manifest(&root).unwrap();
    let mut found = Vec::new();
    for member in &MEMBERS {
        let manifest = manifest(&root.join(member.folder)).unwrap();
        found.extend(violations(member, &named_packages(&manifest, &workspace)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_member_has_a_rule() {
    let members = packages(&root().unwrap()).unwrap();
    let members: BTreeSet<_> =
        members.iter().map(|member| (member.folder.as_path(), member.name.as_str())).collect();
    let ruled = MEMBERS.iter().map(|member| (Path::new(member.folder), member.package)).collect();
    assert_eq!(members, ruled);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations_of(folder: &str, text: &str) -> Vec<String> {
        let member = MEMBERS.iter().find(|member| member.folder == folder).unwrap();
        let workspace =
            "[workspace.dependencies]\nours = { package = \"handful-edge\", path = \"edge\" }";
        let manifest: Table = text.parse().unwrap();
        violations(member, &named_packages(&manifest, &workspace.parse().unwrap()))
    }

    #[test]
    fn imports_are_found_in_every_section() {
        let edge = ["train names handful-edge"];
        assert_eq!(violations_of("train", "[dev-dependencies]\nhandful-edge = \"0\""), edge);
        let tokio = ["models names tokio; only web-api may"];
        assert_eq!(violations_of("models", "[build-dependencies]\ntokio = \"1\""), tokio);
        let tract = ["web-api names tract-onnx; only edge may"];
        let platform = "[target.'cfg(unix)'.dependencies]\ntract-onnx = \"0\"";
        assert_eq!(violations_of("web-api", platform), tract);
    }

    #[test]
    fn renamed_packages_are_found() {
        let ort = ["export names ort; only edge may"];
        let renamed = "[dependencies]\nengine = { package = \"ort\", version = \"2\" }";
        assert_eq!(violations_of("export", renamed), ort);
        let edge = ["train names handful-edge"];
        assert_eq!(violations_of("train", "[dependencies]\nours.workspace = true"), edge);
    }

    #[test]
    fn libraries_know_no_terminal() {
        let clap = ["models names clap_builder; a library knows no terminal"];
        assert_eq!(violations_of("models", "[dependencies]\nclap_builder = \"4\""), clap);
        let indicatif = ["edge names indicatif; a library knows no terminal"];
        assert_eq!(violations_of("edge", "[dependencies]\nindicatif = \"0\""), indicatif);
        for program in ["edge/cli", "train"] {
            assert_eq!(violations_of(program, "[dependencies]\nclap = \"4\""), [""; 0]);
        }
    }

    #[test]
    fn allowed_imports_are_no_violation() {
        let allowed = "[dependencies]\nort = \"2\"\nmodels.workspace = true";
        assert_eq!(violations_of("edge", allowed), [""; 0]);
        let itself = "[dev-dependencies]\nhandful-models = { path = \".\" }\nportable = \"1\"";
        assert_eq!(violations_of("models", itself), [""; 0]);
    }
}
