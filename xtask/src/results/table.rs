//! Reports as Markdown tables.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::report::{Outcome, Report, reports};

/// Bundle and data set of each row of the summary: the stem of its reports, and their titles.
const SUMMARY: [[&str; 3]; 4] = [
    ["efficientnet-lite0-caltech", "`efficientnet-lite0`", "Caltech-101"],
    ["efficientnet-lite0-cifar-fs", "`efficientnet-lite0`", "CIFAR-FS"],
    ["resnet12-cifar-fs-cifar-fs", "`resnet12-cifar-fs`", "CIFAR-FS"],
    ["resnet12-cifar-fs-caltech", "`resnet12-cifar-fs`", "Caltech-101"],
];

/// Number of shots and policy of each figure of the summary, with its heading.
const FIGURES: [(usize, &str, &str); 5] = [
    (1, "semantic", "name only"),
    (1, "mean", "1 shot"),
    (1, "trusted", "1 shot and name"),
    (5, "mean", "5 shots"),
    (5, "trusted", "5 shots and name"),
];

/// A row per policy, a column per report; all reports have one protocol.
pub(super) fn policies(reports: &[Report]) -> Result<String> {
    let first = reports.first().context("no report")?;
    ensure!(reports.iter().all(|other| other.has_protocol_of(first)), "protocols differ");
    let mut heading = vec!["policy".to_owned(), "setting".to_owned()];
    heading.extend(reports.iter().map(|report| shots(report.k_shot)));
    let rows: Vec<Vec<String>> =
        first.results.iter().map(|outcome| policy(outcome, reports)).collect();
    Ok(markdown(&heading, &rows))
}

fn policy(outcome: &Outcome, reports: &[Report]) -> Vec<String> {
    let mut row = vec![outcome.fusion.clone(), outcome.setting.clone()];
    row.extend(reports.iter().map(|report| cell(report.outcome(&outcome.fusion), 2)));
    row
}

/// A row per bundle and data set, with the policies that a device uses.
pub(super) fn summary(folder: &Path) -> Result<String> {
    let mut heading = vec!["bundle".to_owned(), "data set".to_owned()];
    heading.extend(FIGURES.map(|(_, _, title)| title.to_owned()));
    let mut rows = Vec::new();
    for [stem, bundle, data] in SUMMARY {
        let mut row = vec![bundle.to_owned(), data.to_owned()];
        row.extend(figures(&reports(stem, folder)?));
        rows.push(row);
    }
    Ok(markdown(&heading, &rows))
}

fn figures(reports: &[Report]) -> impl Iterator<Item = String> {
    FIGURES.into_iter().map(|(k_shot, fusion, _)| {
        let report = reports.iter().find(|report| report.k_shot == k_shot);
        cell(report.and_then(|report| report.outcome(fusion)), 1)
    })
}

/// Empty where there is no figure.
fn cell(outcome: Option<&Outcome>, decimals: usize) -> String {
    outcome.map_or_else(String::new, |outcome| outcome.percent(decimals))
}

fn shots(k_shot: usize) -> String {
    format!("{k_shot} shot{}", if k_shot == 1 { "" } else { "s" })
}

fn markdown(heading: &[String], rows: &[Vec<String>]) -> String {
    let mut text = line(heading);
    text.push_str(&format!("|{}\n", "---|".repeat(heading.len())));
    for row in rows {
        text.push_str(&line(row));
    }
    text
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn report(k_shot: usize, seed: u64) -> Report {
        let text = format!(
            r#"{{"n_way":5,"k_shot":{k_shot},"n_query":15,"episodes":9,"seed":{seed},"split":"val",
            "results":[{{"fusion":"mean","setting":"inductive","accuracy":0.5,"ci95":0.01234}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn policies_are_rows_and_reports_are_columns() {
        let table = policies(&[report(1, 7), report(5, 7)]).unwrap();
        let expected = "| policy | setting | 1 shot | 5 shots |\n|---|---|---|---|\n\
                        | mean | inductive | 50.00 ± 1.23 | 50.00 ± 1.23 |\n";
        assert_eq!(table, expected);
    }

    #[test]
    fn reports_of_two_protocols_do_not_share_a_table() {
        assert!(policies(&[report(1, 7), report(5, 8)]).is_err());
    }

    #[test]
    fn a_missing_figure_is_an_empty_cell() {
        let row: Vec<String> = figures(&[report(1, 7)]).collect();
        assert_eq!(row, ["", "50.0 ± 1.2", "", "", ""]);
    }
}
