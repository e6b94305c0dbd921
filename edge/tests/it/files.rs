//! Files that the tests of `edge` and of its command make: copies of folders, edited manifests,
//! drawn images.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

pub(crate) fn edit_manifest(dir: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = dir.join("manifest.json");
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut manifest);
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

/// A drawn image: `kind` gives colors and the direction of stripes, `variant` moves them.
pub(crate) fn image(kind: u8, variant: u32) -> RgbImage {
    let (front, back) = match kind {
        0 => ([220, 40, 30], [30, 10, 60]),
        1 => ([40, 200, 60], [240, 240, 200]),
        _ => ([30, 60, 230], [120, 120, 120]),
    };
    RgbImage::from_fn(48, 40, |x, y| {
        let along = if kind == 1 { y } else { x };
        let is_front = (along + variant) % 12 < 6;
        Rgb(if is_front { front } else { back })
    })
}

pub(crate) fn encode(image: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn png(kind: u8, variant: u32) -> Vec<u8> {
    encode(image(kind, variant), ImageFormat::Png)
}

/// Three classes of drawn images in folders.
pub(crate) fn draw_classes(dir: &Path, images: u32) {
    for (kind, name) in [(0, "red"), (1, "green"), (2, "blue")] {
        fs::create_dir_all(dir.join(name)).unwrap();
        for variant in 0..images {
            fs::write(dir.join(name).join(format!("{variant}.png")), png(kind, variant)).unwrap();
        }
    }
}
