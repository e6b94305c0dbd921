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

/// The right end of the axis of stated rates.
const MOST_STATED: f64 = 0.12;

/// The upper end of the axis of achieved rates is between these; more is drawn at the upper end.
const MOST_ACHIEVED: [f64; 2] = [0.12, 0.4];

/// Places of series are this far apart, so that their lines do not cover each other.
const STEP: f64 = 3.0;

/// Draws the policies that have figures about unknown images. The left panel has their ROC curves.
/// The right one has the false-accept rate at each stated rate, with a line from the 10th to the
/// 90th percentile over galleries; on the diagonal the stated rate holds.
pub fn svg(results: &[Outcome]) -> String {
    let series: Vec<(String, &UnknownFigures)> = results
        .iter()
        .filter_map(|outcome| Some((outcome.fusion.to_string(), outcome.unknown.as_ref()?)))
        .collect();
    let mut out = Svg::new(WIDTH, HEIGHT);
    let labels = ["false-positive rate", "true-positive rate"];
    let roc = Panel { left: LEFT[0], most: [1.0; 2], labels };
    let labels =
        ["stated false-accept rate", "achieved false-accept rate, 10th to 90th percentile"];
    let stated = Panel { left: LEFT[1], most: [MOST_STATED, most_achieved(&series)], labels };
    roc.frame(&mut out);
    stated.frame(&mut out);
    for (at, (name, figures)) in series.iter().enumerate() {
        let color = COLORS[at % COLORS.len()];
        out.curve(figures.roc.iter().map(|&point| roc.place(point)), color);
        let aside = STEP * (at as f64 - (series.len() - 1) as f64 / 2.0);
        stated_points(&mut out, &stated, figures, aside, color);
        let place = TOP + 18.0 * at as f64;
        let left = LEFT[1] + SIDE + 16.0;
        out.line([left, place], [left + 16.0, place], color, 3.0);
        out.text([left + 20.0, place + 4.0], "start", "black", name);
    }
    out.finish()
}

fn stated_points(
    out: &mut Svg,
    panel: &Panel,
    figures: &UnknownFigures,
    aside: f64,
    color: &'static str,
) {
    for at in &figures.stated {
        let [middle, low, high] = [at.false_accept_rate, at.p10, at.p90].map(|achieved| {
            let [x, y] = panel.place([at.rate, achieved]);
            [x + aside, y]
        });
        out.line(low, high, color, 1.0);
        out.dot(middle, color);
    }
}

/// The greatest achieved rate that is drawn.
fn most_achieved(series: &[(String, &UnknownFigures)]) -> f64 {
    let stated = series.iter().flat_map(|(_, figures)| &figures.stated);
    let [least, most] = MOST_ACHIEVED;
    stated.flat_map(|at| [at.false_accept_rate, at.p90]).fold(least, f64::max).min(most)
}

/// A square whose axes go from 0 to `most`.
struct Panel {
    left: f64,
    most: [f64; 2],
    labels: [&'static str; 2],
}

impl Panel {
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [most_x, most_y] = self.most;
        [self.left + x / most_x * SIDE, TOP + SIDE - (y / most_y).min(1.0) * SIDE]
    }

    /// Axes, ticks and the diagonal.
    fn frame(&self, out: &mut Svg) {
        let [most_x, most_y] = self.most;
        for step in 0..=4 {
            let share = f64::from(step) / 4.0;
            let [x, bottom] = self.place([share * most_x, 0.0]);
            let [left, y] = self.place([0.0, share * most_y]);
            out.line([left, y], [left + SIDE, y], "#eee", 1.0);
            out.text([left - 6.0, y + 4.0], "end", "black", &shown(share * most_y));
            out.text([x, bottom + 16.0], "middle", "black", &shown(share * most_x));
        }
        let end = most_x.min(most_y);
        out.line(self.place([0.0; 2]), self.place([end; 2]), "#ccc", 1.0);
        let [x_label, y_label] = self.labels;
        out.text([self.left + SIDE / 2.0, TOP + SIDE + 36.0], "middle", "black", x_label);
        out.text([self.left, TOP - 14.0], "start", "black", y_label);
    }
}

fn shown(rate: f64) -> String {
    format!("{:.0} %", 100.0 * rate)
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
        // 5 of 12 % to the right; half of the height, which is the 90th percentile.
        assert!(drawn.contains("cx=\"562.7\" cy=\"192.0\""), "{drawn}");
        assert!(drawn.contains(">mean</text>"));
    }

    #[test]
    fn a_rate_beyond_the_axis_is_drawn_at_its_end() {
        assert!(svg(&[outcome(0.9)]).contains("cy=\"40.0\""));
    }

    #[test]
    fn policies_without_figures_are_left_out() {
        let plain = Outcome { unknown: None, ..outcome(0.0) };
        assert!(!svg(&[plain]).contains("polyline"));
    }
}
