//! Golden numbers of the decision between known and unknown (`fixtures/README.md`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use few_shot::decision::ambiguity::Ambiguity;
use few_shot::decision::background::Background;
use few_shot::decision::confidence::{Confidence, Logistic};
use few_shot::decision::gallery::{
    Classes, Criterion, Decision, Examples, GalleryDecision, Question, Verdict,
};
use few_shot::decision::images::Images;
use few_shot::decision::limits::Limits;
use few_shot::decision::score::{Fading, Weights};
use few_shot::decision::{DecisionModel, DecisionTable, ExpectedScore};
use models::disk;
use ndarray::{Array1, Array2, NdFloat};
use safetensors::SafeTensors;

/// The constants that the fixture was made with.
fn table() -> DecisionTable {
    let rows: [(usize, [f64; 9]); 6] = [
        (1, [0.600, 0.553, 0.487, 0.417, 0.339, 0.257, 0.193, 0.124, -0.009]),
        (2, [0.547, 0.496, 0.423, 0.348, 0.278, 0.196, 0.137, 0.082, -0.009]),
        (5, [0.598, 0.527, 0.453, 0.387, 0.309, 0.211, 0.147, 0.088, -0.006]),
        (10, [0.669, 0.616, 0.541, 0.454, 0.363, 0.243, 0.164, 0.096, -0.004]),
        (20, [0.600, 0.558, 0.495, 0.443, 0.369, 0.262, 0.177, 0.099, -0.007]),
        (40, [0.558, 0.532, 0.488, 0.441, 0.386, 0.283, 0.190, 0.097, -0.016]),
    ];
    DecisionTable {
        weights: Weights {
            novelty: 0.5,
            overlap: 0.3,
            sharpness: 30.0,
            fading: Fading { most: 2.0, mean: 0.0 },
        },
        expected: ExpectedScore {
            by_shots: BTreeMap::from([(0, 0.126), (1, 0.211), (2, 0.254), (5, 0.294), (10, 0.312)]),
            growth: 0.064,
            // The fixture is of a recipe without this part.
            likeness: 0.0,
        },
        limits: Limits {
            rates: vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
            by_classes: rows.into_iter().map(|(n, row)| (n, row.to_vec())).collect(),
            by_name: BTreeMap::from([(
                1,
                vec![0.493, 0.468, 0.419, 0.365, 0.296, 0.184, 0.125, 0.075, -0.002],
            )]),
            // The fixture is of a recipe whose limits the gallery's own evidence does not raise.
            table_classes: f64::MAX,
        },
        confidence: Confidence {
            with_images: Logistic { slope: 9.83, intercept: -1.18 },
            by_name: Logistic { slope: 9.5, intercept: -0.63 },
            sharpness: BTreeMap::from([(0, 40.0), (1, 25.0), (2, 30.0), (5, 40.0), (10, 40.0)]),
        },
        ambiguity: Ambiguity { largest_share: 0.5, share_per_rate: 500.0 },
    }
}

struct Fixture(Vec<u8>);

impl Fixture {
    fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
        Self(disk::read(&folder.join("rejection_tiny.safetensors"), 1 << 20).unwrap())
    }

    /// The names that begin the keys of each gallery.
    fn galleries(&self) -> Vec<String> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let keys = file.names().into_iter().filter_map(|key| key.strip_suffix(".winner"));
        keys.map(str::to_owned).collect()
    }

    /// Shape and values; integers as floats.
    fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap();
        let is_integer = tensor.dtype() == safetensors::Dtype::I64;
        let values = tensor.data().chunks_exact(8).map(|bytes| {
            let bytes = bytes.try_into().unwrap();
            if is_integer { i64::from_le_bytes(bytes) as f64 } else { f64::from_le_bytes(bytes) }
        });
        (tensor.shape().to_vec(), values.collect())
    }

    fn values(&self, name: &str) -> Vec<f64> {
        self.tensor(name).1
    }

    fn indices(&self, name: &str) -> Vec<usize> {
        self.values(name).into_iter().map(|value| value as usize).collect()
    }

    fn vector<F: NdFloat>(&self, name: &str) -> Array1<F> {
        self.values(name).into_iter().map(|value| F::from(value).unwrap()).collect()
    }

    fn matrix<F: NdFloat>(&self, name: &str) -> Array2<F> {
        let (shape, _) = self.tensor(name);
        self.vector::<F>(name).into_shape_with_order((shape[0], shape[1])).unwrap()
    }
}

/// Largest differences that are allowed: relative, or absolute.
#[derive(Clone, Copy)]
struct Tolerance {
    relative: f64,
    absolute: f64,
}

fn check<F: NdFloat>(tolerance: Tolerance) {
    let fixture = Fixture::read();
    let background = Background::<F>::new(fixture.vector("center"), fixture.matrix("background"));
    let model = Arc::new(DecisionModel { table: table(), background });
    let galleries = fixture.galleries();
    assert_eq!(galleries.len(), 5, "{galleries:?}");
    for gallery in galleries {
        check_gallery(&fixture, &model, &gallery, tolerance);
    }
}

fn check_gallery<F: NdFloat>(
    fixture: &Fixture,
    model: &Arc<DecisionModel<F>>,
    gallery: &str,
    tolerance: Tolerance,
) {
    let of = |name: &str| format!("{gallery}.{name}");
    let prototypes = fixture.matrix::<F>(&of("prototypes"));
    let name_bias = fixture.vector::<F>(&of("name_bias")).to_vec();
    let image_counts = fixture.indices(&of("shots"));
    let examples = fixture.matrix::<F>(&of("examples"));
    let owners = fixture.indices(&of("owner"));
    let classes = Classes {
        prototypes: prototypes.view(),
        image_counts: &image_counts,
        name_bias: &name_bias,
    };
    let examples = Images::new(model, examples.view());
    let examples = Examples { images: &examples, classes: &owners };
    let prepared = GalleryDecision::new(Arc::clone(model), classes, examples);
    let queries = Images::new(model, fixture.matrix::<F>(&of("queries")).view());
    let decide = |rate: f64, unknown: f64| {
        prepared.decide(&queries, Question { criterion: Criterion::Rate(rate), unknown })
    };
    let decisions = decide(0.05, 0.5);
    let close = |name: &str, got: Vec<f64>| {
        let expected = fixture.values(&of(name));
        assert_eq!(got.len(), expected.len(), "{gallery}.{name}");
        for (row, (got, expected)) in got.into_iter().zip(expected).enumerate() {
            let difference = (got - expected).abs();
            let allowed = (tolerance.relative * expected.abs()).max(tolerance.absolute);
            assert!(difference <= allowed, "{gallery}.{name}[{row}]: {got}, expected {expected}");
        }
    };
    let each = |name: &str, value: fn(&Decision<F>) -> f64| {
        close(name, decisions.iter().map(value).collect());
    };
    close("informative", vec![prepared.informative().to_f64().unwrap()]);
    close("offset", vec![prepared.calibration().map_or(0.0, |found| found.offset)]);
    each("winner", |decision| decision.scored.winner as f64);
    each("cosine", |decision| decision.scored.cosine.to_f64().unwrap());
    each("novelty", |decision| decision.scored.novelty.to_f64().unwrap());
    each("overlap", |decision| decision.scored.overlap.to_f64().unwrap());
    each("score", |decision| decision.scored.score.to_f64().unwrap());
    each("z", |decision| decision.calibrated);
    each("limit", |decision| decision.limit);
    each("accepted", |decision| f64::from(u8::from(decision.verdict == Verdict::Accepted)));
    each("false_accept_rate", |decision| decision.false_accept_rate);
    each("known", |decision| decision.known);
    each("confidence", |decision| decision.confidence);
    close("limit_1", decide(0.01, 0.5).iter().map(|decision| decision.limit).collect());
    close("limit_3", decide(0.03, 0.5).iter().map(|decision| decision.limit).collect());
    close("confidence_rare", decide(0.05, 0.1).iter().map(|it| it.confidence).collect());
}

#[test]
fn decisions_in_f64_are_the_golden_ones() {
    check::<f64>(Tolerance { relative: 1e-9, absolute: 1e-15 });
}

#[test]
fn decisions_in_f32_are_the_golden_ones() {
    check::<f32>(Tolerance { relative: 1e-5, absolute: 1e-6 });
}
