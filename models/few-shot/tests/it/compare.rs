//! All policies on the same episodes: where names help, where they lie, and for any number of threads.

use few_shot::compare::{ClassKnowledge, Conditions, LabelNoise, Unlabeled, compare};
use few_shot::embedding_frame::{EmbeddingFrame, normalized};
use few_shot::episode::EpisodeSpec;
use few_shot::evaluate::{Outcome, evaluate};
use few_shot::fusion::{ErrorVariances, Fusion, Setting};
use few_shot::gallery::generalized_zero_shot;
use few_shot::name_bias::NameBias;
use ndarray::{Array1, Array2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SPEC: EpisodeSpec = EpisodeSpec { n_way: 5, k_shot: 1, n_query: 6 };
const SIZE: usize = 48;

/// Noisy images around class centers, and knowledge that is a less noisy view of the same centers.
fn problem() -> (Vec<Array2<f32>>, ClassKnowledge) {
    let mut generator = ChaCha8Rng::seed_from_u64(3);
    let mut uniform = move || (generator.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let centers = Array2::from_shape_simple_fn((9, SIZE), &mut uniform);
    let classes = centers.rows().into_iter().map(|center| {
        Array2::from_shape_fn((12, SIZE), |(_, i)| 5.0 + center[i] + 2.4 * uniform())
    });
    let classes: Vec<_> = classes.collect();
    let semantic = centers.mapv(|x| x + 0.9 * uniform());
    let errors = ErrorVariances {
        mean: Array1::from_elem(SIZE, 2.0),
        other: Array1::from_elem(SIZE, 1.0),
        product: Array1::zeros(SIZE),
    };
    let frame = EmbeddingFrame::new(Array1::from_elem(SIZE, 5.0), 8.0);
    let semantic = frame.to_embedding(normalized(semantic));
    (
        classes,
        ClassKnowledge { frame, semantic, errors: Some(errors), name_bias: NameBias::default() },
    )
}

fn bearing(names: LabelNoise) -> Conditions {
    Conditions { names, ..Conditions::PLAIN }
}

fn of(outcomes: &[Outcome], fusion: Fusion) -> Outcome {
    *outcomes.iter().find(|outcome| outcome.fusion == fusion).unwrap()
}

fn gain(outcomes: &[Outcome], fusion: Fusion) -> f64 {
    of(outcomes, fusion).gain.unwrap().accuracy
}

#[test]
fn right_names_help_and_wrong_ones_do_not_harm_the_default() {
    let (classes, known) = problem();
    let with = |names| compare(&classes, &known, &known, SPEC, bearing(names), 400, 7).unwrap();
    let right = with(LabelNoise::None);
    assert!(gain(&right, Fusion::Completed) > 0.1, "{right:?}");
    assert!(gain(&right, Fusion::Trusted) > 0.8 * gain(&right, Fusion::Completed), "{right:?}");
    assert!(gain(&right, Fusion::ErrorVariance) > 0.1, "{right:?}");
    assert!(gain(&right, Fusion::Gaussian) > 0.1, "{right:?}");
    let wrong = with(LabelNoise::Wrong);
    assert!(gain(&wrong, Fusion::Completed) < -0.1, "{wrong:?}");
    assert!(gain(&wrong, Fusion::Trusted) > -0.02, "{wrong:?}");
    assert_eq!(of(&wrong, Fusion::Mean), of(&right, Fusion::Mean));
}

#[test]
fn the_mean_is_that_of_an_evaluation_by_itself() {
    let (classes, known) = problem();
    let outcomes =
        compare(&classes, &known, &known, SPEC, bearing(LabelNoise::None), 100, 7).unwrap();
    assert_eq!(outcomes[0], evaluate(&classes, SPEC, 100, 7).unwrap());
    assert_eq!(outcomes.iter().map(|o| o.fusion).collect::<Vec<_>>(), Fusion::ALL);
    let transductive = outcomes.iter().filter(|o| o.setting == Setting::Transductive);
    assert_eq!(
        transductive.map(|o| o.fusion).collect::<Vec<_>>(),
        [Fusion::Gaussian, Fusion::SoftKMeans]
    );
    for outcome in &outcomes[1..] {
        let difference = outcome.accuracy - outcomes[0].accuracy - outcome.gain.unwrap().accuracy;
        assert!(difference.abs() < 1e-12);
    }
    let unmeasured = ClassKnowledge { errors: None, ..known };
    let fewer =
        compare(&classes, &unmeasured, &unmeasured, SPEC, bearing(LabelNoise::None), 100, 7)
            .unwrap();
    assert!(fewer.iter().all(|o| o.fusion != Fusion::ErrorVariance));
    assert_eq!(of(&fewer, Fusion::Gaussian), of(&outcomes, Fusion::Gaussian));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (classes, known) = problem();
    let with_threads = |n: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| {
            compare(&classes, &known, &known, SPEC, bearing(LabelNoise::OneWrong), 101, 7).unwrap()
        })
    };
    let one = with_threads(1);
    assert_eq!(one, with_threads(2));
    assert_eq!(one, with_threads(5));
}

#[test]
fn equal_vectors_give_every_policy_the_first_class() {
    let (classes, known) = problem();
    let same: Vec<_> = classes.iter().map(|rows| Array2::ones(rows.dim())).collect();
    let outcomes = compare(&same, &known, &known, SPEC, bearing(LabelNoise::None), 20, 7).unwrap();
    assert!((of(&outcomes, Fusion::Mean).accuracy - 0.2).abs() < 1e-12);
    assert!(outcomes.iter().all(|o| o.accuracy.is_finite()));
    assert_eq!(known.semantic.len_of(Axis(0)), 9);
}

#[test]
fn unlabeled_images_help_and_foreign_ones_do_not() {
    let (classes, known) = problem();
    let gaussian = |per_class, distractors, unbalanced| {
        let unlabeled = Some(Unlabeled { per_class, distractors, unbalanced });
        let conditions = Conditions { unlabeled, ..Conditions::PLAIN };
        let outcomes = compare(&classes, &known, &known, SPEC, conditions, 400, 7).unwrap();
        outcomes.into_iter().find(|o| o.fusion == Fusion::Gaussian).map(|o| o.accuracy)
    };
    assert_eq!(gaussian(0, 0, false), None, "without unlabeled images there is no such fusion");
    let all = compare(&classes, &known, &known, SPEC, Conditions::PLAIN, 400, 7).unwrap();
    assert_eq!(gaussian(6, 0, false), Some(of(&all, Fusion::Gaussian).accuracy));
    assert!(gaussian(6, 0, false) > gaussian(1, 0, false));
    assert!(gaussian(6, 0, false) > gaussian(6, 12, false));
    assert_ne!(gaussian(6, 0, false), gaussian(6, 0, true));
    let refused = |n_way, per_class| {
        let unlabeled = Some(Unlabeled { per_class, distractors: 1, unbalanced: false });
        let conditions = Conditions { unlabeled, ..Conditions::PLAIN };
        let spec = EpisodeSpec { n_way, ..SPEC };
        compare(&classes, &known, &known, spec, conditions, 10, 7).unwrap_err().to_string()
    };
    assert!(refused(9, 6).contains("all 9 classes"), "{}", refused(9, 6));
    assert!(refused(5, 7).contains("at most its 6 queries"), "{}", refused(5, 7));
}

#[test]
fn a_class_of_which_nothing_is_known_is_its_images() {
    let (classes, mut known) = problem();
    let center = known.frame.center().clone();
    known.semantic.rows_mut().into_iter().for_each(|mut row| row.assign(&center));
    let outcomes = compare(&classes, &known, &known, SPEC, Conditions::PLAIN, 50, 7).unwrap();
    for fusion in [Fusion::Completed, Fusion::Average, Fusion::ErrorVariance, Fusion::Trusted] {
        assert!(gain(&outcomes, fusion).abs() < 1e-3, "{fusion} {outcomes:?}");
    }
}

#[test]
fn classes_without_images_are_found_among_others() {
    let (classes, known) = problem();
    let recalls = generalized_zero_shot(&classes, &known, SPEC, 2, 300, 7).unwrap();
    assert!(recalls.named.recall > 0.4 && recalls.with_images.recall > 0.4, "{recalls:?}");
    assert_eq!(recalls, generalized_zero_shot(&classes, &known, SPEC, 2, 300, 7).unwrap());
    for wrong in [0, 5] {
        let error =
            generalized_zero_shot(&classes, &known, SPEC, wrong, 300, 7).unwrap_err().to_string();
        assert!(error.contains("expected 1 to 4"), "{error}");
    }
}
