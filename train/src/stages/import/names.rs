//! Translates tensor names of other programs to those of this project.

use std::collections::BTreeSet;

use models::checkpoint::HEAD_PREFIXES;

use super::arch::Arch;
use super::{efficientnet_lite0, resnet12};

/// Prefixes of wrapping dicts and modules, in any number and order.
const WRAPPERS: [&str; 9] = [
    "params",
    "state_dict",
    "model_state_dict",
    "embedding", // The published code of Zhang et al. saves the backbone under this key.
    "model",
    "module", // torch.nn.DataParallel
    "encoder",
    "backbone",
    "network",
];

/// Other parts of files: classifiers, other networks of the published code, an optimizer.
const BESIDE: [&str; 8] = [
    "fc",
    "classifier",
    "head",
    "rotation_head",
    "pre_head",
    "cls_head",
    "propa_head",
    "optimizer",
];

/// The role of a tensor.
#[derive(Debug, PartialEq)]
pub(super) enum Name {
    /// A parameter of the network, with our name.
    Parameter(String),
    /// Part of a classifier that is kept, with our name.
    Classifier(String),
    /// The batch counter of a normalization, which is not needed after training.
    Counter,
    /// A tensor of another part.
    Beside(&'static str),
    /// None of these.
    Unknown,
}

/// The role of a tensor name for the network with these parameters.
pub(super) fn translate(arch: Arch, name: &str, parameters: &BTreeSet<String>) -> Name {
    let parts: Vec<&str> = name.split('.').skip_while(|part| WRAPPERS.contains(part)).collect();
    if let Some(beside) = BESIDE.iter().find(|&beside| parts.first() == Some(beside)) {
        return Name::Beside(beside);
    }
    let own = match arch {
        Arch::Resnet12 => resnet12::own_name(&parts),
        Arch::EfficientNetLite0 => efficientnet_lite0::own_name(&parts),
    };
    let counted = own.strip_suffix("num_batches_tracked").map(|node| format!("{node}running_mean"));
    match counted {
        _ if parameters.contains(&own) => Name::Parameter(own),
        _ if own.starts_with(HEAD_PREFIXES[0]) => Name::Classifier(own),
        Some(statistics) if parameters.contains(&statistics) => Name::Counter,
        _ => Name::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(name: &str) -> Name {
        let parameters = ["layer1.conv1.weight", "layer4.downsample.1.running_mean"];
        translate(Arch::Resnet12, name, &parameters.map(str::to_owned).into())
    }

    #[test]
    fn wrapping_prefixes_are_removed() {
        for name in [
            "layer1.conv1.weight",
            "module.layer1.conv1.weight",
            "encoder.layer1.0.conv1.weight",
            "embedding.module.layer1.conv1.weight",
            "state_dict.model.module.backbone.layer1.conv1.weight",
        ] {
            assert_eq!(
                translated(name),
                Name::Parameter("layer1.conv1.weight".to_owned()),
                "{name}"
            );
        }
    }

    #[test]
    fn other_tensors_are_classified() {
        assert_eq!(translated("module.layer4.downsample.1.num_batches_tracked"), Name::Counter);
        assert_eq!(translated("model.fc.weight"), Name::Beside("fc"));
        assert_eq!(translated("pre_head.module.linear.weight"), Name::Beside("pre_head"));
        for name in
            ["layer1.conv1.bias", "layer1.1.conv1.weight", "layer1.conv1", "", "0", "module"]
        {
            assert_eq!(translated(name), Name::Unknown, "{name}");
        }
        assert_eq!(translated("layer9.bn1.num_batches_tracked"), Name::Unknown);
    }
}
