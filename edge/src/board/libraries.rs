//! The versions of NVIDIA's libraries and driver, from the names of files. No library is loaded.

use std::path::Path;

use super::files::{line, names, text, version};

/// Where packages and people put libraries.
const FOLDERS: [&str; 5] = [
    "usr/lib/aarch64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "usr/local/lib",
];

/// The version of cuDNN.
pub(super) fn cudnn(root: &Path) -> Option<String> {
    // Some distributions put it among the libraries of CUDA.
    let toolkits = toolkits(root).into_iter().flat_map(|toolkit| library_folders(&toolkit));
    let folders = FOLDERS.iter().map(|folder| (*folder).to_owned()).chain(toolkits);
    newest(folders.filter_map(|folder| library_version(root, &folder, "libcudnn.so.")))
}

/// The version of TensorRT.
pub(super) fn tensorrt(root: &Path) -> Option<String> {
    newest(FOLDERS.iter().filter_map(|folder| library_version(root, folder, "libnvinfer.so.")))
}

/// The version of the CUDA toolkit.
pub(super) fn cuda(root: &Path) -> Option<String> {
    newest(toolkits(root).iter().filter_map(|toolkit| toolkit_version(root, toolkit)))
}

/// The version of the driver that is loaded.
pub(super) fn driver(root: &Path) -> Option<String> {
    let words = line(root, "proc/driver/nvidia/version")?;
    // `NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build (…)`
    let number = words.split_whitespace().find(|word| is_long_version(word))?;
    Some(number.to_owned())
}

fn is_long_version(word: &str) -> bool {
    version(word).is_some_and(|numbers| numbers.len() > 1)
}

/// The folders of CUDA toolkits. Not `cuda`, if that is a link: in the copy of another machine's
/// files it leads to this machine.
fn toolkits(root: &Path) -> Vec<String> {
    let all = names(root, "usr/local").into_iter().filter(|name| name.starts_with("cuda"));
    let paths = all.map(|name| format!("usr/local/{name}"));
    paths.filter(|path| is_real_folder(&root.join(path))).collect()
}

fn is_real_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

fn library_folders(toolkit: &str) -> [String; 3] {
    ["lib64", "targets/aarch64-linux/lib", "targets/sbsa-linux/lib"]
        .map(|folder| format!("{toolkit}/{folder}"))
}

/// The first that is there: a file of CUDA 11 and newer, that of older ones, the library, and the
/// name of the folder.
fn toolkit_version(root: &Path, toolkit: &str) -> Option<String> {
    let stated = stated_version(root, toolkit).filter(|text| is_long_version(text));
    let found = stated.or_else(|| {
        let folders = library_folders(toolkit);
        folders.iter().find_map(|folder| library_version(root, folder, "libcudart.so."))
    });
    found.or_else(|| {
        let (_, name) = toolkit.rsplit_once("cuda-")?;
        is_long_version(name).then(|| name.to_owned())
    })
}

fn stated_version(root: &Path, toolkit: &str) -> Option<String> {
    let json = text(root, &format!("{toolkit}/version.json"));
    json.and_then(|json| of_version_json(&json)).or_else(|| {
        let line = line(root, &format!("{toolkit}/version.txt"))?;
        Some(line.strip_prefix("CUDA Version ")?.trim().to_owned())
    })
}

/// The text after `"cuda": {… "version": "`. The file is of one form, so it is not parsed.
fn of_version_json(json: &str) -> Option<String> {
    let (_, cuda) = json.split_once("\"cuda\"")?;
    let (_, rest) = cuda.split_once("\"version\"")?;
    rest.split('"').nth(1).map(str::to_owned)
}

/// The longest version among the names of a library: `libcudnn.so.9` is a link to
/// `libcudnn.so.9.3.0`.
fn library_version(root: &Path, folder: &str, prefix: &str) -> Option<String> {
    let names = names(root, folder);
    newest(names.iter().filter_map(|name| name.strip_prefix(prefix)).map(str::to_owned))
}

/// The newest version; what is no version is left out.
fn newest(versions: impl Iterator<Item = String>) -> Option<String> {
    let numbered = versions.filter_map(|text| Some((version(&text)?, text)));
    numbered.max().map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_longest_version_counts() {
        for (all, expected) in [
            (["8", "8.6.0", "8.6"], Some("8.6.0")),
            (["9.12.0", "10.3.0", "old"], Some("10.3.0")),
            (["", "x", "1.x"], None),
        ] {
            assert_eq!(newest(all.map(str::to_owned).into_iter()).as_deref(), expected);
        }
    }

    #[test]
    fn the_version_of_the_toolkit_is_not_that_of_a_part() {
        let json = r#"{ "cuda" : { "name" : "CUDA SDK", "version" : "12.6.10" },
            "cuda_cudart" : { "version" : "12.6.68" } }"#;
        assert_eq!(of_version_json(json).as_deref(), Some("12.6.10"));
        assert_eq!(of_version_json("{}"), None);
        assert_eq!(of_version_json("\"cuda\" \"version\""), None);
    }
}
