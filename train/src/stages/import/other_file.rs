//! Files that are no weights, or weights in another container: what they are and what to do.

use std::path::Path;

use crate::pth;

/// The longest part of a file that is shown, in characters.
const SHOWN: usize = 60;

/// How much of a text is looked at.
const HEAD_BYTES: usize = 4096;

/// A file that cannot be imported as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is {what}; {advice}")]
pub struct OtherFile {
    /// What the file is.
    pub what: String,
    /// What to do with it.
    pub advice: String,
}

fn other(what: impl Into<String>, advice: impl Into<String>) -> OtherFile {
    OtherFile { what: what.into(), advice: advice.into() }
}

const EXPECTED: &str = "expected safetensors, or a .pth file of torch.save";

/// A remark about a file whose name promises another format.
pub(super) fn misnamed(path: &Path, bytes: &[u8]) -> Option<String> {
    let extension = path.extension()?.to_string_lossy().to_lowercase();
    let is_pth = pth::is_pth(bytes);
    let found = match extension.as_str() {
        "pth" | "pt" | "bin" | "ckpt" if !is_pth => "a safetensors file",
        "safetensors" if is_pth => "a file of torch.save",
        _ => return None,
    };
    Some(format!("read as {found}, which it is, whatever its name"))
}

/// What a zip file is, unless `torch.save` wrote it or its directory is damaged.
pub(super) fn archive(bytes: &[u8]) -> Option<OtherFile> {
    let names = pth::zip_entries(bytes)?;
    let ends = |end: &str| names.iter().find(|name| name.ends_with(end)).copied();
    let has = |start: &str| names.iter().any(|name| name.starts_with(start));
    if ends("/data.pkl").is_some() {
        return (ends("/constants.pkl").is_some()
            || names.iter().any(|name| name.contains("/code/")))
        .then(torch_script);
    }
    let office = [("word/", "a Word document"), ("xl/", "an Excel workbook"), ("ppt/", "slides")];
    if let Some((_, what)) = office.iter().find(|(start, _)| has(start)) {
        return Some(other(*what, EXPECTED));
    }
    if has("META-INF/") {
        return Some(other("a Java archive or an Android package", EXPECTED));
    }
    if ends(".weights.h5").is_some() {
        return Some(keras("a Keras file"));
    }
    if !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")) {
        let advice = "save the arrays as safetensors: safetensors.numpy.save_file(dict(numpy.load(FILE)), PATH)";
        return Some(other("a NumPy .npz archive", advice));
    }
    let weights = [".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar"];
    if let Some(inside) = weights.iter().find_map(|end| ends(end)) {
        let inside = shown(inside);
        let advice = format!("unpack it and import {inside}");
        return Some(other(format!("a zip file with {inside} in it"), advice));
    }
    let first: Vec<String> = names.iter().take(3).map(|name| shown(name)).collect();
    let what = match names.len() {
        0 => "an empty zip file".to_owned(),
        n => format!("a zip file of something else ({n} entries, such as {})", first.join(", ")),
    };
    Some(other(what, EXPECTED))
}

fn torch_script() -> OtherFile {
    other(
        "a TorchScript archive (torch.jit.save), which holds a program",
        "save only its weights, in Python: \
         torch.save(torch.jit.load(FILE).state_dict(), \"weights.pth\")",
    )
}

fn keras(what: &str) -> OtherFile {
    other(what, "no network of --arch is read from Keras; save the weights of a PyTorch network")
}

/// What a file is that is neither of `torch.save` nor safetensors, if it is known.
pub(super) fn file(bytes: &[u8]) -> Option<OtherFile> {
    if bytes.is_empty() {
        return Some(other("an empty file", "copy or download it again"));
    }
    text(bytes).or_else(|| container(bytes))
}

/// A text where weights were expected.
fn text(bytes: &[u8]) -> Option<OtherFile> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    // A character may be cut there.
    let head =
        &head[..head.len() - head.iter().rev().take(3).take_while(|byte| **byte >= 0x80).count()];
    // Weights have a length in their first eight bytes, and so zeros.
    if head.contains(&0)
        || head.iter().filter(|byte| byte.is_ascii_control()).count() > head.len() / 8
    {
        return None;
    }
    let head = String::from_utf8_lossy(head);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let lower = head.to_lowercase();
    if lower.starts_with("version https://git-lfs") || lower.starts_with("version https://hawser") {
        return Some(lfs_pointer(head));
    }
    if head.contains("annex/objects/") {
        let advice = "fetch the file with `git annex get`";
        return Some(other("a pointer of git-annex, not the file itself", advice));
    }
    let again = "the address gave a page and not the file: open it in a browser, and download \
                 the file itself";
    if ["<!doctype html", "<html", "<head", "<body", "<script"]
        .iter()
        .any(|tag| lower.contains(tag))
    {
        return Some(other(format!("a web page (HTML{})", title(head)), again));
    }
    if head.contains('\u{fffd}') {
        return None;
    }
    let what = match head.chars().next() {
        Some('<') => "an XML text, such as the error of a server",
        Some('{' | '[') => "a JSON text, such as the error of a server",
        _ => "a text",
    };
    let advice = format!("copy or download the file again; {EXPECTED}");
    Some(other(format!("{what} ({})", shown(head)), advice))
}

fn lfs_pointer(head: &str) -> OtherFile {
    let size = head.lines().find_map(|line| line.strip_prefix("size "));
    let size = size.and_then(|size| size.trim().parse::<u64>().ok());
    let size = size.map_or(String::new(), |size| format!(" of {size} bytes"));
    other(
        format!("a Git LFS pointer, not the file{size} that it stands for"),
        "fetch the file with `git lfs pull` in its repository, or download it from the \
         repository's web page",
    )
}

/// The title of a web page, in quotes.
fn title(head: &str) -> String {
    let after = head.split_once("<title>").map(|(_, after)| after);
    let title = after.and_then(|after| after.split_once("</title>")).map(|(title, _)| title.trim());
    title.map_or(String::new(), |title| format!(", {}", shown(title)))
}

/// The first line, short, without control characters.
fn shown(text: &str) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
    format!("`{}`", line.escape_debug())
}

/// First bytes of containers, what they are, and what to do.
const CONTAINERS: [(&[u8], &str, &str); 13] = [
    (b"\x1f\x8b", "a gzip file", "unpack it (gunzip, or tar -xzf) and import what is in it"),
    (b"BZh", "a bzip2 file", "unpack it (bunzip2, or tar -xjf) and import what is in it"),
    (b"\xfd7zXZ\0", "an xz file", "unpack it (unxz, or tar -xJf) and import what is in it"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it (unzstd) and import what is in it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and import what is in it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it and import what is in it"),
    (b"\x93NUMPY", "a NumPy array", EXPECTED),
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file, as Keras writes it",
        "save the weights of a PyTorch network",
    ),
    (b"GGUF", "a GGUF file of a language model", EXPECTED),
    (b"%PDF", "a PDF document", EXPECTED),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", EXPECTED),
    (b"\xff\xd8\xff", "a JPEG image", EXPECTED),
    (b"\x7fELF", "a program or a library", EXPECTED),
];

fn container(bytes: &[u8]) -> Option<OtherFile> {
    // Of tar, the name of the first entry comes first, and the magic after the header's fields.
    if bytes.get(257..262) == Some(b"ustar") {
        let name = bytes[..100].split(|&byte| byte == 0).next().unwrap_or_default();
        let name = shown(&String::from_utf8_lossy(name));
        let advice = "unpack it (tar -xf) and import the file of weights in it";
        return Some(other(format!("a tar archive (its first entry is {name})"), advice));
    }
    if let Some((_, what, advice)) = CONTAINERS.iter().find(|(magic, ..)| bytes.starts_with(magic))
    {
        return Some(other(*what, *advice));
    }
    match bytes {
        [0x80, 2..=5, ..] => Some(other(
            "a Python pickle that torch.save did not write",
            "pickles are not opened, since they can run any program; in Python: \
             torch.save(model.state_dict(), \"weights.pth\")",
        )),
        [8, 1..=15, 0x12, ..] => Some(other(
            "a protobuf message, probably an ONNX model",
            "import the weights that it was exported from: torch.save(model.state_dict(), PATH)",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(bytes: &[u8]) -> String {
        file(bytes).map_or(String::new(), |other| other.to_string())
    }

    #[test]
    fn texts_are_called_what_they_are() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n";
        for (bytes, expected) in [
            (&pointer[..], "a Git LFS pointer, not the file of 123 bytes"),
            (
                b"\xef\xbb\xbf\n <!DOCTYPE html><html><title>Drive</title>",
                "a web page (HTML, `Drive`)",
            ),
            (b"<!-- x --><HTML lang=en>", "a web page (HTML)"),
            (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "an XML text"),
            (
                b"{\"error\": \"not found\"}",
                "a JSON text, such as the error of a server (`{\\\"error",
            ),
            (
                "Seite nicht gefunden: \u{fc}\n".as_bytes(),
                "a text (`Seite nicht gefunden: \u{fc}`)",
            ),
            (b"<html><body>r\xe9sum\xe9", "a web page (HTML)"),
            (b"../.git/annex/objects/x/y", "a pointer of git-annex"),
            (b"", "an empty file"),
        ] {
            assert!(what(bytes).contains(expected), "{expected}: {}", what(bytes));
        }
    }

    #[test]
    fn containers_are_called_what_they_are() {
        let mut tar = vec![0; 512];
        tar[..5].copy_from_slice(b"w.pth");
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, expected) in [
            (&tar[..], "a tar archive (its first entry is `w.pth`)"),
            (b"\x1f\x8b\x08\0\0", "a gzip file"),
            (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
            (b"\x80\x04\x95\0\0\0\0", "a Python pickle"),
            (b"\x08\x07\x12\x07pytorch\0\0", "an ONNX model"),
        ] {
            assert!(what(bytes).contains(expected), "{expected}: {}", what(bytes));
        }
        assert_eq!(file(&[200; 20]), None);
        assert_eq!(file(&[200, 0, 0, 0, 0, 0, 0, 0, b'{', 1, 2, 3]), None);
    }
}
