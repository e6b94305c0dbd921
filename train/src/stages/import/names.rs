//! Translates tensor names of other programs to those of this project.

use std::collections::BTreeSet;

use models::checkpoint::HEAD_PREFIXES;

use super::arch::Arch;
use super::{efficientnet_lite0, resnet12};

/// Prefixes of wrapping dicts and modules, in any number and order.
const WRAPPERS: [&str; 13] = [
    "params",
    "state",
    "state_dict",
    "model_state_dict",
    "model_sd",
    "embedding", // The published code of Zhang et al. saves the backbone under this key.
    "model",
    "module", // torch.nn.DataParallel
    "encoder",
    "backbone",
    "network",
    "feature",
    "trunk",
];

/// Wrappers that hold the backbone and nothing else: what is outside belongs to other parts.
const BACKBONES: [&str; 6] = ["embedding", "encoder", "backbone", "network", "feature", "trunk"];

/// Other parts of files: classifiers, other networks of the published code, an optimizer.
const BESIDE: [&str; 10] = [
    "fc",
    "linear",     // EASY's classifier,
    "linear_rot", // and its classifier of rotations.
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
    Beside(String),
    /// None of these.
    Unknown,
}

/// The parts of a name without wrappers.
fn unwrapped(name: &str) -> Vec<&str> {
    name.split('.').skip_while(|part| WRAPPERS.contains(part)).collect()
}

/// The beginning of the names of the backbone's tensors, if it ends in a wrapper that holds nothing
/// else.
pub(super) fn backbone<'a>(
    arch: Arch,
    mut names: impl Iterator<Item = &'a str>,
    parameters: &BTreeSet<String>,
) -> Option<String> {
    let one = names.find(|name| matches!(role(arch, name, parameters), Name::Parameter(_)))?;
    let parts: Vec<&str> = one.split('.').collect();
    let around = &parts[..parts.len() - unwrapped(one).len()];
    let last = around.iter().rposition(|part| BACKBONES.contains(part))?;
    Some(around[..=last].join(".") + ".")
}

/// The role of a tensor name for the network with these parameters. A name outside of the
/// `backbone` is of another part.
pub(super) fn translate(
    arch: Arch,
    name: &str,
    parameters: &BTreeSet<String>,
    backbone: Option<&str>,
) -> Name {
    match role(arch, name, parameters) {
        Name::Unknown if backbone.is_some_and(|backbone| !name.starts_with(backbone)) => {
            let part = unwrapped(name).first().map_or(name, |part| *part).to_owned();
            Name::Beside(part)
        }
        role => role,
    }
}

fn role(arch: Arch, name: &str, parameters: &BTreeSet<String>) -> Name {
    let parts = unwrapped(name);
    if let Some(beside) = BESIDE.iter().find(|&beside| parts.first() == Some(beside)) {
        return Name::Beside((*beside).to_owned());
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
        role(Arch::Resnet12, name, &parameters.map(str::to_owned).into())
    }

    #[test]
    fn wrapping_prefixes_are_removed() {
        for name in [
            "layer1.conv1.weight",
            "module.layer1.conv1.weight",
            "encoder.layer1.0.conv1.weight",
            "embedding.module.layer1.conv1.weight",
            "state_dict.model.module.backbone.layer1.conv1.weight",
            "model_sd.encoder.layer1.conv1.weight",
            "state.feature.trunk.layer1.0.conv1.weight",
            "module.layers.0.conv1.weight",
            "state.feature.trunk.0.conv1.weight",
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
        assert_eq!(translated("layers.3.shortcut.1.num_batches_tracked"), Name::Counter);
        for (name, part) in [
            ("model.fc.weight", "fc"),
            ("pre_head.module.linear.weight", "pre_head"),
            ("linear_rot.bias", "linear_rot"),
        ] {
            assert_eq!(translated(name), Name::Beside(part.to_owned()));
        }
        for name in [
            "layer1.conv1.bias",
            "layer1.1.conv1.weight",
            "layer1.conv1",
            "",
            "0",
            "module",
            "layers",
        ] {
            assert_eq!(translated(name), Name::Unknown, "{name}");
        }
        assert_eq!(translated("layer9.bn1.num_batches_tracked"), Name::Unknown);
    }

    #[test]
    fn what_is_outside_of_the_backbone_is_of_another_part() {
        let parameters = BTreeSet::from(["layer1.conv1.weight".to_owned()]);
        let names = ["model_sd.temp", "model_sd.encoder.layer1.conv1.weight"];
        let backbone = backbone(Arch::Resnet12, names.into_iter(), &parameters);
        assert_eq!(backbone.as_deref(), Some("model_sd.encoder."));
        let translated =
            |name: &str| translate(Arch::Resnet12, name, &parameters, backbone.as_deref());
        assert_eq!(translated("model_sd.temp"), Name::Beside("temp".to_owned()));
        let momentum = "training.optimizer_sd.state.0.momentum_buffer";
        assert_eq!(translated(momentum), Name::Beside("training".to_owned()));
        assert_eq!(translated("model_sd.encoder.layer5.conv1.weight"), Name::Unknown);
        let whole = super::backbone(
            Arch::Resnet12,
            ["module.layer1.conv1.weight"].into_iter(),
            &parameters,
        );
        assert_eq!(whole, None);
    }
}
