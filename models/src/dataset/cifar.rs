//! CIFAR-100, binary version (Krizhevsky 2009): records of a coarse label, a fine label and 32x32
//! pixels.

use std::collections::BTreeSet;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::classes::{Class, Classes};
use super::error::DatasetError;
use super::files::{COARSE_NAMES, FINE_NAMES, Files, is_image};
use super::left_out::Reason;
use super::lists::{Splits, names};
use super::source::{ImageRef, Source};
use crate::image::{Image, ImageError, ImageLimits, from_planes};

/// Height and width.
const SIDE: usize = 32;
/// Bytes of the two labels.
const LABELS: usize = 2;
/// Bytes of a record.
const RECORD: usize = LABELS + 3 * SIDE * SIDE;

/// The classes by their fine labels. An image's path is its file and the record's number in it,
/// from 0.
pub(super) fn read(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    // Part of the published archive and of no use here: no reason for a warning.
    files.found.remove(COARSE_NAMES);
    // Names and lists before records: nothing else can be read from a folder after them.
    let names = class_names(files)?;
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let splits = Splits::read(files, &known, "a name of fine_label_names.txt")?;
    let strays = files.found.keys().filter(|path| is_image(path)).cloned().collect();
    files.leave_out_found(strays, Reason::NoClass);
    let held = files.hold_records()?;
    let Source::Records(memory) = &files.source else { return Ok(Vec::new()) };
    let mut classes = Classes::default();
    for (file, whole) in held {
        for (i, record) in records(file, whole.of(memory))?.enumerate() {
            // The fine label is the second byte; the coarse one before it is not used.
            let name = names.get(usize::from(record[1]));
            let name = name.ok_or_else(|| unknown_label(file, i, record[1], names.len()))?;
            if let Some(split) = splits.of(name) {
                // Of a fixed width: paths sort as the records do (each file has at most 50,000).
                let path = format!("{file}/{i:05}");
                let place = whole.part(i * RECORD, RECORD);
                classes.add(&path.clone(), name, split, ImageRef { path, place })?;
            }
        }
    }
    Ok(classes.sorted())
}

/// The image of a record.
pub(super) fn decode(record: &[u8], limits: &ImageLimits) -> Result<Image, ImageError> {
    from_planes(record.get(LABELS..).unwrap_or_default(), SIDE as u32, SIDE as u32, limits)
}

/// The image of a record as the bytes of a PNG.
pub(super) fn to_png(record: &[u8]) -> Result<Vec<u8>, ImageError> {
    let pixels = decode(record, &ImageLimits::default())?.rgb;
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new(&mut bytes);
    let written = encoder.write_image(&pixels, SIDE as u32, SIDE as u32, ExtendedColorType::Rgb8);
    written.map_err(|error| ImageError::Broken { format: "PNG", reason: error.to_string() })?;
    Ok(bytes)
}

/// The class of each fine label.
fn class_names(files: &mut Files) -> Result<Vec<String>, DatasetError> {
    let text = files.take(FINE_NAMES)?.ok_or_else(|| {
        DatasetError::file(
            FINE_NAMES,
            "it is missing; expected it beside train.bin, with the name of a class a line: the \
             published archive has it",
        )
    })?;
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (line, name) in names(FINE_NAMES, &text)? {
        // Two labels of one name would become one class.
        if !seen.insert(name.clone()) {
            return Err(line.wrong(format!("the class `{name}` was named before")));
        }
        all.push(name);
    }
    if all.is_empty() {
        let reason = "it is empty; expected the name of a class a line";
        return Err(DatasetError::file(FINE_NAMES, reason));
    }
    Ok(all)
}

fn records<'a>(
    file: &str,
    bytes: &'a [u8],
) -> Result<impl Iterator<Item = &'a [u8]> + use<'a>, DatasetError> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
        let reason = format!(
            "it has {} bytes; expected records of {RECORD} bytes (a coarse label, a fine label, \
             {} pixel values): it was cut or is something else; unpack or download it again",
            bytes.len(),
            RECORD - LABELS
        );
        return Err(DatasetError::file(file, reason));
    }
    Ok(bytes.chunks_exact(RECORD))
}

fn unknown_label(file: &str, record: usize, label: u8, n_names: usize) -> DatasetError {
    let reason = format!(
        "record {record} has the fine label {label}; expected 0 to {}, as {FINE_NAMES} has {n_names} \
         names: the file is damaged or is not CIFAR-100's",
        n_names - 1
    );
    DatasetError::file(file, reason)
}
