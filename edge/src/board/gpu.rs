//! The GPU of NVIDIA, from the names that the system has for it. No library is loaded.

use std::path::Path;

use super::files::{names, short, text};

/// A GPU of NVIDIA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its name: `Orin`, `NVIDIA GeForce RTX 3060`.
    pub name: String,
    /// What it computes, as NVIDIA numbers it: `8.7`. `None` for a card, whose name implies it.
    pub compute_capability: Option<&'static str>,
}

/// The processors of Jetsons: their name in the device tree, that of people, and the compute
/// capability (<https://developer.nvidia.com/cuda-gpus>).
const TEGRAS: [(&str, &str, &str); 5] = [
    ("nvidia,tegra210", "Tegra X1", "5.3"),
    ("nvidia,tegra186", "Tegra X2", "6.2"),
    ("nvidia,tegra194", "Xavier", "7.2"),
    ("nvidia,tegra234", "Orin", "8.7"),
    ("nvidia,tegra264", "Thor", "11.0"),
];

const CARDS: &str = "proc/driver/nvidia/gpus";

/// The GPU that engines use: the first one.
pub(super) fn read(root: &Path) -> Option<Gpu> {
    of_tegra(root).or_else(|| of_card(root))
}

fn of_tegra(root: &Path) -> Option<Gpu> {
    let places = ["proc/device-tree/compatible", "sys/firmware/devicetree/base/compatible"];
    let compatible = places.iter().find_map(|place| text(root, place))?;
    // The board, then its processor, with a NUL after each.
    let words: Vec<&str> = compatible.split('\0').collect();
    let (_, name, capability) = TEGRAS.iter().find(|(word, ..)| words.contains(word))?;
    Some(Gpu { name: (*name).to_owned(), compute_capability: Some(capability) })
}

/// `Model: NVIDIA GeForce RTX 3060`, with tabs between them.
fn of_card(root: &Path) -> Option<Gpu> {
    let first = names(root, CARDS).into_iter().next()?;
    let information = text(root, &format!("{CARDS}/{first}/information"))?;
    let model = information.lines().find_map(|line| line.strip_prefix("Model:"))?;
    let name = short(model);
    (!name.is_empty()).then_some(Gpu { name, compute_capability: None })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn gpu(path: &str, content: &str) -> Option<Gpu> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        read(root.path())
    }

    #[test]
    fn a_jetson_has_the_gpu_of_its_processor() {
        let compatible = "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0";
        let orin = gpu("proc/device-tree/compatible", compatible).unwrap();
        assert_eq!((orin.name.as_str(), orin.compute_capability), ("Orin", Some("8.7")));
        let other = "raspberrypi,5-model-b\0brcm,bcm2712\0";
        assert_eq!(gpu("proc/device-tree/compatible", other), None);
    }

    #[test]
    fn a_card_is_named_by_its_driver() {
        let path = "proc/driver/nvidia/gpus/0000:01:00.0/information";
        let card = gpu(path, "Model: \t\t NVIDIA GeForce RTX 3060\nIRQ:   \t\t 156\n").unwrap();
        let name = "NVIDIA GeForce RTX 3060".to_owned();
        assert_eq!(card, Gpu { name, compute_capability: None });
        assert_eq!(gpu(path, "IRQ: 156\n"), None);
    }
}
