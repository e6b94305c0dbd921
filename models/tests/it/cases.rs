//! The case list itself: it must be able to fail whatever it is run on.

use std::collections::BTreeSet;
use std::mem::discriminant;

use models::cases::{self, Case};
use models::graph::Op;

#[test]
fn every_case_notices_one_moved_number() {
    for case in cases::all() {
        let error = case.check(&case.nudged().expected());
        assert!(error.is_err(), "{} would not notice a wrong engine", case.name);
        assert!(error.unwrap_err().contains(&case.name));
    }
}

#[test]
fn every_case_notices_wrong_shapes_and_values_that_are_no_numbers() {
    for case in cases::all().into_iter().filter(|case| case.name.len() < 20) {
        let right = case.expected();
        case.check(&right).unwrap();
        assert!(case.check(&[]).is_err(), "{}: no output", case.name);
        let flat = right[0].clone().into_shape_with_order(vec![right[0].len()]).unwrap();
        assert!(case.check(&[flat]).is_err(), "{}: another shape", case.name);
        let mut broken = right.clone();
        *broken[0].first_mut().unwrap() = f32::NAN;
        assert!(case.check(&broken).is_err(), "{}: not a number", case.name);
    }
}

#[test]
fn names_are_different_and_fit_for_files() {
    let cases = cases::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(names.iter().all(|name| name.chars().all(plain)), "{names:?}");
}

#[test]
fn every_operation_is_covered() {
    // A new operation makes this match incomplete: give it a case, then a line here.
    let kinds = |op: &Op| match op {
        Op::Conv2d { .. } => 3,
        Op::LeakyRelu { .. } | Op::Relu6 | Op::MaxPool2d { .. } => 2,
        Op::BatchNorm { .. } | Op::GlobalAveragePool | Op::Add | Op::Mul => 2,
        Op::Linear { .. } | Op::Unsqueeze { .. } | Op::Sum { .. } => 2,
        Op::Concat | Op::FakeQuantize(_) => 2,
    };
    let single: Vec<Op> = cases::all()
        .iter()
        .filter_map(|case| match case.graph.nodes.as_slice() {
            [node] => Some(node.op),
            _ => None,
        })
        .collect();
    let kinds_seen: Vec<&Op> = single.iter().filter(|op| first_of_its_kind(op, &single)).collect();
    assert_eq!(kinds_seen.len(), 13);
    for op in kinds_seen {
        let n = single.iter().filter(|other| discriminant(*other) == discriminant(op)).count();
        assert!(n >= kinds(op), "{op:?} has {n} cases");
    }
}

fn first_of_its_kind(op: &Op, all: &[Op]) -> bool {
    all.iter()
        .find(|other| discriminant(*other) == discriminant(op))
        .is_some_and(|first| std::ptr::eq(first, op))
}

#[test]
fn both_limits_of_relu6_are_met() {
    let all = cases::all();
    let chain = all.iter().find(|case| case.name == "depthwise-batch-norm-relu6").unwrap();
    let values: Vec<f32> = chain.expected()[0].iter().copied().collect();
    for limit in [0.0, 6.0] {
        let n = values.iter().filter(|&&value| value == limit).count();
        assert!(n * 20 > values.len(), "{n} of {} values are {limit}", values.len());
    }
}

#[test]
fn cases_are_the_same_on_every_call() {
    let small = |cases: Vec<Case>| {
        cases.into_iter().filter(|case| case.name.len() < 20).collect::<Vec<_>>()
    };
    assert_eq!(small(cases::all()), small(cases::all()));
}
