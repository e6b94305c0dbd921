//! Tensor names and widths of ResNet-12.

use std::collections::BTreeMap;

use models::graph::{Architecture, Resnet12};
use models::tensors::Tensors;

use super::family::Family;
use super::family::NARROW as PAPER_WIDTHS;

/// The paper's input size.
pub(super) const PAPER_SIZE: usize = 84;

/// Our name of a tensor, from the parts of its name.
pub(super) fn own_name(parts: &[&str]) -> String {
    let named = match *parts {
        // EASY's `layers.0.shortcut.0`, or `0.conv1` of a trunk: blocks by their places.
        ["layers", place, ref rest @ ..] | [place, ref rest @ ..] => {
            block_at(place).map(|block| format!("{block}.{}", in_block(rest)))
        }
        [] => None,
    };
    match *parts {
        // `layer1.0.conv1`: a block in a sequence of one.
        [block, "0", ref rest @ ..] if named.is_none() => format!("{block}.{}", rest.join(".")),
        _ => named.unwrap_or_else(|| parts.join(".")),
    }
}

/// Our name of a tensor in a block that has its place for a name.
fn in_block(rest: &[&str]) -> String {
    rest.join(".").replacen("shortcut", "downsample", 1)
}

/// Our name of the block at a place, counted from 0.
fn block_at(place: &str) -> Option<String> {
    let at = ["0", "1", "2", "3"].iter().position(|&known| known == place)?;
    Some(format!("layer{}", at + 1))
}

/// The network with these parameters, of this family if it is known.
pub(super) fn sized(
    parameters: &Tensors,
    input_size: usize,
    family: Option<&Family>,
) -> Architecture {
    let published = family.map_or(PAPER_WIDTHS, |family| family.widths);
    let last_activation = family.is_some_and(|family| family.last_activation);
    let widths = widths(parameters, published);
    Architecture::Resnet12(Resnet12 { widths, input_size, last_activation })
}

/// The widths, by majority: the first dimension of nearly all tensors of a block is its width.
fn widths(parameters: &Tensors, published: [usize; 4]) -> [usize; 4] {
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
        winner.map_or(published[block], |(width, _)| width)
    })
}
