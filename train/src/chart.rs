//! A line chart of accuracies with 95 % confidence intervals and a legend, as an SVG.

use few_shot::evaluation::svg::{COLORS, Svg};

/// A line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// `x` in ascending order, accuracy and half width of its interval, both in percent.
    pub points: Vec<[f64; 3]>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 160.0;
const MARGIN: f64 = 40.0;

/// Draws all series over evenly spaced ticks at the values of `x`. `label` names the horizontal
/// axis.
pub fn svg(series: &[Series], label: &str) -> String {
    let axes = Axes::new(series);
    let mut out = Svg::new(WIDTH, HEIGHT);
    let right = WIDTH - RIGHT;
    for step in 0..=5 {
        let value = axes.low + (axes.high - axes.low) * f64::from(step) / 5.0;
        let at = axes.y(value);
        out.line([LEFT, at], [right, at], "#eee", 1.0);
        out.text([LEFT - 6.0, at + 4.0], "end", "black", &format!("{value:.1} %"));
    }
    for tick in &axes.ticks {
        let at = [axes.x(*tick), HEIGHT - MARGIN + 16.0];
        out.text(at, "middle", "black", &tick.to_string());
    }
    out.text([(LEFT + right) / 2.0, HEIGHT - 8.0], "middle", "black", label);
    for (at, Series { name, points }) in series.iter().enumerate() {
        let color = COLORS[at % COLORS.len()];
        draw(&mut out, &axes, points, color);
        let place = MARGIN + 18.0 * at as f64;
        out.line([right + 12.0, place], [right + 28.0, place], color, 3.0);
        out.text([right + 32.0, place + 4.0], "start", "black", name);
    }
    out.finish()
}

fn draw(out: &mut Svg, axes: &Axes, points: &[[f64; 3]], color: &str) {
    out.curve(points.iter().map(|[x, value, _]| [axes.x(*x), axes.y(*value)]), color);
    for [x, value, ci95] in points {
        let x = axes.x(*x);
        // The vertical line is the 95 % confidence interval.
        out.line([x, axes.y(value - ci95)], [x, axes.y(value + ci95)], color, 1.0);
        out.dot([x, axes.y(*value)], color);
    }
}

/// Maps values to places in the drawing.
struct Axes {
    ticks: Vec<f64>,
    low: f64,
    high: f64,
}

impl Axes {
    fn new(series: &[Series]) -> Self {
        let mut ticks = Vec::new();
        let mut low = f64::MAX;
        let mut high = f64::MIN;
        for [x, value, ci95] in series.iter().flat_map(|series| &series.points) {
            ticks.push(*x);
            low = low.min(value - ci95);
            high = high.max(value + ci95);
        }
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        if ticks.is_empty() {
            return Self { ticks, low: 0.0, high: 1.0 };
        }
        Self { ticks, low: low.floor(), high: high.ceil() }
    }

    fn x(&self, value: f64) -> f64 {
        // Ticks are evenly spaced: numbers of shots such as 1, 2, 5 and 10 would crowd on the left
        // of a linear axis.
        let place = self.ticks.iter().position(|tick| *tick == value).unwrap_or(0) as f64;
        LEFT + place / (self.ticks.len().max(2) - 1) as f64 * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        // Equal values give an axis without extent, by which nothing can be divided.
        let share = (value - self.low) / (self.high - self.low).max(1e-9);
        HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN)
    }
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
