//! The name of the board, its processor's clocks, its memory and its temperature.

use std::ops::RangeInclusive;
use std::path::Path;

use super::files::{line, names, number, text};

const CPUS: &str = "sys/devices/system/cpu";
const THERMAL: &str = "sys/class/thermal";

/// More sensors than a board has.
const MAX_SENSORS: usize = 32;

/// Temperatures that a board can have and run; Tegra's sensors state -256 when they are off.
const POSSIBLE: RangeInclusive<f32> = -40.0..=150.0;

/// The processor's cores and clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clocks {
    /// The cores that are switched on. A power mode may switch off some.
    pub cores: usize,
    /// The rule by which clocks change, such as `schedutil`.
    pub governor: Option<String>,
    /// The clock of the fastest core now, in MHz.
    pub now_mhz: Option<u32>,
    /// The highest clock that the power mode allows, in MHz.
    pub limit_mhz: Option<u32>,
    /// The highest clock of the hardware, in MHz.
    pub max_mhz: Option<u32>,
}

/// Bytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What programs can still take without swapping.
    pub available: u64,
}

/// What a sensor measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperature {
    /// The name of the sensor: `gpu-thermal`.
    pub sensor: String,
    /// Degrees Celsius, within -40 and 150.
    pub celsius: f32,
}

/// The name of the board, or of the computer if it has no device tree.
pub(super) fn model(root: &Path) -> Option<String> {
    let places = [
        "proc/device-tree/model",
        "sys/firmware/devicetree/base/model",
        "sys/class/dmi/id/product_name",
    ];
    places.iter().find_map(|place| line(root, place))
}

/// The clocks of the cores that are switched on.
pub(super) fn clocks(root: &Path) -> Option<Clocks> {
    let all = names(root, CPUS).into_iter().filter(|name| is_core(name));
    // The first core has no such file on most machines: it is always on.
    let cores: Vec<_> = all.filter(|core| value(root, core, "online") != Some(0)).collect();
    let first = cores.first()?;
    Some(Clocks {
        cores: cores.len(),
        governor: line(root, &format!("{CPUS}/{first}/cpufreq/scaling_governor")),
        now_mhz: fastest(root, &cores, "cpufreq/scaling_cur_freq"),
        limit_mhz: fastest(root, &cores, "cpufreq/scaling_max_freq"),
        max_mhz: fastest(root, &cores, "cpufreq/cpuinfo_max_freq"),
    })
}

/// The highest clock that a file of the cores states, in MHz.
fn fastest(root: &Path, cores: &[String], file: &str) -> Option<u32> {
    cores.iter().filter_map(|core| value(root, core, file)).max().and_then(megahertz)
}

fn value(root: &Path, core: &str, file: &str) -> Option<i64> {
    number(root, &format!("{CPUS}/{core}/{file}"))
}

fn is_core(name: &str) -> bool {
    let number = name.strip_prefix("cpu").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn megahertz(khz: i64) -> Option<u32> {
    u32::try_from(khz / 1000).ok()
}

/// The memory of the machine.
pub(super) fn memory(root: &Path) -> Option<Memory> {
    let text = text(root, "proc/meminfo")?;
    Some(Memory { total: bytes(&text, "MemTotal:")?, available: bytes(&text, "MemAvailable:")? })
}

/// The value of the line `MemTotal:        7802732 kB`.
fn bytes(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// What all sensors measure that are on.
pub(super) fn temperatures(root: &Path) -> Vec<Temperature> {
    let zones = names(root, THERMAL).into_iter().filter(|name| name.starts_with("thermal_zone"));
    zones.take(MAX_SENSORS).filter_map(|zone| temperature(root, &zone)).collect()
}

fn temperature(root: &Path, zone: &str) -> Option<Temperature> {
    let sensor = line(root, &format!("{THERMAL}/{zone}/type"))?;
    let celsius = number(root, &format!("{THERMAL}/{zone}/temp"))? as f32 / 1000.0;
    POSSIBLE.contains(&celsius).then_some(Temperature { sensor, celsius })
}
