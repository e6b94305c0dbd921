//! The memory of a process, as Linux counts it.

use std::fs;

/// Makes the present memory the peak from now on.
pub(crate) fn reset_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// The most bytes in memory since the last reset.
pub(crate) fn peak_bytes(pid: u32) -> u64 {
    field(pid, "VmHWM:")
}

/// The bytes in memory now.
pub(crate) fn bytes(pid: u32) -> u64 {
    field(pid, "VmRSS:")
}

fn field(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
