//! How fast memory grows: the line with the least squared error.

use super::Window;

/// The growth of memory over some windows.
#[derive(Debug)]
pub(super) struct Growth {
    pub(super) per_second: f64,
    /// Infinite without examples.
    pub(super) per_example: f64,
    /// From the first window to the last.
    pub(super) seconds: f64,
    pub(super) examples: f64,
}

pub(super) fn growth(windows: &[Window]) -> Growth {
    let n = windows.len() as f64;
    let mean_seconds = windows.iter().map(|w| w.seconds).sum::<f64>() / n;
    let mean_bytes = windows.iter().map(|w| w.bytes as f64).sum::<f64>() / n;
    let mut products = 0.0;
    let mut squares = 0.0;
    for window in windows {
        let seconds = window.seconds - mean_seconds;
        products += seconds * (window.bytes as f64 - mean_bytes);
        squares += seconds * seconds;
    }
    let per_second = products / squares;
    let first = &windows[0];
    let last = &windows[windows.len() - 1];
    let seconds = last.seconds - first.seconds;
    let examples = (last.examples - first.examples) as f64;
    Growth { per_second, per_example: per_second * seconds / examples, seconds, examples }
}

#[test]
fn a_straight_line_is_found() {
    let window = |n: usize| Window {
        seconds: n as f64,
        requests_per_second: 0.0,
        p50_ms: 0.0,
        p99_ms: 0.0,
        bytes: 1000 + 20 * n as u64,
        examples: 2 * n,
    };
    let growth = growth(&[1, 2, 4].map(window));
    assert!((growth.per_second - 20.0).abs() < 1e-9, "{growth:?}");
    assert!((growth.per_example - 10.0).abs() < 1e-9, "{growth:?}");
}
