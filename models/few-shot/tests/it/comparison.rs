//! All policies on the same episodes: with right and wrong names, and for any number of threads.

use few_shot::embedding_frame::{EmbeddingFrame, normalized};
use few_shot::evaluation::accuracy::Outcome;
use few_shot::evaluation::class_knowledge::ClassKnowledge;
use few_shot::evaluation::comparison::{compare, evaluate};
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::episode::{EpisodeSpec, Episodes};
use few_shot::evaluation::generalized_zero_shot;
use few_shot::evaluation::label_noise::LabelNoise;
use few_shot::evaluation::policies::{Inputs, Policy};
use few_shot::evaluation::unlabeled::Unlabeled;
use few_shot::fusion::{ErrorVariances, Setting};
use few_shot::name_bias::NameBias;
use ndarray::{Array1, Array2};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(crate) const SPEC: EpisodeSpec = EpisodeSpec { n_way: 5, k_shot: 1, n_query: 6 };
pub(crate) const SIZE: usize = 48;

/// Noisy images around class centers, and less noisy semantic prototypes of the same classes.
pub(crate) fn problem() -> (Vec<Array2<f32>>, ClassKnowledge) {
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

fn with_noise(label_noise: LabelNoise) -> Conditions {
    Conditions { label_noise, ..Conditions::PLAIN }
}

fn with_unlabeled(per_class: usize, distractors: usize, unbalanced: bool) -> Conditions {
    let unlabeled = Some(Unlabeled { per_class, distractors, unbalanced });
    Conditions { unlabeled, ..Conditions::PLAIN }
}

fn episodes(count: u64) -> Episodes {
    Episodes { spec: SPEC, count, seed: 7 }
}

/// All policies that the knowledge suffices for.
fn all(
    classes: &[Array2<f32>],
    knowledge: &ClassKnowledge,
    conditions: Conditions,
    count: u64,
) -> Vec<Outcome> {
    let inputs = Inputs::of_knowledge(knowledge);
    let policies = inputs.policies(conditions.has_unlabeled());
    compare(classes, inputs, &policies, episodes(count), conditions).unwrap()
}

fn of(outcomes: &[Outcome], policy: Policy) -> Outcome {
    outcomes.iter().find(|outcome| outcome.fusion == policy).unwrap().clone()
}

fn gain(outcomes: &[Outcome], policy: Policy) -> f64 {
    of(outcomes, policy).gain.unwrap().accuracy
}

#[test]
fn right_names_help_and_wrong_names_do_no_harm_to_the_default() {
    let (classes, knowledge) = problem();
    let right = all(&classes, &knowledge, with_noise(LabelNoise::None), 400);
    assert!(gain(&right, Policy::Completed) > 0.1, "{right:?}");
    assert!(gain(&right, Policy::Trusted) > 0.8 * gain(&right, Policy::Completed), "{right:?}");
    assert!(gain(&right, Policy::ErrorVariance) > 0.1, "{right:?}");
    assert!(gain(&right, Policy::Gaussian) > 0.1, "{right:?}");
    let wrong = all(&classes, &knowledge, with_noise(LabelNoise::Wrong), 400);
    assert!(gain(&wrong, Policy::Completed) < -0.1, "{wrong:?}");
    assert!(gain(&wrong, Policy::Trusted) > -0.02, "{wrong:?}");
    assert_eq!(of(&wrong, Policy::Mean), of(&right, Policy::Mean));
}

#[test]
fn results_are_in_the_order_of_policies_with_paired_gains() {
    let (classes, knowledge) = problem();
    let outcomes = all(&classes, &knowledge, Conditions::PLAIN, 100);
    assert_eq!(outcomes[0], evaluate(&classes, episodes(100)).unwrap());
    assert_eq!(outcomes.iter().map(|o| o.fusion).collect::<Vec<_>>(), Policy::ALL);
    let transductive = outcomes.iter().filter(|o| o.setting == Setting::Transductive);
    assert_eq!(
        transductive.map(|o| o.fusion).collect::<Vec<_>>(),
        [Policy::Gaussian, Policy::SoftKMeans]
    );
    for outcome in &outcomes[1..] {
        let difference = outcome.accuracy - outcomes[0].accuracy - outcome.gain.unwrap().accuracy;
        assert!(difference.abs() < 1e-12);
    }
}

#[test]
fn a_policy_has_the_same_accuracy_whichever_others_are_compared() {
    let (classes, knowledge) = problem();
    let outcomes = all(&classes, &knowledge, Conditions::PLAIN, 100);
    let inputs = Inputs { completer: Some(&knowledge), knowledge: None };
    let policies = [Policy::Gaussian];
    let one = compare(&classes, inputs, &policies, episodes(100), Conditions::PLAIN).unwrap();
    assert_eq!(one, [of(&outcomes, Policy::Gaussian)]);
    let unmeasured = ClassKnowledge { errors: None, ..knowledge };
    let fewer = all(&classes, &unmeasured, Conditions::PLAIN, 100);
    assert!(fewer.iter().all(|o| o.fusion != Policy::ErrorVariance));
    assert_eq!(of(&fewer, Policy::Gaussian), of(&outcomes, Policy::Gaussian));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (classes, knowledge) = problem();
    let [one, two, five] = [1, 2, 5].map(|n| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| all(&classes, &knowledge, with_noise(LabelNoise::OneWrong), 101))
    });
    assert_eq!(one, two);
    assert_eq!(one, five);
}

#[test]
fn equal_vectors_give_every_policy_the_first_class() {
    let (classes, knowledge) = problem();
    let same: Vec<_> = classes.iter().map(|rows| Array2::ones(rows.dim())).collect();
    let outcomes = all(&same, &knowledge, Conditions::PLAIN, 20);
    assert!((of(&outcomes, Policy::Mean).accuracy - 0.2).abs() < 1e-12);
    assert!(outcomes.iter().all(|o| o.accuracy.is_finite()));
}

#[test]
fn unlabeled_images_help_and_distractors_do_not() {
    let (classes, knowledge) = problem();
    let [plain, few, distracted, unbalanced] = [
        with_unlabeled(6, 0, false),
        with_unlabeled(1, 0, false),
        with_unlabeled(6, 12, false),
        with_unlabeled(6, 0, true),
    ]
    .map(|conditions| of(&all(&classes, &knowledge, conditions, 400), Policy::Gaussian).accuracy);
    let queries = all(&classes, &knowledge, Conditions::PLAIN, 400);
    assert_eq!(plain, of(&queries, Policy::Gaussian).accuracy);
    assert!(plain > few && plain > distracted, "{plain} {few} {distracted}");
    assert_ne!(plain, unbalanced);
}

#[test]
fn without_unlabeled_images_there_is_no_transductive_policy() {
    let (classes, knowledge) = problem();
    let outcomes = all(&classes, &knowledge, with_unlabeled(0, 0, false), 50);
    assert!(outcomes.iter().all(|o| o.setting == Setting::Inductive), "{outcomes:?}");
}

#[test]
fn unlabeled_images_that_cannot_be_drawn_are_refused() {
    let (classes, knowledge) = problem();
    for (n_way, per_class, expected) in [(9, 6, "all 9 classes"), (5, 7, "at most its 6 queries")] {
        let episodes = Episodes { spec: EpisodeSpec { n_way, ..SPEC }, count: 10, seed: 7 };
        let inputs = Inputs::of_knowledge(&knowledge);
        let conditions = with_unlabeled(per_class, 1, false);
        let error = compare(&classes, inputs, &[], episodes, conditions).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_class_without_a_known_name_is_recognized_by_its_images() {
    let (classes, mut knowledge) = problem();
    let center = knowledge.frame.center().clone();
    knowledge.semantic.rows_mut().into_iter().for_each(|mut row| row.assign(&center));
    let outcomes = all(&classes, &knowledge, Conditions::PLAIN, 50);
    for policy in [Policy::Completed, Policy::Average, Policy::ErrorVariance, Policy::Trusted] {
        assert!(gain(&outcomes, policy).abs() < 1e-3, "{policy} {outcomes:?}");
    }
}

#[test]
fn unseen_classes_are_recognized_among_seen_ones() {
    let (classes, knowledge) = problem();
    let recalls = generalized_zero_shot::evaluate(&classes, &knowledge, episodes(300), 2).unwrap();
    assert!(recalls.unseen.recall > 0.4 && recalls.seen.recall > 0.4, "{recalls:?}");
    for name_only in [0, 5] {
        let refused =
            generalized_zero_shot::evaluate(&classes, &knowledge, episodes(300), name_only);
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("expected 1 to 4"), "{error}");
    }
}
