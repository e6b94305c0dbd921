//! Recognizes whose ResNet-12 it is by the names of its tensors.
//!
//! The parameters do not show whether the last block applies its activation after the sum. The
//! published programs save them under different names, and these do show it in most cases. All have
//! LeakyReLU(0.1), max-pooling of 2x2 after each block and the mean over all places at the end.
//!
//! | published code | names of the first convolution | last activation |
//! |---|---|---|
//! | FEAT (Ye et al. 2020) | `params.encoder.layer1.0.conv1` | on |
//! | RFS (Tian et al. 2020) | `model.layer1.0.conv1` | on |
//! | DeepEMD (Zhang et al. 2020) | `params.module.encoder.layer1.0.conv1` | on |
//! | DeepEMD before meta-training | `params.layer1.0.conv1` | on |
//! | Meta-Baseline (Chen et al. 2021) | `model_sd.encoder.layer1.conv1` | on |
//! | EASY (Bendou et al. 2022) | `layers.0.conv1` | on |
//! | Prototype Completion (Zhang et al. 2021) | `embedding.module.layer1.conv1` | off |

use models::tensors::TensorFile;
use serde_json::Value;

/// Widths of FEAT, RFS, DeepEMD and EASY.
const WIDE: [usize; 4] = [64, 160, 320, 640];

/// Widths of Meta-Baseline, and of the paper of Prototype Completion.
pub(super) const NARROW: [usize; 4] = [64, 128, 256, 512];

/// Whose network it is, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    /// The published code, or several that name their tensors alike.
    pub(super) name: &'static str,
    /// The beginning of a tensor name that shows it.
    pub(super) shown_by: String,
    /// Whether the last block applies its activation after the sum.
    pub(super) last_activation: bool,
    /// Published widths.
    pub(super) widths: [usize; 4],
}

/// How the blocks are named.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Blocks {
    /// `layers.0.conv1`.
    Numbered,
    /// `trunk.0.conv1`.
    Trunk,
    /// `layer1.0.conv1`: a sequence of one block.
    Sequences,
    /// `layer1.conv1`.
    Plain,
}

/// The family of a file; `None` where the names fit several with different activations.
pub(super) fn recognize(file: &TensorFile) -> Option<Family> {
    if let Some(last_activation) = of_checkpoint(&file.metadata) {
        let shown_by = "its description".to_owned();
        return Some(Family { name: "Handful", shown_by, last_activation, widths: NARROW });
    }
    file.floats.keys().find_map(|name| Place::of(name))?.family()
}

/// The activation of a checkpoint of this project, whose description has it.
fn of_checkpoint(metadata: &str) -> Option<bool> {
    let description: Value = serde_json::from_str(metadata).ok()?;
    if description.get("kind")?.as_str()? != "handful-checkpoint" {
        return None;
    }
    let given = description.get("architecture")?.get("last_activation");
    Some(given.and_then(Value::as_bool).unwrap_or(false))
}

/// Where the first convolution is in the nested dicts and modules of a file.
struct Place<'a> {
    /// The parts before the block.
    around: Vec<&'a str>,
    blocks: Blocks,
}

impl<'a> Place<'a> {
    /// The place of the first convolution; `None` for other tensors.
    fn of(name: &'a str) -> Option<Self> {
        let parts: Vec<&str> = name.split('.').collect();
        let (around, blocks) = match *parts.as_slice() {
            [ref around @ .., "layers", "0", "conv1", "weight"] => (around, Blocks::Numbered),
            [ref around @ .., "trunk", "0", "conv1", "weight"] => (around, Blocks::Trunk),
            [ref around @ .., "layer1", "0", "conv1", "weight"] => (around, Blocks::Sequences),
            [ref around @ .., "layer1", "conv1", "weight"] => (around, Blocks::Plain),
            _ => return None,
        };
        Some(Self { around: around.to_vec(), blocks })
    }

    fn has(&self, part: &str) -> bool {
        self.around.contains(&part)
    }

    fn family(&self) -> Option<Family> {
        let (name, last_activation, widths) = match self.blocks {
            Blocks::Numbered => ("EASY", true, WIDE),
            Blocks::Sequences => (self.of_sequences(), true, WIDE),
            Blocks::Plain if self.has("embedding") => ("Prototype Completion", false, NARROW),
            Blocks::Plain if self.has("model_sd") => ("Meta-Baseline", true, NARROW),
            // Meta-Baseline without its other parts, the paper's code, or networks of this project.
            Blocks::Plain | Blocks::Trunk => return None,
        };
        Some(Family { name, shown_by: self.shown(), last_activation, widths })
    }

    /// Programs that share the code of the blocks, and apply the activation in all of them.
    fn of_sequences(&self) -> &'static str {
        let is_parallel = self.around.windows(2).any(|pair| pair == ["module", "encoder"]);
        match (self.has("params"), self.has("encoder")) {
            (true, true) if !is_parallel => "FEAT",
            (true, _) => "DeepEMD",
            (false, false) if self.has("model") => "RFS",
            _ => "FEAT, RFS or DeepEMD, which are the same network",
        }
    }

    /// The beginning of the names of the first block.
    fn shown(&self) -> String {
        let block = match self.blocks {
            Blocks::Numbered => "layers.0.",
            Blocks::Trunk => "trunk.0.",
            Blocks::Sequences => "layer1.0.",
            Blocks::Plain => "layer1.",
        };
        let around: String = self.around.iter().map(|part| format!("{part}.")).collect();
        format!("tensor names like `{}{block}…`", around.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str) -> Option<(&'static str, bool)> {
        let found = Place::of(&format!("{name}.conv1.weight"))?.family()?;
        Some((found.name, found.last_activation))
    }

    #[test]
    fn published_names_are_recognized() {
        let shared = "FEAT, RFS or DeepEMD, which are the same network";
        for (name, expected) in [
            ("params.encoder.layer1.0", "FEAT"),
            ("params.encoder.module.layer1.0", "FEAT"),
            ("model.layer1.0", "RFS"),
            ("model.module.layer1.0", "RFS"),
            ("params.module.encoder.layer1.0", "DeepEMD"),
            ("params.layer1.0", "DeepEMD"),
            ("model_sd.encoder.layer1", "Meta-Baseline"),
            ("model_sd.module.encoder.layer1", "Meta-Baseline"),
            ("layers.0", "EASY"),
            ("module.layers.0", "EASY"),
            ("layer1.0", shared),
            ("module.layer1.0", shared),
            ("state.feature.trunk.layer1.0", shared),
            ("embedding.layer1.0", shared),
        ] {
            assert_eq!(family(name), Some((expected, true)), "{name}");
        }
        assert_eq!(family("embedding.module.layer1"), Some(("Prototype Completion", false)));
    }

    #[test]
    fn ambiguous_names_are_not_recognized() {
        for name in [
            "layer1",
            "encoder.layer1",
            "module.layer1",
            "state.feature.trunk.layer1",
            "state.feature.trunk.0",
        ] {
            assert_eq!(family(name), None, "{name}");
        }
    }
}
