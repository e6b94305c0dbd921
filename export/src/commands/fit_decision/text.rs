//! The result of a fit, as text and as JSON.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use export::fit_decision::FittedDecision;
use few_shot::decision::DecisionTable;
use few_shot::fit::decision_fit::{DecisionFigures, FitReport, GalleryGroup, SetFigures};
use models::dataset::Half;
use serde_json::Value;

/// Numbers of classes whose figures are shown for galleries with images and for those of names.
const SHOWN: [usize; 4] = [2, 5, 10, 20];
const SHOWN_NAMES: [usize; 1] = [5];

/// One indented JSON object.
pub(super) fn json(
    FittedDecision { fit, held_out }: &FittedDecision,
    left_out: &[Value],
    out: &Path,
) -> String {
    let object = serde_json::json!({
        "written": true,
        "bundle": out,
        "report": fit.report,
        "held_out": held_out,
        "table": fit.model.table,
        "left_out": left_out,
    });
    format!("{object:#}")
}

/// Several lines: the data, the constants, and a table of figures.
pub(super) fn summary(
    FittedDecision { fit, held_out }: &FittedDecision,
    half: Option<Half>,
    out: &Path,
    elapsed: Duration,
) -> String {
    let mut text = constants(&fit.report, &fit.model.table);
    text += &figures("base classes of the fit", &fit.report.sets);
    if let Some(half) = half {
        text += &figures(&format!("held-out base classes ({half})"), held_out);
    }
    let seconds = elapsed.as_secs_f64();
    text + &format!("\nwrote {} in {seconds:.0} s", out.display())
}

fn constants(report: &FitReport, table: &DecisionTable) -> String {
    let mut text = String::new();
    let weights = &table.weights;
    let background = match report.background {
        0 => "none: scores are plain cosines".to_owned(),
        rows => {
            format!("{rows} directions, novelty {}, overlap {}", weights.novelty, weights.overlap)
        }
    };
    let expected: Vec<String> = table
        .expected
        .by_shots
        .iter()
        .map(|(shots, score)| format!("{score:.3} at {shots}"))
        .collect();
    let _ = writeln!(text, "  background  {background}");
    let _ = writeln!(text, "  expected    {} images of a class", expected.join(", "));
    let known = table.confidence.with_images;
    let _ =
        writeln!(text, "  confidence  slope {:.2}, intercept {:.2}", known.slope, known.intercept);
    text
}

/// A table of figures in percent.
fn figures(title: &str, sets: &[SetFigures]) -> String {
    let names = sets.iter().map(|set| set.name.len()).max().unwrap_or(0).max(title.len());
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\n  {:<names$}  {:<16}  {:>6}  {:>5}  unknown / known images accepted at",
        "", "", "AUROC", ""
    );
    let _ = writeln!(
        text,
        "  {title:<names$}  {:<16}  {:>6}  {:>5}  {:>11}  {:>11}  {:>11}",
        "galleries", "cosine", "score", "1 %", "5 %", "10 %"
    );
    for set in sets {
        for figures in set.galleries.iter().filter(|figures| is_shown(figures)) {
            let _ = writeln!(text, "  {:<names$}  {}", set.name, line(figures));
        }
    }
    text
}

fn is_shown(figures: &DecisionFigures) -> bool {
    match figures.drawn {
        GalleryGroup::Images => SHOWN.contains(&figures.classes),
        GalleryGroup::ByName => SHOWN_NAMES.contains(&figures.classes),
        GalleryGroup::SimilarNames => true,
    }
}

fn line(figures: &DecisionFigures) -> String {
    let kind = match figures.drawn {
        GalleryGroup::Images => "classes",
        GalleryGroup::ByName => "names",
        GalleryGroup::SimilarNames => "similar names",
    };
    let kind = format!("{} {kind}", figures.classes);
    let cosine = 100.0 * figures.auroc_cosine;
    let mut line = format!("{kind:<16}  {cosine:>6.1}  {:>5.1}", 100.0 * figures.auroc);
    for stated in figures.stated.iter().filter(|stated| stated.rate != 0.02) {
        let accepted = format!(
            "{:.1} / {:.1}",
            100.0 * stated.false_accept_rate,
            100.0 * stated.true_accept_rate
        );
        let _ = write!(line, "  {accepted:>11}");
    }
    line
}
