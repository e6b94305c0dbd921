//! Aligned tables and JSON reports.

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// Prints rows under `head`, columns aligned: the first to the left, the others to the right.
pub(crate) fn print(head: &[&str], rows: &[Vec<String>]) {
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    let all = [&[head], rows].concat();
    let widths: Vec<usize> = (0..all[0].len())
        .map(|n| all.iter().map(|row| row[n].chars().count()).max().unwrap_or(0))
        .collect();
    for row in all {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<_> = cells
            .map(|(n, (cell, width))| match n {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
}

/// Writes `report` to the path in the environment variable `name`, if it is set.
pub(crate) fn write(name: &str, report: &Value) {
    if let Some(path) = env::var_os(name).map(PathBuf::from) {
        fs::write(&path, format!("{report:#}\n")).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    }
}

/// A number for a reader: three digits, or `none` without a value.
pub(crate) fn short(value: f64) -> String {
    match value {
        value if !value.is_finite() => "none".to_owned(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
