//! The networks whose weights can be imported.

use models::graph::Architecture;
use models::preprocess::Preprocess;
use models::tensors::Tensors;

use super::family::Family;
use super::{efficientnet_lite0, resnet12};

/// A network whose weights can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Arch {
    /// ResNet-12, the network of the paper.
    Resnet12,
    /// EfficientNet-Lite0, a network for devices.
    #[value(name = "efficientnet-lite0")]
    EfficientNetLite0,
}

impl Arch {
    /// The network with the widths of these shapes; published widths for missing tensors.
    pub(super) fn sized(
        self,
        parameters: &Tensors,
        input_size: usize,
        family: Option<&Family>,
    ) -> Architecture {
        match self {
            Self::Resnet12 => resnet12::sized(parameters, input_size, family),
            Self::EfficientNetLite0 => efficientnet_lite0::sized(parameters, input_size),
        }
    }

    /// The preprocessing of the authors.
    pub(super) fn recipe(self, input_size: Option<usize>) -> Preprocess {
        match self {
            Self::Resnet12 => Preprocess::paper(input_size.unwrap_or(resnet12::PAPER_SIZE)),
            Self::EfficientNetLite0 => efficientnet_lite0::recipe(input_size),
        }
    }

    /// An example of a tensor name.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Resnet12 => "layer1.conv1.weight",
            Self::EfficientNetLite0 => "_blocks.0._depthwise_conv.weight",
        }
    }
}
