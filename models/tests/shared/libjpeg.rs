//! JPEG files of every structure, with the pixels that libjpeg reads from them.

use std::path::PathBuf;
use std::process::Command;

/// The generator, by a path from the folder of any crate beside `models`.
const SOURCE: &str = "../models/tests/shared/libjpeg.c";

/// A file, and the pixels that libjpeg reads from it.
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) size: [usize; 2],
    pub(crate) jpeg: Vec<u8>,
    pub(crate) rgb: Vec<u8>,
}

/// The generator's files, or why there are none.
pub(crate) fn records() -> Result<Vec<Record>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let program = folder.path().join("matrix");
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(SOURCE);
    let built = Command::new("cc")
        .args(["-O1", "-o"])
        .args([&program, &source])
        .arg("-ljpeg")
        .output()
        .map_err(|_| "no C compiler (apt install gcc)".to_owned())?;
    if !built.status.success() {
        let error = String::from_utf8_lossy(&built.stderr).into_owned();
        // Only what the machine lacks may be skipped.
        assert!(error.contains("jpeglib.h") || error.contains("-ljpeg"), "{error}");
        return Err("no libjpeg (apt install libjpeg-dev)".to_owned());
    }
    let written = Command::new(&program).output().map_err(|error| error.to_string())?;
    assert!(written.status.success(), "the generator failed: {}", written.status);
    let mut bytes = &written.stdout[..];
    Ok(std::iter::from_fn(|| record(&mut bytes)).collect())
}

fn record(bytes: &mut &[u8]) -> Option<Record> {
    let n_name = number(bytes)?;
    let name = String::from_utf8(take(bytes, n_name)).unwrap();
    let size = [number(bytes)?, number(bytes)?];
    let n_jpeg = number(bytes)?;
    let jpeg = take(bytes, n_jpeg);
    let rgb = take(bytes, 3 * size[0] * size[1]);
    Some(Record { name, size, jpeg, rgb })
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number) as usize)
}

fn take(bytes: &mut &[u8], n: usize) -> Vec<u8> {
    let (taken, rest) = bytes.split_at(n);
    *bytes = rest;
    taken.to_vec()
}
