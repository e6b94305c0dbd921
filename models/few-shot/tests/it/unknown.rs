//! Episodes with unknown classes: the figures are those of a computation image by image.

use std::collections::BTreeMap;
use std::sync::Arc;

use few_shot::class_prototypes::ClassPrototypes;
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
use few_shot::evaluation::accuracy::{EvaluateError, Outcome};
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::episode::{Episode, Sampler};
use few_shot::evaluation::junk::{JunkEmbeddings, JunkKind};
use few_shot::evaluation::policies::{Inputs, Policy};
use few_shot::evaluation::rejection::UnknownFigures;
use few_shot::evaluation::report::{Protocol, Report};
use few_shot::evaluation::unknown::UnknownImages;
use models::dataset::Split;
use models::random::below;
use ndarray::{Array1, Array2, Axis, concatenate};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::comparison::{SIZE, SPEC, problem};

const N_UNKNOWN: usize = 4;

const PROTOCOL: Protocol =
    Protocol { split: Split::Val, half: None, spec: SPEC, episodes: 60, seed: 7 };

/// Limits that some images of the problem reach, in front of three directions.
fn model() -> DecisionModel<f32> {
    let directions = Array2::from_shape_fn((3, SIZE), |(row, i)| {
        if i % 3 == row { (SIZE as f32 / 3.0).sqrt().recip() } else { 0.0 }
    });
    // Scores differ little: the center of the embeddings is far from zero.
    let limits = vec![0.02, 0.01, 0.0, -0.1];
    let table = DecisionTable {
        weights: Weights {
            novelty: 0.2,
            overlap: 0.1,
            sharpness: 5.0,
            fading: Fading { most: 2.0, mean: 0.0 },
        },
        expected: ExpectedScore {
            by_shots: BTreeMap::from([(0, 0.9)]),
            growth: 0.01,
            likeness: 0.0,
        },
        limits: Limits {
            rates: vec![0.01, 0.05, 0.1, 0.5],
            by_classes: BTreeMap::from([(1, limits.clone()), (2, limits)]),
            by_name: BTreeMap::from([(1, vec![9.0; 4])]),
            table_classes: 1000.0,
        },
        confidence: Confidence {
            with_images: Logistic { slope: 200.0, intercept: 0.0 },
            by_name: Logistic { slope: 200.0, intercept: 0.0 },
            sharpness: BTreeMap::from([(0, 300.0)]),
        },
        ambiguity: Ambiguity { largest_share: 0.4, share_per_rate: 5.0 },
    };
    DecisionModel { table, background: Background::new(Array1::from_elem(SIZE, 5.0), directions) }
}

fn unknown(n_unknown: usize, junk: Vec<JunkEmbeddings>) -> UnknownImages {
    UnknownImages { n_unknown, model: Arc::new(model()), junk }
}

fn measured(unknown: &UnknownImages) -> Result<Report, EvaluateError> {
    let (classes, knowledge) = problem();
    let inputs = Inputs::of_knowledge(&knowledge);
    let report = PROTOCOL.compare(&classes, inputs, Conditions::PLAIN)?;
    PROTOCOL.with_unknown(report, &classes, inputs, Conditions::PLAIN, unknown)
}

fn of(report: &Report, policy: Policy) -> &Outcome {
    report.results.iter().find(|outcome| outcome.fusion == policy).unwrap()
}

fn figures(report: &Report, policy: Policy) -> &UnknownFigures {
    of(report, policy).unknown.as_ref().unwrap()
}

#[test]
fn unknown_classes_leave_every_accuracy_as_it_is() {
    let (classes, knowledge) = problem();
    let inputs = Inputs::of_knowledge(&knowledge);
    let plain = PROTOCOL.compare(&classes, inputs, Conditions::PLAIN).unwrap();
    let mut report = measured(&unknown(N_UNKNOWN, Vec::new())).unwrap();
    assert_eq!(report.n_unknown, Some(N_UNKNOWN));
    for outcome in &mut report.results {
        let figures = outcome.unknown.take().unwrap();
        assert!(figures.auroc > 0.5 && figures.auroc_ci95 > 0.0, "{figures:?}");
        assert_eq!(outcome.junk, None, "it was not requested");
    }
    assert_eq!(Report { n_unknown: None, ..report }, plain);
}

#[test]
fn any_number_of_threads_gives_the_same_figures() {
    let [one, two, five] = [1, 2, 5].map(|n| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| measured(&unknown(2, Vec::new())).unwrap())
    });
    assert_eq!(one, two);
    assert_eq!(one, five);
}

#[test]
fn too_many_unknown_classes_are_refused_with_both_numbers() {
    for n_unknown in [0, 5] {
        let error = measured(&unknown(n_unknown, Vec::new())).unwrap_err().to_string();
        let expected = format!(
            "--unknown {n_unknown}: the data set has 9 classes, 4 beside the 5 of an episode; \
             expected 1 to 4"
        );
        assert_eq!(error, expected);
    }
    PROTOCOL.check_unknown(11, 16).unwrap();
    let error = PROTOCOL.check_unknown(20, 16).unwrap_err().to_string();
    assert!(error.starts_with("--unknown 20: the val split has 16 classes, 11 beside the 5 of an"));
}

#[test]
fn a_gallery_of_names_has_the_limits_of_names() {
    let report = measured(&unknown(N_UNKNOWN, Vec::new())).unwrap();
    let accepted = |policy| figures(&report, policy).stated[2].true_accept_rate;
    assert_eq!(accepted(Policy::Semantic), 0.0, "no image reaches 9");
    assert!(accepted(Policy::Trusted) > 0.1);
}

#[test]
fn junk_is_counted_by_kind() {
    let (classes, _) = problem();
    let zeros = JunkEmbeddings { kind: JunkKind::Black, rows: Array2::zeros((1, SIZE)) };
    let images = concatenate(Axis(0), &[classes[0].view(), classes[1].view()]).unwrap();
    let images = JunkEmbeddings { kind: JunkKind::Strokes, rows: images };
    let report = measured(&unknown(N_UNKNOWN, vec![zeros, images])).unwrap();
    let junk = of(&report, Policy::Mean).junk.as_ref().unwrap();
    assert_eq!((junk.galleries, junk.images), (60, 25));
    let shares = &junk.stated[3];
    assert_eq!((shares.rate, shares.kinds[&JunkKind::Black]), (0.1, 0.0));
    let strokes = shares.kinds[&JunkKind::Strokes];
    assert!(strokes > 0.0, "the images of a known class are accepted: {shares:?}");
    assert!((shares.accepted - strokes * 24.0 / 25.0).abs() < 1e-12);
}

/// The queries of the unknown classes of an episode, by the procedure of the documentation.
fn unknown_queries(classes: &[Array2<f32>], episode: &Episode, index: u64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(PROTOCOL.seed ^ 0x756e_6b6e_6f77_6e00);
    rng.set_stream(index);
    let mut draw = |count: usize, all: usize| {
        let mut list: Vec<usize> = (0..all).collect();
        (0..count).for_each(|i| list.swap(i, i + below(&mut rng, all - i)));
        list[..count].to_vec()
    };
    let others: Vec<usize> =
        (0..classes.len()).filter(|class| !episode.classes.contains(class)).collect();
    let drawn = draw(N_UNKNOWN, others.len());
    let rows: Vec<_> = drawn
        .iter()
        .map(|&class| classes[others[class]].select(Axis(0), &draw(SPEC.n_query, 12)))
        .collect();
    joined(&rows)
}

fn joined(rows: &[Array2<f32>]) -> Array2<f32> {
    concatenate(Axis(0), &rows.iter().map(|rows| rows.view()).collect::<Vec<_>>()).unwrap()
}

/// The decisions about the known and the unknown queries of an episode, from its mean prototypes.
fn decisions(
    classes: &[Array2<f32>],
    episode: &Episode,
    index: u64,
    rate: f64,
) -> [Vec<Decision<f32>>; 2] {
    let model = Arc::new(model());
    let taken = |images: &[Vec<usize>]| {
        let ways = episode.classes.iter().zip(images);
        joined(&ways.map(|(&class, i)| classes[class].select(Axis(0), i)).collect::<Vec<_>>())
    };
    let support = taken(&episode.support);
    let prototypes = ClassPrototypes::of_means(support.clone(), vec![1; SPEC.n_way]);
    let enrolled = Classes {
        prototypes: prototypes.rows(),
        image_counts: prototypes.image_counts(),
        name_bias: &[0.0; SPEC.n_way],
    };
    let images = Images::new(&model, support.view());
    let examples = Examples { images: &images, classes: &[0, 1, 2, 3, 4] };
    let gallery = GalleryDecision::new(Arc::clone(&model), enrolled, examples);
    [taken(&episode.query), unknown_queries(classes, episode, index)].map(|rows| {
        let question = Question { criterion: Criterion::Rate(rate), ..Question::default() };
        gallery.decide(&Images::new(&model, rows.view()), question)
    })
}

/// The decisions about all queries of the protocol.
struct Decided {
    /// Of known images, with whether their class won.
    known: Vec<(bool, Decision<f32>)>,
    unknown: Vec<Decision<f32>>,
}

impl Decided {
    fn at(rate: f64) -> Self {
        let (classes, _) = problem();
        let sampler = Sampler::new(vec![12; 9], SPEC, PROTOCOL.seed).unwrap();
        let mut decided = Self { known: Vec::new(), unknown: Vec::new() };
        for index in 0..PROTOCOL.episodes {
            let [known, unknown] = decisions(&classes, &sampler.episode(index), index, rate);
            let known = known.into_iter().enumerate();
            decided
                .known
                .extend(known.map(|(at, one)| (one.scored.winner == at / SPEC.n_query, one)));
            decided.unknown.extend(unknown);
        }
        decided
    }
}

fn check_close(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-9, "{got}, expected {expected}");
}

#[test]
fn areas_are_those_of_all_pairs_of_decisions() {
    let Decided { known, unknown: strange } = Decided::at(0.05);
    let report = measured(&unknown(N_UNKNOWN, Vec::new())).unwrap();
    let figures = figures(&report, Policy::Mean);
    let mut auroc = 0.0;
    let mut oscr = 0.0;
    for (is_right, one) in &known {
        let beaten = strange.iter().filter(|other| one.scored.score > other.scored.score).count();
        auroc += beaten as f64;
        oscr += if *is_right { beaten as f64 } else { 0.0 };
    }
    let pairs = (known.len() * strange.len()) as f64;
    check_close(figures.auroc, auroc / pairs);
    check_close(figures.oscr, oscr / pairs);
    assert!(figures.p10.auroc < figures.auroc && figures.auroc < figures.p90.auroc);
}

#[test]
fn stated_rates_are_compared_with_counted_decisions() {
    let Decided { known, unknown: strange } = Decided::at(0.1);
    let report = measured(&unknown(N_UNKNOWN, Vec::new())).unwrap();
    let stated = &figures(&report, Policy::Mean).stated[3];
    let n_strange = strange.iter().filter(|one| one.verdict != Verdict::Rejected).count();
    check_close(stated.false_accept_rate, n_strange as f64 / strange.len() as f64);
    // Known images whose answer is right or not, and ambiguous or not.
    let mut counts = [[0.0; 2]; 2];
    for (is_right, one) in known.iter().filter(|(_, one)| one.verdict != Verdict::Rejected) {
        counts[usize::from(*is_right)][usize::from(one.verdict != Verdict::Accepted)] += 1.0;
    }
    let [[certain_wrong, doubted_wrong], [certain_right, doubted_right]] = counts;
    assert!(counts.as_flattened().iter().all(|count| *count > 0.0), "{counts:?}");
    let n_accepted = certain_wrong + doubted_wrong + certain_right + doubted_right;
    check_close(stated.true_accept_rate, n_accepted / known.len() as f64);
    check_close(stated.ambiguous, doubted_right / (doubted_right + certain_right));
    check_close(stated.wrong, certain_wrong / (certain_wrong + certain_right));
}

/// There are more known than unknown images: each kind has half of the weight.
#[test]
fn the_calibration_error_is_that_of_bins() {
    let Decided { known, unknown: strange } = Decided::at(0.05);
    let report = measured(&unknown(N_UNKNOWN, Vec::new())).unwrap();
    let mut bins = [0.0; 15];
    for (is_right, one) in &known {
        let excess = one.confidence - f64::from(u8::from(*is_right));
        bins[(one.confidence * 15.0) as usize] += excess / known.len() as f64 / 2.0;
    }
    for one in &strange {
        bins[(one.confidence * 15.0) as usize] += one.confidence / strange.len() as f64 / 2.0;
    }
    let expected = bins.iter().map(|excess| excess.abs()).sum();
    check_close(figures(&report, Policy::Mean).ece, expected);
    assert!(expected > 0.01, "{bins:?}");
}

#[test]
fn a_report_shows_what_galleries_reject() {
    let mut report = measured(&unknown(N_UNKNOWN, Vec::new())).unwrap();
    let text = report.to_markdown();
    assert!(text.contains("5-way 1-shot, 6 queries, 60 episodes, seed 7, val, 4 unknown classes"));
    for heading in ["| fusion         | AUROC ", "| fusion         | stated | false accepts "] {
        assert!(text.contains(heading), "{text}");
    }
    let tables = text.split("\n\n").skip(1);
    for table in tables {
        let widths = table.lines().map(|line| line.chars().count());
        assert!(widths.clone().all(|width| Some(width) == widths.clone().next()), "{table}");
    }
    assert_eq!(report.rejection_svg().matches("<polyline").count(), 8, "a curve for each policy");
    assert_eq!(report.rejection_svg().matches("<circle").count(), 32, "four rates a policy");
    let json = serde_json::to_value(&report).unwrap();
    let found = &json["results"][0]["unknown"];
    for field in ["auroc", "auroc_ci95", "fpr95", "oscr", "ece"] {
        assert!(found[field].is_f64(), "{field}: {found}");
    }
    for field in ["rate", "false_accept_rate", "true_accept_rate", "p90"] {
        assert!(found["stated"][0][field].is_f64(), "{field}: {found}");
    }
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    report.results.iter_mut().for_each(|outcome| outcome.unknown = None);
    assert_eq!(report.rejection_markdown(), "");
}
