//! Folders as people send them, given to `handful-export fit-decision`.

use std::io::Cursor;
use std::process::Command;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::sample::{Bench, errors};
use crate::sent_trees::{Outcome, SENT};

fn drawn(i: usize) -> Vec<u8> {
    let image = RgbImage::from_pixel(8, 8, Rgb([i as u8, 90, 200]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A fit needs more classes than these folders have: the refusal states how many were read.
#[test]
fn fit_decision_reads_what_people_send_as_the_other_programs_do() {
    let bench = Bench::new();
    assert!(bench.export(&["--out", "tiny"]).status.success());
    for (i, sent) in SENT.iter().enumerate() {
        let folder = format!("sent-{i}");
        sent.write(&bench.path(&folder), &drawn);
        let mut command = Command::new(env!("CARGO_BIN_EXE_handful-export"));
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("ORT_DYLIB_PATH");
        command.current_dir(bench.folder.path());
        command.args(["fit-decision", "tiny", "--engine", "tract", "--data", &folder]);
        let output = command.output().unwrap();
        let text = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{}: {text}", sent.name);
        let last = text.lines().last().unwrap_or_default();
        match sent.expected {
            Outcome::Read { classes, base, left_out } => {
                let is_used = |(name, images): &&(&str, usize)| base.contains(name) && *images >= 4;
                let count = classes.iter().filter(is_used).count();
                let count = format!("{folder} has {count} base classes of 4 images or more");
                assert!(last.contains(&count), "{}: {text}", sent.name);
                let counted = text.contains(&format!("left out: {} (", left_out.len()));
                assert_eq!(counted, !left_out.is_empty(), "{}: {text}", sent.name);
            }
            Outcome::Refused(words) => {
                assert!(words.iter().all(|word| last.contains(word)), "{}: {text}", sent.name);
            }
        }
    }
}
