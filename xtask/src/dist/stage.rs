//! What every package contains, below a prefix such as `usr`.
//!
//! Programs are in `lib/handful`, with links in `bin`: a program finds its bundles, and a library
//! of ONNX Runtime that the user adds, in the folder of its real file. So the tree works wherever
//! it is unpacked.

use std::path::Path;

use anyhow::Result;

use super::commit::Commit;
use super::files;
use super::help::Page;
use super::{completions, man};

/// The programs that are shipped.
pub(super) const PROGRAMS: [&str; 3] = ["handful", "handful-server", "handful-export"];

/// The bundle that is shipped.
pub(super) const BUNDLE: &str = "models/bundles/efficientnet-lite0";

/// Where the units and the settings of proxies are.
pub(super) const DEPLOY: &str = "deploy";

/// What a package is made of.
pub(super) struct Contents<'a> {
    pub(super) root: &'a Path,
    /// The folder of the programs.
    pub(super) programs: &'a Path,
    pub(super) commit: &'a Commit,
    /// The help of each program.
    pub(super) help: &'a [Page],
    /// The licenses of everything in it.
    pub(super) licenses: &'a str,
    /// The list of everything in it.
    pub(super) sbom: &'a str,
}

/// Lays all files below a prefix.
pub(super) fn lay(contents: &Contents, prefix: &Path) -> Result<()> {
    for name in PROGRAMS {
        files::copy(&contents.programs.join(name), &prefix.join("lib/handful").join(name))?;
        files::link(&format!("../lib/handful/{name}"), &prefix.join("bin").join(name))?;
    }
    bundles(contents.root, prefix)?;
    units(contents.root, prefix)?;
    help(contents, &prefix.join("share"))?;
    documents(contents, &prefix.join("share/doc/handful"))
}

fn bundles(root: &Path, prefix: &Path) -> Result<()> {
    let bundles = prefix.join("share/handful/bundles");
    files::copy_all(&root.join(BUNDLE), None, &bundles.join("efficientnet-lite0"))?;
    // The lexicon is beside the bundles that share it.
    files::copy_all(&root.join("models/bundles"), Some("bin"), &bundles)?;
    files::link("../../share/handful/bundles", &prefix.join("lib/handful/bundles"))
}

fn units(root: &Path, prefix: &Path) -> Result<()> {
    let folder = prefix.join("lib/systemd/system");
    for kind in ["service", "socket"] {
        let unit = root.join(DEPLOY).join(format!("handful.{kind}"));
        files::copy(&unit, &folder.join(format!("handful-server.{kind}")))?;
    }
    Ok(())
}

fn help(contents: &Contents, share: &Path) -> Result<()> {
    let Commit { date, version, .. } = contents.commit;
    for page in contents.help {
        for (name, text) in man::pages(page, date, version) {
            let path = share.join("man/man1").join(name);
            files::write(&path, &text)?;
            files::compress(&path)?;
        }
        for (path, text) in completions::scripts(page) {
            files::write(&share.join(path), &text)?;
        }
    }
    Ok(())
}

fn documents(contents: &Contents, folder: &Path) -> Result<()> {
    let root = contents.root;
    files::copy_all(&root.join("docs/guide"), Some("md"), &folder.join("guide"))?;
    files::copy(&root.join("docs/openapi.json"), &folder.join("openapi.json"))?;
    files::write(&folder.join("sbom.cdx.json"), contents.sbom)?;
    let licenses = folder.join("third-party.txt");
    files::write(&licenses, contents.licenses)?;
    files::compress(&licenses)
}
