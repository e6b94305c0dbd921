//! Accuracies of several policies against one quantity, as an SVG: lines with their 95 % intervals and a legend.

use std::fmt::Write;

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
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for step in 0..=5 {
        let value = low + (high - low) * f64::from(step) / 5.0;
        let at = y(value);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#eee\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.1} %</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }
    for tick in &ticks {
        let (at, below) = (x(*tick), HEIGHT - MARGIN + 16.0);
        let _ =
            writeln!(out, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{tick}</text>");
    }
    let (middle, below) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8.0);
    let _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{}</text>",
        escaped(label)
    );
    for (at, one) in series.iter().enumerate() {
        let color = COLORS[at % COLORS.len()];
        line(&mut out, one, color, &x, &y);
        let (place, text) = (MARGIN + 18.0 * at as f64, WIDTH - RIGHT + 32.0);
        let _ = writeln!(
            out,
            "<line x1=\"{}\" x2=\"{}\" y1=\"{place}\" y2=\"{place}\" stroke=\"{color}\" stroke-width=\"3\"/>\
             <text x=\"{text}\" y=\"{}\">{}</text>",
            WIDTH - RIGHT + 12.0,
            WIDTH - RIGHT + 28.0,
            place + 4.0,
            escaped(&one.name)
        );
    }
    out.push_str("</svg>\n");
    out
}

fn line(
    out: &mut String,
    series: &Series,
    color: &str,
    x: &dyn Fn(f64) -> f64,
    y: &dyn Fn(f64) -> f64,
) {
    let path = |p: &[f64; 3]| format!("{:.1},{:.1}", x(p[0]), y(p[1]));
    let path: Vec<String> = series.points.iter().map(path).collect();
    let _ = writeln!(
        out,
        "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" points=\"{}\"/>",
        path.join(" ")
    );
    for [at, value, ci95] in &series.points {
        let (at, low, high) = (x(*at), y(value - ci95), y(value + ci95));
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{low:.1}\" y2=\"{high:.1}\" stroke=\"{color}\"/>\
             <circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"2.5\" fill=\"{color}\"/>",
            y(*value)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
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
        let drawn = svg(&[series("mean", 0.0), series("a<b", 3.0)], "pictures & names");
        assert_eq!(drawn.matches("<polyline").count(), 2);
        assert_eq!(drawn.matches("<circle").count(), 6);
        assert!(drawn.contains("a&lt;b") && drawn.contains("pictures &amp; names"));
        let inside =
            |y: &str| y.parse::<f64>().is_ok_and(|y| (MARGIN..=HEIGHT - MARGIN).contains(&y));
        let ys = drawn.split("cy=\"").skip(1).filter_map(|part| part.split('"').next());
        assert!(ys.into_iter().all(inside), "{drawn}");
        assert!(svg(&[], "nothing").ends_with("</svg>\n"));
    }
}
