//! The results of an evaluation as aligned Markdown tables, in percent.

use crate::evaluation::accuracy::Outcome;
use crate::evaluation::junk::JunkKind;
use crate::evaluation::rejection::{JunkShares, StatedFigures, UnknownFigures};

/// The accuracy of each policy.
pub(crate) fn accuracy(results: &[Outcome]) -> String {
    let rows = results.iter().map(|outcome| {
        let gain = outcome.gain.map_or(String::new(), |gain| {
            format!("{:+.2} ± {:.2}", 100.0 * gain.accuracy, 100.0 * gain.ci95)
        });
        let accuracy = percent(outcome.accuracy, outcome.ci95);
        vec![outcome.fusion.to_string(), outcome.setting.to_string(), accuracy, gain]
    });
    table(&["fusion", "setting", "accuracy", "against mean"], rows)
}

/// How well each policy separates known and unknown images, and what it accepts at each stated
/// rate; nothing if no policy was asked.
pub(crate) fn unknown(results: &[Outcome]) -> String {
    let figures = results.iter().filter_map(|outcome| Some((outcome, outcome.unknown.as_ref()?)));
    let figures: Vec<(&Outcome, &UnknownFigures)> = figures.collect();
    if figures.is_empty() {
        return String::new();
    }
    let heading = ["fusion", "AUROC", "of the cosine", "gain", "FPR at 95 % TPR", "OSCR", "ECE"];
    let separation =
        table(&heading, figures.iter().map(|(outcome, figures)| separation_row(outcome, figures)));
    let heading = [
        "fusion",
        "stated",
        "false accepts",
        "10th to 90th",
        "known accepted",
        "10th to 90th",
        "ambiguous",
        "wrong",
    ];
    let stated = table(
        &heading,
        figures.iter().flat_map(|(outcome, figures)| {
            figures.stated.iter().map(|stated| stated_row(outcome, stated))
        }),
    );
    format!("{separation}\n{stated}")
}

fn separation_row(outcome: &Outcome, figures: &UnknownFigures) -> Vec<String> {
    vec![
        outcome.fusion.to_string(),
        percent(figures.auroc, figures.auroc_ci95),
        percent(figures.auroc_cosine, figures.auroc_cosine_ci95),
        format!("{:+.2} ± {:.2}", 100.0 * figures.auroc_gain, 100.0 * figures.auroc_gain_ci95),
        percent(figures.fpr95, figures.fpr95_ci95),
        percent(figures.oscr, figures.oscr_ci95),
        percent(figures.ece, figures.ece_ci95),
    ]
}

fn stated_row(outcome: &Outcome, stated: &StatedFigures) -> Vec<String> {
    vec![
        outcome.fusion.to_string(),
        format!("{} %", 100.0 * stated.rate),
        percent(stated.false_accept_rate, stated.false_accept_rate_ci95),
        between(stated.p10, stated.p90),
        percent(stated.true_accept_rate, stated.true_accept_rate_ci95),
        between(stated.true_accept_rate_p10, stated.true_accept_rate_p90),
        percent(stated.ambiguous, stated.ambiguous_ci95),
        percent(stated.wrong, stated.wrong_ci95),
    ]
}

/// How much junk each policy accepts at each stated rate; nothing if no policy was asked.
pub(crate) fn junk(results: &[Outcome]) -> String {
    let rows: Vec<Vec<String>> = results
        .iter()
        .filter_map(|outcome| Some((outcome, outcome.junk.as_ref()?)))
        .flat_map(|(outcome, junk)| junk.stated.iter().map(|shares| junk_row(outcome, shares)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let kinds: Vec<String> = JunkKind::ALL.iter().map(JunkKind::to_string).collect();
    let heading = ["fusion", "stated", "all junk"].into_iter();
    table(&heading.chain(kinds.iter().map(String::as_str)).collect::<Vec<_>>(), rows)
}

fn junk_row(outcome: &Outcome, shares: &JunkShares) -> Vec<String> {
    let mut row = vec![
        outcome.fusion.to_string(),
        format!("{} %", 100.0 * shares.rate),
        format!("{:.2}", 100.0 * shares.accepted),
    ];
    let kinds = JunkKind::ALL.iter().map(|kind| shares.kinds.get(kind));
    row.extend(
        kinds.map(|share| share.map_or(String::new(), |share| format!("{:.2}", 100.0 * share))),
    );
    row
}

/// A value with half of the width of its interval.
pub(crate) fn percent(value: f64, ci95: f64) -> String {
    format!("{:.2} ± {:.2}", 100.0 * value, 100.0 * ci95)
}

fn between(low: f64, high: f64) -> String {
    format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high)
}

/// Each column is as wide as its widest cell.
fn table(heading: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let heading = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let rows: Vec<Vec<String>> = [heading].into_iter().chain(rows).collect();
    let mut widths = vec![0; rows[0].len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let dashes = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2)));
    let dashes = format!("|{}\n", dashes.collect::<String>());
    let lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    [&lines[..1], &[dashes], &lines[1..]].concat().concat()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, &width)| format!(" {cell:<width$} |"));
    format!("|{}\n", cells.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["mean".to_owned(), "1.00 ± 0.10".to_owned()]];
        let expected =
            "| fusion | accuracy    |\n|--------|-------------|\n| mean   | 1.00 ± 0.10 |\n";
        assert_eq!(table(&["fusion", "accuracy"], rows), expected);
    }
}
