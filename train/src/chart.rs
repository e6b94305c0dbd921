//! Accuracies of several policies against one quantity, as an SVG: lines with their 95 % intervals and a legend.

use crate::svg::Svg;

/// A line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Ascending `x`, the accuracy and half its interval, both in percent.
    pub points: Vec<[f64; 3]>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 160.0;
const MARGIN: f64 = 40.0;

/// Told apart by people who see colors differently (Okabe and Ito 2008).
const COLORS: [&str; 7] =
    ["#000000", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00"];

/// Draws all series; `label` stands under the horizontal axis, whose ticks are the values of `x`, evenly spaced.
pub fn svg(series: &[Series], label: &str) -> String {
    let mut ticks: Vec<f64> = series.iter().flat_map(|s| s.points.iter().map(|p| p[0])).collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    let ends = series.iter().flat_map(|s| s.points.iter()).flat_map(|p| [p[1] - p[2], p[1] + p[2]]);
    let (low, high) = ends.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let (low, high) = if low > high { (0.0, 1.0) } else { (low.floor(), high.ceil()) };
    let x = |value: f64| {
        let place = ticks.iter().position(|tick| *tick == value).unwrap_or(0) as f64;
        LEFT + place / (ticks.len().max(2) - 1) as f64 * (WIDTH - LEFT - RIGHT)
    };
    let y = |value: f64| {
        HEIGHT - MARGIN - (value - low) / (high - low).max(1e-9) * (HEIGHT - 2.0 * MARGIN)
    };
    let mut out = Svg::new(WIDTH, HEIGHT);
    let right = WIDTH - RIGHT;
    for step in 0..=5 {
        let value = low + (high - low) * f64::from(step) / 5.0;
        let at = y(value);
        out.line([LEFT, at], [right, at], "#eee", 1.0);
        out.text([LEFT - 6.0, at + 4.0], "end", "black", &format!("{value:.1} %"));
    }
    for tick in &ticks {
        out.text([x(*tick), HEIGHT - MARGIN + 16.0], "middle", "black", &tick.to_string());
    }
    out.text([(LEFT + right) / 2.0, HEIGHT - 8.0], "middle", "black", label);
    for (at, Series { name, points }) in series.iter().enumerate() {
        let color = COLORS[at % COLORS.len()];
        out.curve(points.iter().map(|[at, value, _]| [x(*at), y(*value)]), color);
        for [at, value, ci95] in points {
            out.line([x(*at), y(value - ci95)], [x(*at), y(value + ci95)], color, 1.0);
            out.dot([x(*at), y(*value)], color);
        }
        let place = MARGIN + 18.0 * at as f64;
        out.line([right + 12.0, place], [right + 28.0, place], color, 3.0);
        out.text([right + 32.0, place + 4.0], "start", "black", name);
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_drawn_within_the_frame() {
        let series = |name: &str, up: f64| Series {
            name: name.to_owned(),
            points: vec![[1.0, 60.0 + up, 0.5], [5.0, 70.0 + up, 0.4], [10.0, 75.0 + up, 0.3]],
        };
        let drawn = svg(&[series("mean", 0.0), series("a<b", 3.0)], "images & names");
        assert_eq!(drawn.matches("<polyline").count(), 2);
        assert_eq!(drawn.matches("<circle").count(), 6);
        assert!(drawn.contains("a&lt;b") && drawn.contains("images &amp; names"));
        let inside =
            |y: &str| y.parse::<f64>().is_ok_and(|y| (MARGIN..=HEIGHT - MARGIN).contains(&y));
        let ys = drawn.split("cy=\"").skip(1).filter_map(|part| part.split('"').next());
        assert!(ys.into_iter().all(inside), "{drawn}");
        assert!(svg(&[], "nothing").ends_with("</svg>\n"));
    }
}
