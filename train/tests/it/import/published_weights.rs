//! The published EfficientNet-Lite0 on three images: skipped where `cargo xtask setup --weights`
//! was not run.

use std::path::{Path, PathBuf};

use models::image::{Detail, ImageLimits, decode};
use ndarray::{Axis, Ix1, Ix2};

use super::{Scene, embedding};

/// Of scikit-image's `data` folder, with the places in ImageNet's list that a person would take as
/// right.
const IMAGES: [(&str, &[usize]); 3] = [
    // Tabby, tiger cat, Egyptian cat.
    ("chelsea.png", &[281, 282, 285]),
    // Coffee mug, espresso, cup.
    ("coffee.png", &[504, 967, 968]),
    // Missile, projectile, space shuttle.
    ("rocket.jpg", &[657, 744, 812]),
];

fn weights() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.weights")
}

#[test]
fn the_published_network_names_images_rightly() {
    let what = "images named by the published EfficientNet-Lite0";
    let Ok(file) = std::fs::read(weights().join("efficientnet-lite0.pth")) else {
        eprintln!("skipped: {what}: .weights is not there: cargo xtask setup --weights");
        return;
    };
    let images = IMAGES
        .map(|(name, right)| (std::fs::read(weights().join("images").join(name)), name, right));
    if images.iter().any(|(bytes, ..)| bytes.is_err()) {
        eprintln!("skipped: {what}: .weights/images lacks those of scikit-image's data folder");
        return;
    }
    let scene = Scene::new("lite0.pth", &file);
    let output = scene.import_as("efficientnet-lite0", "lite0.pth", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let checkpoint = scene.checkpoint();
    let parameter = |name: &str| checkpoint.parameters[name].clone();
    let rows = parameter("head.weight").into_dimensionality::<Ix2>().unwrap();
    let bias = parameter("head.bias").into_dimensionality::<Ix1>().unwrap();
    for (bytes, name, right) in images {
        let image = decode(&bytes.unwrap(), &ImageLimits::default(), Detail::Full).unwrap();
        let image = checkpoint.preprocess.apply(&image).unwrap().insert_axis(Axis(0)).into_dyn();
        let embedding = embedding(&checkpoint, &image).remove_axis(Axis(0));
        let logits = rows.dot(&embedding.into_dimensionality::<Ix1>().unwrap()) + &bias;
        let mut ranked: Vec<usize> = (0..logits.len()).collect();
        ranked.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        println!("{name}: {:?}", &ranked[..3]);
        assert!(right.contains(&ranked[0]), "{name}: {:?}", &ranked[..3]);
    }
}
