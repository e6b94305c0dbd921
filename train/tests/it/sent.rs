//! Folders as people send them, given to `handful-train pretrain`.

use std::fs;
use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use models::checkpoint::Checkpoint;

use crate::scene::{Scene, assert_refused, stderr};
use crate::sent_trees::{Outcome, SENT, Sent};
use crate::support::tiny_config;

fn drawn(i: usize) -> Vec<u8> {
    let image = RgbImage::from_fn(16, 16, |x, y| Rgb([(x * 16) as u8, (y * 16) as u8, i as u8]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A scene whose data is a folder that was sent, and a training that takes seconds.
fn scene(sent: &Sent) -> Scene {
    let scene = Scene::new();
    fs::remove_dir_all(scene.path("data")).unwrap();
    sent.write(&scene.path("data"), &drawn);
    let mut config = tiny_config();
    config.epochs = 1;
    config.validation.n_query = 3;
    config.validation.episodes = 2;
    fs::write(scene.path("config.toml"), config.to_toml().unwrap()).unwrap();
    scene
}

#[test]
fn pretrain_reads_what_people_send_as_the_other_programs_do() {
    for sent in SENT {
        let scene = scene(sent);
        let output = scene.pretrain(&[]);
        let text = stderr(&output);
        match sent.expected {
            Outcome::Refused(words) => assert_refused(&output, 2, words),
            Outcome::Read { classes, base, left_out } => {
                assert!(output.status.success(), "{}: {text}", sent.name);
                let bytes = fs::read(scene.path("run/best.safetensors")).unwrap();
                assert_eq!(Checkpoint::parse(&bytes).unwrap().classes, base, "{}", sent.name);
                let is_base = |(name, _): &&(&str, usize)| base.contains(name);
                let images: usize = classes.iter().filter(is_base).map(|(_, images)| images).sum();
                let metrics = fs::read_to_string(scene.path("run/metrics.jsonl")).unwrap();
                let metrics: serde_json::Value = serde_json::from_str(metrics.trim()).unwrap();
                assert_eq!(metrics["images"], images, "{}", sent.name);
                let counted = text.contains(&format!("left out: {} (", left_out.len()));
                assert_eq!(counted, !left_out.is_empty(), "{}: {text}", sent.name);
            }
        }
    }
}
