//! Golden numbers of an independent implementation (`fixtures/README.md`).

use std::path::Path;

use few_shot::fit::statistics::{self, Moments, Std};
use models::disk;
use models::tensors::TensorFile;
use ndarray::{Array1, Array2, ArrayD, Axis, Ix2};

pub(crate) fn fixture(name: &str) -> TensorFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    TensorFile::parse(&disk::read(&path, 1 << 20).unwrap()).unwrap()
}

/// Largest difference as a share of the largest expected magnitude.
pub(crate) fn relative_error(got: impl IntoIterator<Item = f32>, expected: &ArrayD<f32>) -> f32 {
    let scale = expected.iter().fold(0.0_f32, |scale, x| scale.max(x.abs()));
    let worst = got.into_iter().zip(expected).map(|(got, expected)| (got - expected).abs());
    worst.fold(0.0, f32::max) / scale
}

/// The base classes that have each attribute: the fixture's `relation`.
const RELATION: [&[usize]; 4] = [&[0, 1], &[1, 2, 3], &[5], &[0, 2, 4, 5]];

#[test]
fn statistics_tiny() {
    let file = fixture("statistics_tiny.safetensors");
    let embeddings: Array2<f32> =
        file.floats["embedding"].clone().into_dimensionality::<Ix2>().unwrap();
    let labels: Vec<i64> = file.integers["label"].iter().copied().collect();
    let of_class = |class: i64| {
        let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == class).collect();
        embeddings.select(Axis(0), &rows)
    };
    let by_class: Vec<Array2<f32>> = (0..6).map(of_class).collect();
    let classes = statistics::classes(&by_class);
    let attributes = statistics::attributes(&classes, &RELATION.map(<[usize]>::to_vec)).unwrap();
    check(&file, "class_mean", &classes, Moments::mean);
    check(&file, "class_std", &classes, |m| m.std(Std::Unbiased));
    check(&file, "class_std_population", &classes, |m| m.std(Std::Population));
    check(&file, "attribute_mean", &attributes, Moments::mean);
    check(&file, "attribute_std", &attributes, |m| m.std(Std::Unbiased));
}

#[track_caller]
fn check(
    file: &TensorFile,
    name: &str,
    moments: &[Moments],
    value: impl Fn(&Moments) -> Array1<f32>,
) {
    let expected = &file.floats[name];
    assert_eq!(moments.len(), expected.shape()[0]);
    let error = relative_error(moments.iter().flat_map(value), expected);
    assert!(error <= 1e-5, "{name}: relative error {error:e}");
}

#[test]
fn merged_moments_are_those_of_all_images_in_any_cut() {
    let file = fixture("statistics_tiny.safetensors");
    let embeddings = file.floats["embedding"].clone().into_dimensionality::<Ix2>().unwrap();
    let whole = Moments::of(embeddings.view());
    for cut in [0, 1, 17, 59, 60] {
        let (head, tail) = embeddings.view().split_at(Axis(0), cut);
        let mut merged = Moments::of(head);
        merged.merge(&Moments::of(tail));
        assert_eq!(merged.count(), 60);
        for std in [Std::Unbiased, Std::Population] {
            assert!(
                relative_error(merged.std(std), &whole.std(std).into_dyn()) < 1e-6,
                "cut at {cut}"
            );
        }
        assert!(relative_error(merged.mean(), &whole.mean().into_dyn()) < 1e-6, "cut at {cut}");
    }
}
