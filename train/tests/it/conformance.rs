//! Every case of `models::cases` on libtorch.

use models::cases::{Case, all};
use ndarray::ArrayD;
use tch::{Device, Kind};
use train::net::{Compute, Mode, Net, to_array, to_tensor};

fn run(case: &Case, kind: Kind) -> Vec<ArrayD<f32>> {
    let net = Net::new(case.graph.clone(), &case.parameters, Compute { device: Device::Cpu, kind })
        .unwrap();
    let inputs: Vec<_> = case
        .inputs
        .iter()
        .map(|(name, array)| (name.as_str(), to_tensor(array).unwrap()))
        .collect();
    let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let outputs = tch::no_grad(|| net.forward(&inputs, Mode::Eval)).unwrap();
    outputs.iter().map(|tensor| to_array(tensor).unwrap()).collect()
}

#[test]
fn libtorch_agrees_with_the_reference() {
    for case in all() {
        case.check(&run(&case, Kind::Float)).unwrap();
    }
}

#[test]
fn a_nudge_of_one_number_is_noticed() {
    for case in all() {
        assert!(
            case.check(&run(&case.nudged(), Kind::Float)).is_err(),
            "{} passes when nudged",
            case.name
        );
    }
}

/// bf16 keeps 8 bits: a network's output may be off by a few percent of its largest value, not
/// more. Of fifty layers, as in EfficientNet-Lite0, more adds up.
#[test]
fn bf16_stays_near_the_reference() {
    for case in all() {
        let tolerance = if case.name.starts_with("efficientnet") { 0.2 } else { 0.05 };
        let loose = Case { tolerance, ..case };
        loose.check(&run(&loose, Kind::BFloat16)).unwrap();
    }
}
