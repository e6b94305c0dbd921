//! A chart of what galleries reject: ROC curves, and achieved against stated false-accept rates.
//!
//! # Examples
//! ```
//! // Results without unknown classes have nothing to draw.
//! assert!(few_shot::evaluation::rejection_chart::svg(&[]).ends_with("</svg>\n"));
//! ```

use crate::evaluation::accuracy::Outcome;
use crate::evaluation::rejection::UnknownFigures;
use crate::evaluation::svg::{COLORS, Svg};

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 400.0;

/// The left edges of the two panels, their common top, width and height.
const LEFT: [f64; 2] = [56.0, 436.0];
const TOP: f64 = 40.0;
const SIDE: f64 = 304.0;

/// The least upper end of an axis of rates.
const LEAST_RATE: f64 = 0.12;

/// Draws the policies that have figures about unknown images. The left panel has their ROC curves.
/// The right one has the false-accept rate at each stated rate, with a line from the 10th to the
/// 90th percentile over galleries; on the diagonal the stated rate holds.
pub fn svg(results: &[Outcome]) -> String {
    let series: Vec<(String, &UnknownFigures)> = results
        .iter()
        .filter_map(|outcome| Some((outcome.fusion.to_string(), outcome.unknown.as_ref()?)))
        .collect();
    let mut out = Svg::new(WIDTH, HEIGHT);
    let roc =
        Panel { left: LEFT[0], most: 1.0, labels: ["false-positive rate", "true-positive rate"] };
    let labels = ["stated false-accept rate", "achieved"];
    let stated = Panel { left: LEFT[1], most: most_rate(&series), labels };
    roc.frame(&mut out);
    stated.frame(&mut out);
    for (at, (name, figures)) in series.iter().enumerate() {
        let color = COLORS[at % COLORS.len()];
        out.curve(figures.roc.iter().map(|&point| roc.place(point)), color);
        stated_points(&mut out, &stated, figures, color);
        let place = TOP + 18.0 * at as f64;
        let left = LEFT[1] + SIDE + 16.0;
        out.line([left, place], [left + 16.0, place], color, 3.0);
        out.text([left + 20.0, place + 4.0], "start", "black", name);
    }
    out.finish()
}

fn stated_points(out: &mut Svg, panel: &Panel, figures: &UnknownFigures, color: &str) {
    let points = figures.stated.iter().map(|at| panel.place([at.rate, at.false_accept_rate]));
    out.curve(points.clone(), color);
    for (point, at) in points.zip(&figures.stated) {
        out.line(panel.place([at.rate, at.p10]), panel.place([at.rate, at.p90]), color, 1.0);
        out.dot(point, color);
    }
}

/// The greatest rate that is drawn.
fn most_rate(series: &[(String, &UnknownFigures)]) -> f64 {
    let stated = series.iter().flat_map(|(_, figures)| &figures.stated);
    let rates = stated.flat_map(|at| [at.rate, at.false_accept_rate, at.p90]);
    rates.fold(LEAST_RATE, f64::max)
}

/// A square whose axes go from 0 to `most`.
struct Panel {
    left: f64,
    most: f64,
    labels: [&'static str; 2],
}

impl Panel {
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.left + x / self.most * SIDE, TOP + SIDE - y / self.most * SIDE]
    }

    /// Axes, ticks and the diagonal.
    fn frame(&self, out: &mut Svg) {
        for step in 0..=4 {
            let value = self.most * f64::from(step) / 4.0;
            let shown = format!("{:.0} %", 100.0 * value);
            let [x, bottom] = self.place([value, 0.0]);
            let [left, y] = self.place([0.0, value]);
            out.line([left, y], [left + SIDE, y], "#eee", 1.0);
            out.text([left - 6.0, y + 4.0], "end", "black", &shown);
            out.text([x, bottom + 16.0], "middle", "black", &shown);
        }
        out.line(self.place([0.0; 2]), self.place([self.most; 2]), "#ccc", 1.0);
        let [x_label, y_label] = self.labels;
        out.text([self.left + SIDE / 2.0, TOP + SIDE + 36.0], "middle", "black", x_label);
        out.text([self.left, TOP - 14.0], "start", "black", y_label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::policies::Policy;
    use crate::evaluation::rejection::StatedFigures;
    use crate::fusion::Setting;

    fn outcome(false_accept_rate: f64) -> Outcome {
        let stated =
            StatedFigures { rate: 0.05, false_accept_rate, p90: 0.3, ..StatedFigures::default() };
        let unknown = UnknownFigures {
            stated: vec![stated],
            roc: vec![[0.0, 0.5], [1.0, 1.0]],
            ..UnknownFigures::default()
        };
        Outcome {
            fusion: Policy::Mean,
            setting: Setting::Inductive,
            accuracy: 0.5,
            ci95: 0.1,
            gain: None,
            unknown: Some(unknown),
            junk: None,
        }
    }

    #[test]
    fn curves_and_points_are_drawn_where_their_values_are() {
        let drawn = svg(&[outcome(0.15)]);
        assert!(
            drawn.contains("points=\"56.0,192.0 360.0,40.0\""),
            "from one half to the corner: {drawn}"
        );
        // At most 30 %: a sixth of the width, half of the height.
        assert!(drawn.contains("cx=\"486.7\" cy=\"192.0\""), "{drawn}");
        assert!(drawn.contains(">mean</text>"));
    }

    #[test]
    fn policies_without_figures_are_left_out() {
        let plain = Outcome { unknown: None, ..outcome(0.0) };
        assert!(!svg(&[plain]).contains("polyline"));
    }
}
