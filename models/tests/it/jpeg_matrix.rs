//! JPEG files of every structure, held to what libjpeg reads from them.

use std::collections::BTreeMap;

use models::image::{Detail, ImageError, ImageLimits, decode};

use crate::libjpeg::{Record, records};

/// The largest mean difference to libjpeg's pixels, of 255 levels.
const MAX_MEAN_DIFFERENCE: f64 = 4.0;

#[test]
fn every_structure_gives_the_pixels_of_libjpeg_or_is_refused_by_name() {
    let records = match records() {
        Ok(records) => records,
        Err(reason) => return println!("skipped: differences to libjpeg: {reason}"),
    };
    let mut n_read = 0;
    let mut refused = BTreeMap::<String, usize>::new();
    let mut wrong = Vec::new();
    for record in &records {
        match (
            decode(&record.jpeg, &ImageLimits::default(), Detail::Full),
            record.name.contains("arithmetic"),
        ) {
            (Ok(image), false) => {
                assert_eq!([image.width, image.height], record.size, "{}", record.name);
                let difference = mean_difference(&image.rgb, &record.rgb);
                n_read += 1;
                let least = decode(&record.jpeg, &ImageLimits::default(), Detail::ShorterSide(1));
                assert_eq!(least.unwrap().width, image.width.div_ceil(8), "{}", record.name);
                if difference > MAX_MEAN_DIFFERENCE {
                    wrong.push(format!("{}: {difference:.1}", record.name));
                }
            }
            (Err(error @ ImageError::Unsupported { .. }), true) => {
                *refused.entry(error.to_string()).or_default() += 1;
            }
            (other, _) => wrong.push(format!("{}: {:?}", record.name, other.map(|_| "read"))),
        }
    }
    println!("{} files: {n_read} read like libjpeg; refused: {refused:?}", records.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), records.len(), wrong.join("\n"));
    assert!(records.len() >= 2000, "{} files", records.len());
    assert_eq!(refused.len(), 1, "{refused:?}");
}

#[test]
fn no_structure_is_accepted_when_it_is_cut() {
    let records = match records() {
        Ok(records) => records,
        Err(reason) => return println!("skipped: cut files of libjpeg: {reason}"),
    };
    let mut accepted = Vec::new();
    let read = |record: &&Record| !record.name.contains("arithmetic");
    for (i, record) in records.iter().filter(read).enumerate() {
        // The last bytes may hold nothing but the end marker and the filling of the last byte.
        let n = record.jpeg.len() - 4;
        for length in [n * (i % 9 + 1) / 10, n - i % 3] {
            let mut cut = record.jpeg[..length].to_vec();
            cut.extend([0xFF, 0xD9]);
            let full = decode(&cut, &ImageLimits::default(), Detail::Full);
            let least = decode(&cut, &ImageLimits::default(), Detail::ShorterSide(1));
            assert_eq!(full.is_ok(), least.is_ok(), "{} cut to {length}", record.name);
            match full {
                Ok(image) if mean_difference(&image.rgb, &record.rgb) < MAX_MEAN_DIFFERENCE => {}
                Ok(_) => accepted.push(format!("{} cut to {length} of {n}", record.name)),
                Err(ImageError::Broken { .. }) => {}
                Err(other) => panic!("{}: {other}", record.name),
            }
        }
    }
    assert!(accepted.is_empty(), "{}:\n{}", accepted.len(), accepted.join("\n"));
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}
