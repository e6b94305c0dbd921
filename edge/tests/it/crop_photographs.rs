//! Small objects in clutter: how much a crop helps, where the object covers a small part of a
//! photograph of something else, in the examples and in the images that are classified.
//!
//! `HANDFUL_CALTECH` names an archive of Caltech-101 with a validation split.

use std::env;
use std::path::Path;

use edge::classifier::Classifier;
use edge::embedder::Embedder;
use edge::gallery::{Gallery, NewExample};
use few_shot::decision::sampling::hash;
use image::imageops::{FilterType, replace, resize};
use image::{ImageFormat, RgbImage};
use models::dataset::{Class, Dataset, ImageRef, Split};
use models::image::{Crop, Detail, Image, ImageLimits};

use crate::doctor_photographs::{DATA, embedder, shuffled};
use crate::files::encode;
use crate::fixtures::label;

/// Eleven thousand images, each of which is embedded twice: three minutes.
const EPISODES: u64 = 200;
const WAYS: usize = 5;
/// For each class, besides the one image that is enrolled.
const QUERIES: usize = 10;
/// The share of the photograph that the object covers.
const SHARE: f64 = 0.12;

/// Numbers that look drawn.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = hash(self.0);
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// A photograph with an object in it.
struct Scene {
    file: Vec<u8>,
    /// Where the object is.
    place: Crop,
}

fn read(dataset: &Dataset, image: &ImageRef) -> RgbImage {
    let image = dataset.image(image, &ImageLimits::default(), Detail::Full).unwrap();
    let Image { width, height, rgb, .. } = image;
    RgbImage::from_raw(width as u32, height as u32, rgb).unwrap()
}

/// The object at a drawn place, in its proportions.
fn scene(object: &RgbImage, mut clutter: RgbImage, draw: &mut Draw) -> Scene {
    let [width, height] = [object.width(), object.height()].map(f64::from);
    let [across, down] = [clutter.width(), clutter.height()].map(f64::from);
    let factor = (SHARE * across * down / (width * height)).sqrt();
    // A long object may not fit at this size.
    let factor = factor.min(across / width).min(down / height);
    let [width, height] = [width, height].map(|side| (side * factor).floor().max(8.0) as u32);
    let left = draw.below((clutter.width() - width) as usize + 1);
    let top = draw.below((clutter.height() - height) as usize + 1);
    let small = resize(object, width, height, FilterType::CatmullRom);
    replace(&mut clutter, &small, left as i64, top as i64);
    let place = format!("{left},{top},{width},{height}").parse().unwrap();
    // The fastest format without loss.
    Scene { file: encode(clutter, ImageFormat::Bmp), place }
}

/// The label of a class of an episode.
fn name(class: usize) -> String {
    format!("class {class}")
}

/// A gallery with one example of each class.
fn enroll(gallery: &mut Gallery, class: usize, embedding: Vec<f32>) {
    let sha256 = [u8::try_from(class).unwrap(); 32];
    let precision = "fp32".to_owned();
    let example = NewExample { sha256, crop: None, embedding, precision, image: None };
    gallery.enroll(&label(&name(class)), vec![example], true).unwrap();
}

/// The shares of right answers: from whole photographs, and from the objects cut out.
fn episode(seed: u64, embedder: &mut Embedder, dataset: &Dataset, classes: &[&Class]) -> [f64; 2] {
    let mut draw = Draw(hash(seed));
    let order = shuffled(classes.len(), seed);
    let (chosen, others) = order.split_at(WAYS);
    let mut galleries = [Gallery::in_memory(), Gallery::in_memory()];
    let mut queries = Vec::new();
    for &class in chosen {
        let images = &classes[class].images;
        let drawn = shuffled(images.len(), draw.next());
        for (number, &image) in drawn.iter().take(1 + QUERIES).enumerate() {
            let other = &classes[others[draw.below(others.len())]].images;
            let clutter = read(dataset, &other[draw.below(other.len())]);
            let scene = scene(&read(dataset, &images[image]), clutter, &mut draw);
            let embeddings = [None, Some(scene.place)]
                .map(|crop| embedder.embed_cropped(&scene.file, crop).unwrap().embedding);
            if number > 0 {
                queries.push((class, embeddings));
                continue;
            }
            for (gallery, embedding) in galleries.iter_mut().zip(embeddings) {
                enroll(gallery, class, embedding);
            }
        }
    }
    let classifiers = galleries.each_ref().map(|one| Classifier::new(one.iter(), None));
    std::array::from_fn(|way| {
        let right = queries.iter().filter(|(class, embeddings)| {
            classifiers[way].rank(&embeddings[way], 1)[0].label.as_str() == name(*class)
        });
        right.count() as f64 / queries.len() as f64
    })
}

/// The mean, and half of its 95 % confidence interval.
fn mean_and_ci95(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    [mean, 1.96 * (squares / (n - 1.0) / n).sqrt()]
}

#[test]
fn a_crop_recognizes_small_objects_in_clutter() {
    let Some(data) = env::var_os(DATA) else {
        eprintln!("skipped: small objects in clutter: {DATA} names no archive of Caltech-101");
        return;
    };
    let mut embedder = embedder();
    let dataset = Dataset::open(Path::new(&data)).unwrap();
    let classes = dataset.filled_split(Split::Val).unwrap();
    assert!(classes.len() > WAYS, "others are needed for the clutter");
    let accuracies: Vec<[f64; 2]> =
        (0..EPISODES).map(|seed| episode(seed, &mut embedder, &dataset, &classes)).collect();
    let whole: Vec<f64> = accuracies.iter().map(|[whole, _]| *whole).collect();
    let cropped: Vec<f64> = accuracies.iter().map(|[_, cropped]| *cropped).collect();
    let gains: Vec<f64> = accuracies.iter().map(|[whole, cropped]| cropped - whole).collect();
    for (what, values) in [("whole image", &whole), ("crop", &cropped), ("gain", &gains)] {
        let [mean, ci95] = mean_and_ci95(values).map(|share| 100.0 * share);
        eprintln!("small objects in clutter, {WAYS}-way 1-shot, {what}: {mean:.1} ± {ci95:.1} %");
    }
    let [gain, ci95] = mean_and_ci95(&gains);
    assert!(gain > ci95, "{gain} ± {ci95}");
}
