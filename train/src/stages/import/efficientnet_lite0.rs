//! Tensor names (`_blocks.3._expand_conv.weight` in PyTorch programs) and widths of
//! EfficientNet-Lite0.

use models::graph::{Architecture, EfficientNetLite0};
use models::preprocess::{Filter, Preprocess};
use models::tensors::Tensors;

/// Tensors whose first dimension is a width: first convolution, last one of each stage, last one.
const WIDTH_TENSORS: [&str; 9] = [
    "first.conv",
    "block0.project.conv",
    "block2.project.conv",
    "block4.project.conv",
    "block7.project.conv",
    "block10.project.conv",
    "block14.project.conv",
    "block15.project.conv",
    "last.conv",
];

/// Our name of a tensor, from the parts of its name. Unknown names do not change.
pub(super) fn own_name(parts: &[&str]) -> String {
    let named = match *parts {
        ["_conv_stem", suffix] => Some(format!("first.conv.{suffix}")),
        ["_bn0", suffix] => Some(format!("first.bn.{suffix}")),
        ["_conv_head", suffix] => Some(format!("last.conv.{suffix}")),
        ["_bn1", suffix] => Some(format!("last.bn.{suffix}")),
        ["_fc", suffix] => Some(format!("head.{suffix}")),
        ["_blocks", number, layer, suffix] => {
            of_block(layer).map(|own| format!("block{number}.{own}.{suffix}"))
        }
        _ => None,
    };
    named.unwrap_or_else(|| parts.join("."))
}

fn of_block(layer: &str) -> Option<&'static str> {
    Some(match layer {
        "_expand_conv" => "expand.conv",
        "_bn0" => "expand.bn",
        "_depthwise_conv" => "depthwise.conv",
        "_bn1" => "depthwise.bn",
        "_project_conv" => "project.conv",
        "_bn2" => "project.bn",
        _ => return None,
    })
}

/// The network with these parameters; published widths for missing tensors.
pub(super) fn sized(parameters: &Tensors, input_size: usize) -> Architecture {
    let widths = std::array::from_fn(|i| {
        let weight = parameters.get(&format!("{}.weight", WIDTH_TENSORS[i]));
        let width = weight.and_then(|weight| weight.shape().first().copied());
        width.filter(|&width| width > 0).unwrap_or(EfficientNetLite0::WIDTHS[i])
    });
    Architecture::EfficientNetLite0(EfficientNetLite0 { widths, input_size })
}

/// The preprocessing of the published network.
pub(super) fn recipe(input_size: Option<usize>) -> Preprocess {
    Preprocess {
        // Bicubic, and (value - 127) / 128, as these weights were trained.
        filter: Filter::CatmullRom,
        mean: [127.0; 3],
        std: [128.0; 3],
        ..Preprocess::paper(input_size.unwrap_or(EfficientNetLite0::INPUT_SIZE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_translated() {
        for (theirs, ours) in [
            ("_conv_stem.weight", "first.conv.weight"),
            ("_bn1.running_var", "last.bn.running_var"),
            ("_blocks.12._bn2.bias", "block12.project.bn.bias"),
            ("_blocks.0._depthwise_conv.weight", "block0.depthwise.conv.weight"),
            ("_fc.bias", "head.bias"),
            ("_blocks.1._se_reduce.weight", "_blocks.1._se_reduce.weight"),
            ("block3.expand.bn.bias", "block3.expand.bn.bias"),
        ] {
            assert_eq!(own_name(&theirs.split('.').collect::<Vec<_>>()), ours);
        }
    }
}
