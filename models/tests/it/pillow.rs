//! PNG, WebP, BMP, TIFF and GIF files that Pillow writes, held to the pixels that it reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use models::image::{Detail, ImageError, ImageLimits, decode};

#[test]
fn files_of_pillow_give_its_pixels_or_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    if let Err(reason) = write(folder.path()) {
        return println!("skipped: differences to Pillow: {reason}");
    }
    let list = fs::read_to_string(folder.path().join("list.txt")).unwrap();
    let mut n_read = 0;
    let mut refused = Vec::new();
    let mut wrong = Vec::new();
    for line in list.lines() {
        let (name, most) = line.split_once(' ').unwrap();
        let bytes = fs::read(folder.path().join(name)).unwrap();
        let expected = fs::read(folder.path().join(format!("{name}.rgb"))).unwrap();
        match decode(&bytes, &ImageLimits::default(), Detail::Full) {
            Ok(image) => {
                n_read += 1;
                let difference = difference(&image.rgb, &expected);
                if difference > most.parse().unwrap() {
                    wrong.push(format!("{name}: {difference:.2}"));
                }
            }
            Err(ImageError::Unsupported { what, .. }) => refused.push(format!("{name}: {what}")),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    println!("{n_read} files read like Pillow; refused: {refused:#?}");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(n_read > 60, "{n_read} files");
}

/// The mean difference of two images; infinite when their sizes differ.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    if a.len() != b.len() {
        return f64::INFINITY;
    }
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// Writes the files and a list of them into a folder.
fn write(folder: &Path) -> Result<(), String> {
    let crate_dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = crate_dir.join("../.venv/bin/python");
    if !python.exists() {
        return Err("no .venv; cargo xtask setup makes it".to_owned());
    }
    let has_pillow = Command::new(&python).args(["-c", "import PIL"]).output();
    if !has_pillow.is_ok_and(|output| output.status.success()) {
        return Err("no Pillow in .venv".to_owned());
    }
    let script = crate_dir.join("tests/it/pillow.py");
    let output = Command::new(&python).args([&script, folder]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Ok(())
}
