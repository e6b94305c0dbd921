//! The list of what is in a package, in the form of CycloneDX 1.5: crates, bundle and lexicon.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::commit::Commit;
use super::crates::{Crate, PACKAGES};
use super::stage::BUNDLE;
use crate::sources::read;

/// The document. It has no serial number, so that the same commit gives the same bytes.
pub(super) fn text(root: &Path, commit: &Commit, crates: &[Crate]) -> Result<String> {
    let program = json!({
        "type": "application",
        "bom-ref": "handful",
        "name": "handful",
        "version": commit.version,
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    });
    let components: Vec<Value> = crates.iter().map(component).chain(bundle(root)?).collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": commit.time, "component": program},
        "components": components,
        "dependencies": dependencies(crates),
    });
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn purl(id: &str) -> String {
    // The version of a crate may have a plus, which is a space in an address.
    format!("pkg:cargo/{}", id.replace('+', "%2B"))
}

fn component(found: &Crate) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(&found.id()),
        "name": found.name,
        "version": found.version,
        "purl": purl(&found.id()),
        "licenses": [{"expression": found.license}],
    });
    if let Some(checksum) = &found.checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

/// Each file of the bundle, and the lexicon, with the hashes of the manifest.
fn bundle(root: &Path) -> Result<Vec<Value>> {
    let manifest = read(&root.join(BUNDLE).join("manifest.json"))?;
    let manifest: Value = serde_json::from_str(&manifest).context("the manifest is not JSON")?;
    let files = manifest["files"].as_object().context("the manifest lists no files")?;
    let mut found: Vec<Value> =
        files.iter().map(|(name, file)| data(name, &file["sha256"], "Apache-2.0")).collect();
    let lexicon = &manifest["knowledge"]["lexicon"];
    let name = lexicon["file"].as_str().context("the manifest names no lexicon")?;
    found.push(data(name, &lexicon["sha256"], "LicenseRef-WordNet-3.0 AND PDDL-1.0"));
    Ok(found)
}

fn data(name: &str, sha256: &Value, license: &str) -> Value {
    json!({
        "type": "machine-learning-model",
        "bom-ref": format!("file:{name}"),
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "licenses": [{"expression": license}],
    })
}

fn dependencies(crates: &[Crate]) -> Vec<Value> {
    let ours = crates.iter().filter(|found| PACKAGES.contains(&found.name.as_str()));
    let top: Vec<_> = ours.map(|found| purl(&found.id())).collect();
    let below = crates.iter().map(|found| {
        let uses: Vec<_> = found.uses.iter().map(|id| purl(id)).collect();
        json!({"ref": purl(&found.id()), "dependsOn": uses})
    });
    std::iter::once(json!({"ref": "handful", "dependsOn": top})).chain(below).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn found(name: &str) -> Crate {
        Crate {
            name: name.to_owned(),
            version: "1.0.0+b".to_owned(),
            license: "MIT".to_owned(),
            folder: "/".into(),
            checksum: Some("f00".to_owned()),
            uses: BTreeSet::from(["c@2.0.0".to_owned()]),
        }
    }

    #[test]
    fn a_crate_has_address_license_and_hash() {
        let component = component(&found("a"));
        assert_eq!(component["purl"], "pkg:cargo/a@1.0.0%2Bb");
        assert_eq!(component["licenses"][0]["expression"], "MIT");
        assert_eq!(component["hashes"][0]["content"], "f00");
    }

    #[test]
    fn the_programs_are_below_the_product() {
        let all = dependencies(&[found("a"), found("handful-cli")]);
        assert_eq!(all[0]["dependsOn"], json!(["pkg:cargo/handful-cli@1.0.0%2Bb"]));
        assert_eq!(all[1]["dependsOn"], json!(["pkg:cargo/c@2.0.0"]));
    }
}
