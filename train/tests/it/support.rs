//! Tiny data and settings.

use std::path::Path;

use image::{Rgb, RgbImage};
use train::config::Config;

/// A network and schedule that finish in a second; `batch_size` 8, three epochs of six batches.
pub(crate) fn tiny_config() -> Config {
    Config::parse(
        r#"
        seed = 5
        epochs = 3
        batch_size = 8
        [backbone]
        arch = "resnet12"
        widths = [4, 4, 8, 8]
        input_size = 16
        [preprocess]
        size = 16
        geometry = "squash"
        filter = "bilinear"
        mean = [120.0, 120.0, 120.0]
        std = [60.0, 60.0, 60.0]
        [augment]
        crop_padding = 2
        flip = true
        jitter = [0.4, 0.4, 0.4]
        [loss]
        label_smoothing = 0.1
        rotation = "off"
        [optimizer]
        momentum = 0.9
        weight_decay = 5e-4
        [schedule]
        kind = "one-cycle"
        peak = 0.05
        warmup = 0.3
        [validation]
        every = 1
        episodes = 50
        n_way = 2
        k_shot = 1
        n_query = 5
        seed = 1
        [data]
        name = "drawn stripes"
        license = "CC0"
        "#,
    )
    .unwrap()
}

/// Four base and two validation classes of drawn stripes, 12 images each, as a folder with splits.
pub(crate) fn tiny_data(folder: &Path) {
    for (split, classes) in [("base", 0..4u32), ("val", 4..6)] {
        for class in classes {
            let place = folder.join(split).join(format!("stripes-{class}"));
            std::fs::create_dir_all(&place).unwrap();
            for image in 0..12u32 {
                stripes(class, image).save(place.join(format!("{image:02}.png"))).unwrap();
            }
        }
    }
}

fn stripes(class: u32, image: u32) -> RgbImage {
    RgbImage::from_fn(16, 16, |x, y| {
        let wave = (x * (class + 1) + y * (6 - class) + image * 3) % 16;
        Rgb([(wave * 16) as u8, (class * 40) as u8, (image * 20) as u8])
    })
}
