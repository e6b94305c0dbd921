//! The curve of a run: rate, times, memory and examples over time, one chart below the other.

use few_shot::evaluation::svg::{COLORS, Svg};

use super::Window;
use crate::measure::memory::mebibytes;
use crate::measure::table;

const WIDTH: f64 = 800.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
/// From the top of one chart to that of the next.
const STEP: f64 = 150.0;
const TOP: f64 = 40.0;
/// Of the frame of a chart.
const HEIGHT: f64 = 100.0;

/// One line of a chart.
struct Line {
    name: &'static str,
    color: &'static str,
    value: fn(&Window) -> f64,
}

/// A chart with its title, which has the unit.
struct Chart {
    title: &'static str,
    lines: &'static [Line],
}

const CHARTS: [Chart; 4] = [
    Chart {
        title: "classifications a second, eight clients",
        lines: &[Line { name: "", color: COLORS[5], value: |w| w.requests_per_second }],
    },
    Chart {
        title: "time of a classification, ms",
        lines: &[
            Line { name: "p50", color: COLORS[3], value: |w| w.p50_ms },
            Line { name: "p99", color: COLORS[6], value: |w| w.p99_ms },
        ],
    },
    Chart {
        title: "memory of the service, MiB",
        lines: &[Line { name: "", color: COLORS[0], value: |w| mebibytes(w.bytes) }],
    },
    Chart {
        title: "enrolled examples",
        lines: &[Line { name: "", color: COLORS[4], value: |w| w.examples as f64 }],
    },
];

/// Draws all windows.
pub(super) fn svg(windows: &[Window]) -> String {
    let mut out = Svg::new(WIDTH, STEP * CHARTS.len() as f64 + TOP);
    for (n, chart) in CHARTS.iter().enumerate() {
        draw(&mut out, chart, windows, TOP + STEP * n as f64);
    }
    let end = windows.last().map_or(0.0, |window| window.seconds);
    let bottom = TOP + STEP * (CHARTS.len() - 1) as f64 + HEIGHT + 20.0;
    for share in [0.0, 0.5, 1.0] {
        let x = LEFT + share * (WIDTH - LEFT - RIGHT);
        out.text([x, bottom], "middle", "black", &format!("{:.0}", share * end));
    }
    out.text([WIDTH / 2.0, bottom + 20.0], "middle", "black", "seconds since the start");
    out.finish()
}

fn draw(out: &mut Svg, chart: &Chart, windows: &[Window], top: f64) {
    let values = chart.lines.iter().flat_map(|line| windows.iter().map(line.value));
    // The axis begins at zero, so that what is flat looks flat.
    let most = round_above(values.filter(|value| value.is_finite()).fold(1e-9, f64::max));
    for share in [0.0, 0.5, 1.0] {
        let y = top + HEIGHT * (1.0 - share);
        out.line([LEFT, y], [WIDTH - RIGHT, y], "#dddddd", 1.0);
        out.text([LEFT - 8.0, y + 4.0], "end", "black", &label(share * most));
    }
    out.text([LEFT, top - 8.0], "start", "black", chart.title);
    let end = windows.last().map_or(1.0, |window| window.seconds);
    for (n, line) in chart.lines.iter().enumerate() {
        let points = windows.iter().filter(|window| (line.value)(window).is_finite());
        let points = points.map(|window| {
            let x = LEFT + window.seconds / end * (WIDTH - LEFT - RIGHT);
            [x, top + HEIGHT * (1.0 - (line.value)(window) / most)]
        });
        out.curve(points, line.color);
        out.text([WIDTH - RIGHT - 40.0 * n as f64, top - 8.0], "end", line.color, line.name);
    }
}

/// The next of 1, 2, 5, 10, 20 and so on.
fn round_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= value);
    factor.unwrap_or(10.0) * power
}

fn label(value: f64) -> String {
    // Half of an axis may be 0.5 or 2.5, and never has more digits.
    if value.fract() == 0.0 { format!("{value:.0}") } else { table::short(value) }
}

#[test]
fn every_series_is_drawn_with_its_unit() {
    let window = |n: usize| Window {
        seconds: 10.0 * n as f64,
        requests_per_second: 100.0,
        p50_ms: 5.0,
        p99_ms: 10.0,
        bytes: 100 << 20,
        examples: n,
    };
    let drawn = svg(&[1, 2].map(window));
    assert_eq!(drawn.matches("<polyline").count(), 5);
    for part in ["p50", "p99", "MiB", "ms", "a second", "seconds since", ">20<"] {
        assert!(drawn.contains(part), "`{part}` is missing in {drawn}");
    }
    // The middle of the first axis, which ends at 100, and the value 100 at its top.
    assert!(drawn.contains(">50<") && drawn.contains("776.0,40.0"), "{drawn}");
}

#[test]
fn axes_end_at_round_numbers() {
    let ends = [0.7, 1.0, 1.1, 19.0, 433.0, 501.0].map(round_above);
    assert_eq!(ends, [1.0, 1.0, 2.0, 20.0, 500.0, 1000.0]);
}
