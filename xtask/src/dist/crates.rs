//! Which crates are in the programs, as cargo resolves them for a target.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use toml::{Table, Value};

use super::target::Target;
use crate::process;
use crate::sources::read;

/// The packages of the programs that are shipped.
pub(super) const PACKAGES: [&str; 3] = ["handful-cli", "handful-web-api", "handful-export"];

/// A library in the programs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression.
    pub(super) license: String,
    /// Where its files are on this machine.
    pub(super) folder: PathBuf,
    /// SHA-256 of the archive from the registry; none for our own.
    pub(super) checksum: Option<String>,
    /// `name@version` of those that it uses.
    pub(super) uses: BTreeSet<String>,
}

impl Crate {
    /// `name@version`.
    pub(super) fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `dev` or `build`; none for what is linked.
    kind: Option<String>,
}

/// All crates in the programs, sorted. Macros are among them, as cargo does not tell them apart.
pub(super) fn of_programs(root: &Path, target: Target) -> Result<Vec<Crate>> {
    let mut metadata = process::cargo(root);
    metadata.args(["metadata", "--format-version", "1", "--locked", "--filter-platform"]);
    let metadata = process::output(metadata.arg(target.triple()))?;
    let metadata: Metadata =
        serde_json::from_str(&metadata).context("cargo metadata wrote other JSON")?;
    let lock = read(&root.join("Cargo.lock"))?;
    let lock = lock.parse::<Table>().context("Cargo.lock is not TOML")?;
    linked(&metadata, &checksums(&lock))
}

/// SHA-256 by `name@version`.
fn checksums(lock: &Table) -> BTreeMap<String, String> {
    let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    packages.filter_map(checksum).collect()
}

fn checksum(package: &Value) -> Option<(String, String)> {
    let id = format!("{}@{}", package.get("name")?.as_str()?, package.get("version")?.as_str()?);
    Some((id, package.get("checksum")?.as_str()?.to_owned()))
}

fn linked(metadata: &Metadata, checksums: &BTreeMap<String, String>) -> Result<Vec<Crate>> {
    let packages: BTreeMap<_, _> = metadata.packages.iter().map(|p| (p.id.as_str(), p)).collect();
    let nodes: BTreeMap<_, _> = metadata.resolve.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
    let ours = metadata.packages.iter().filter(|p| PACKAGES.contains(&p.name.as_str()));
    let mut left: Vec<&str> = ours.map(|package| package.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    let mut crates = Vec::new();
    while let Some(id) = left.pop() {
        if !seen.insert(id) {
            continue;
        }
        let package = packages.get(id).with_context(|| format!("cargo lists no package {id}"))?;
        let node = nodes.get(id).with_context(|| format!("cargo resolved no package {id}"))?;
        let uses = linked_by(node);
        let names = uses.iter().filter_map(|id| packages.get(id)).map(|package| package.key());
        crates.push(package.to_crate(names.collect(), checksums)?);
        left.extend(uses);
    }
    crates.sort();
    Ok(crates)
}

/// Ids of the packages that are linked into a package.
fn linked_by(node: &Node) -> Vec<&str> {
    let linked =
        node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()));
    linked.map(|dep| dep.pkg.as_str()).collect()
}

impl Package {
    fn key(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    fn to_crate(
        &self,
        uses: BTreeSet<String>,
        checksums: &BTreeMap<String, String>,
    ) -> Result<Crate> {
        let id = self.key();
        let license = self.license.clone();
        let license = license.with_context(|| format!("the crate {id} states no license"))?;
        Ok(Crate {
            name: self.name.clone(),
            version: self.version.clone(),
            // Before 2018 crates wrote a slash.
            license: license.replace('/', " OR ").replace("  OR  ", " OR "),
            folder: self.manifest_path.parent().unwrap_or(Path::new("")).to_owned(),
            checksum: checksums.get(&id).cloned(),
            uses,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "packages": [
            {"id": "a", "name": "handful-cli", "version": "0.1.0", "license": "MIT",
                "manifest_path": "/a/Cargo.toml"},
            {"id": "b", "name": "b", "version": "1.0.0", "license": "MIT/Apache-2.0",
                "manifest_path": "/b/Cargo.toml"},
            {"id": "c", "name": "c", "version": "2.0.0", "license": "ISC",
                "manifest_path": "/c/Cargo.toml"}
        ],
        "resolve": {"nodes": [
            {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": null}]},
                {"pkg": "c", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "b", "deps": []},
            {"id": "c", "deps": []}
        ]}
    }"#;

    #[test]
    fn linked_crates_only() {
        let lock = "[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nchecksum = \"f00\"\n"
            .parse::<Table>()
            .unwrap();
        let metadata: Metadata = serde_json::from_str(METADATA).unwrap();
        let crates = linked(&metadata, &checksums(&lock)).unwrap();
        let ids: Vec<_> = crates.iter().map(Crate::id).collect();
        assert_eq!(ids, ["b@1.0.0", "handful-cli@0.1.0"]);
        assert_eq!(crates[0].license, "MIT OR Apache-2.0");
        assert_eq!(crates[0].checksum.as_deref(), Some("f00"));
        assert_eq!(crates[1].uses, BTreeSet::from(["b@1.0.0".to_owned()]));
    }
}
