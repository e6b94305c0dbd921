//! Tensor names and widths of ResNet-12.

use std::collections::BTreeMap;

use models::graph::{Architecture, Resnet12};
use models::tensors::Tensors;

/// Widths of the paper, for blocks without tensors.
const PAPER_WIDTHS: [usize; 4] = [64, 128, 256, 512];

/// The paper's input size.
pub(super) const PAPER_SIZE: usize = 84;

/// Our name of a tensor, from the parts of its name.
pub(super) fn own_name(parts: &[&str]) -> String {
    match parts {
        // `layer1.0.conv1`: a block in a sequence of one.
        [block, "0", rest @ ..] => format!("{block}.{}", rest.join(".")),
        _ => parts.join("."),
    }
}

/// The network with these parameters.
pub(super) fn sized(parameters: &Tensors, input_size: usize) -> Architecture {
    Architecture::Resnet12(Resnet12 { widths: widths(parameters), input_size })
}

/// The widths, by majority: the first dimension of nearly all tensors of a block is its width.
fn widths(parameters: &Tensors) -> [usize; 4] {
    std::array::from_fn(|block| {
        let prefix = format!("layer{}.", block + 1);
        let of_block = parameters.iter().filter(|(name, _)| name.starts_with(&prefix));
        // One misshapen tensor must not change the width: it is to be reported as the one that does
        // not fit.
        let mut votes = BTreeMap::<usize, usize>::new();
        for width in of_block.filter_map(|(_, tensor)| tensor.shape().first()) {
            *votes.entry(*width).or_default() += 1;
        }
        let winner = votes.into_iter().filter(|(width, _)| *width > 0).max_by_key(|(_, n)| *n);
        winner.map_or(PAPER_WIDTHS[block], |(width, _)| width)
    })
}
