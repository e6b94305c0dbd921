//! `handful-train` knows who is at fault for every error of the crates below it.
//!
//! Its commands return `anyhow` errors, which forget the trait `Fault`. The program tries a list of
//! types instead, and a type that the list lacks would end it with the wrong exit code.

use std::path::Path;

use crate::root;
use crate::sources::{Source, packages, read, sources};

/// Where the types are listed.
const LIST: &str = "train/src/commands/failure.rs";

/// The packages whose errors `handful-train` may end with.
const PACKAGES: [&str; 3] = ["models", "models/few-shot", "train"];

const IMPL: &str = "impl Fault for ";

/// The types of a file that say who is at fault.
fn faults(source: &str) -> Vec<&str> {
    let after = source.split(IMPL).skip(1);
    after.filter_map(|rest| rest.split_once(" {")).map(|(name, _)| name).collect()
}

fn product() -> Vec<Source> {
    let root = root().unwrap();
    let mut packages = packages(&root).unwrap();
    packages.retain(|package| PACKAGES.iter().any(|folder| package.folder == Path::new(folder)));
    assert_eq!(packages.len(), PACKAGES.len());
    packages.iter().flat_map(|package| sources(&root, package).unwrap()).collect()
}

#[test]
fn handful_train_lists_every_fault() {
    let list = read(&root().unwrap().join(LIST)).unwrap();
    let product = product();
    let others = product.iter().filter(|source| source.path != Path::new(LIST));
    let faults: Vec<&str> = others.flat_map(|source| faults(&source.text)).collect();
    assert!(faults.len() > 20, "{faults:?}");
    // The system's own error is the machine's fault, as is an error that no type of the list finds.
    for name in faults.into_iter().filter(|name| *name != "io::Error") {
        assert!(list.contains(&format!("blame_of::<{name}>,")), "{LIST} lacks {name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_implementation_is_found() {
        let source = "impl Fault for A {\n}\nimpl Display for B {}\nimpl Fault for c::D {}";
        assert_eq!(faults(source), ["A", "c::D"]);
    }
}
