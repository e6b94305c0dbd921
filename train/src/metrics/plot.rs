//! The training curve as an SVG: loss on the left axis, validation accuracy on the right.

use few_shot::evaluation::svg::Svg;

use super::epoch::EpochMetrics;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 56.0;
const LOSS: &str = "#1f77b4";
const ACCURACY: &str = "#d62728";

/// Draws all epochs so far.
pub(super) fn svg(history: &[EpochMetrics]) -> String {
    // At least 2: a single epoch would give an axis without extent.
    let last = history.last().map_or(1, |m| m.epoch).max(2) as f64;
    let loss: Vec<(f64, f64)> = history.iter().map(|m| (x_of(m.epoch, last), m.loss)).collect();
    let accuracy: Vec<(f64, f64)> = history
        .iter()
        .filter_map(|m| m.val_accuracy.map(|v| (x_of(m.epoch, last), 100.0 * v)))
        .collect();
    let mut out = Svg::new(WIDTH, HEIGHT);
    curve(&mut out, &loss, LOSS, (MARGIN - 6.0, "end"), "loss");
    curve(&mut out, &accuracy, ACCURACY, (WIDTH - MARGIN + 6.0, "start"), "validation accuracy, %");
    let below = [WIDTH / 2.0, HEIGHT - 16.0];
    out.text(below, "middle", "black", &format!("epoch 1 to {last}"));
    out.finish()
}

fn x_of(epoch: u64, last: f64) -> f64 {
    MARGIN + (epoch as f64 - 1.0) / (last - 1.0) * (WIDTH - 2.0 * MARGIN)
}

/// The place of a value, given as a share of the axis.
fn y_of(share: f64) -> f64 {
    HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN)
}

/// A line with its own vertical axis: ticks at the lowest, the middle and the highest value.
fn curve(
    out: &mut Svg,
    points: &[(f64, f64)],
    color: &str,
    (axis, anchor): (f64, &str),
    label: &str,
) {
    // A loss that diverged must not stretch the axis to infinity.
    let finite = points.iter().map(|p| p.1).filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return;
    }
    let span = (high - low).max(1e-9);
    for value in [low, low + span / 2.0, high] {
        let at = y_of((value - low) / span);
        out.line([MARGIN, at], [WIDTH - MARGIN, at], "#eee", 1.0);
        out.text([axis, at + 4.0], anchor, color, &format!("{value:.2}"));
    }
    out.curve(points.iter().map(|(px, value)| [*px, y_of((value - low) / span)]), color);
    match anchor {
        "end" => out.text([8.0, MARGIN - 24.0], "start", color, label),
        _ => out.text([WIDTH - 8.0, MARGIN - 24.0], "end", color, label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: u64, loss: f64, val_accuracy: Option<f64>) -> EpochMetrics {
        EpochMetrics {
            epoch,
            step: 0,
            images: 0,
            loss,
            train_accuracy: 0.0,
            learning_rate: 0.0,
            val_accuracy,
            val_ci95: None,
            waited_share: 0.0,
        }
    }

    #[test]
    fn curves_fill_the_frame() {
        let drawn = svg(&[epoch(1, 2.0, Some(0.4)), epoch(2, 1.0, None), epoch(3, 1.5, Some(0.6))]);
        assert!(drawn.contains("points=\"56.0,56.0 360.0,304.0 664.0,180.0\""), "{drawn}");
        assert!(drawn.contains("points=\"56.0,304.0 664.0,56.0\""), "{drawn}");
    }

    #[test]
    fn nothing_to_draw_is_no_error() {
        assert!(svg(&[]).trim_end().ends_with("</svg>"));
        assert!(!svg(&[epoch(1, f64::NAN, None)]).contains("polyline"));
    }
}
