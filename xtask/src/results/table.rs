//! Reports as Markdown tables.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::report::{Outcome, Report, Unknown, reports};

/// Bundle and data set of each row of the summary: the stem of its reports, and their titles.
const SUMMARY: [[&str; 3]; 4] = [
    ["efficientnet-lite0-caltech", "`efficientnet-lite0`", "Caltech-101"],
    ["efficientnet-lite0-cifar-fs", "`efficientnet-lite0`", "CIFAR-FS"],
    ["resnet12-cifar-fs-cifar-fs", "`resnet12-cifar-fs`", "CIFAR-FS"],
    ["resnet12-cifar-fs-caltech", "`resnet12-cifar-fs`", "Caltech-101"],
];

/// The setting of the summary: a device classifies one image at a time.
const SETTING: &str = "inductive";

/// Number of shots and policy of each figure of the summary, with its heading.
const FIGURES: [(usize, &str, &str); 5] = [
    (1, "semantic", "name only"),
    (1, "mean", "1 shot"),
    (1, "trusted", "1 shot and name"),
    (5, "mean", "5 shots"),
    (5, "trusted", "5 shots and name"),
];

/// The stated rates of the table of unknown images.
const UNKNOWN_RATES: [f64; 3] = [0.01, DEFAULT_RATE, 0.1];

/// The rate of a gallery whose rate nobody has set.
const DEFAULT_RATE: f64 = 0.05;

/// A row per policy, a column per report; all reports have one protocol.
pub(super) fn policies(reports: &[Report]) -> Result<String> {
    let first = reports.first().context("no report")?;
    ensure!(reports.iter().all(|other| other.has_protocol_of(first)), "protocols differ");
    // With a figure for every policy of the first report, none of another is left out.
    let counts_are_equal = reports.iter().all(|other| other.results.len() == first.results.len());
    ensure!(counts_are_equal, "the reports have different policies");
    let mut heading = vec!["policy".to_owned(), "setting".to_owned()];
    heading.extend(reports.iter().map(|report| shots(report.k_shot)));
    let rows = first.results.iter().map(|outcome| policy(outcome, reports));
    Ok(markdown(&heading, &rows.collect::<Result<Vec<_>>>()?))
}

fn policy(outcome: &Outcome, reports: &[Report]) -> Result<Vec<String>> {
    let mut row = vec![outcome.fusion.clone(), outcome.setting.clone()];
    for report in reports {
        row.push(report.outcome(&outcome.fusion, &outcome.setting)?.percent(2));
    }
    Ok(row)
}

/// A row per bundle and data set, with the policies that a device uses.
pub(super) fn summary(folder: &Path) -> Result<String> {
    let mut heading = vec!["bundle".to_owned(), "data set".to_owned()];
    heading.extend(FIGURES.map(|(_, _, title)| title.to_owned()));
    let mut rows = Vec::new();
    for [stem, bundle, data] in SUMMARY {
        let mut row = vec![bundle.to_owned(), data.to_owned()];
        row.extend(figures(&reports(stem, folder)?).with_context(|| stem.to_owned())?);
        rows.push(row);
    }
    Ok(markdown(&heading, &rows))
}

fn figures(reports: &[Report]) -> Result<Vec<String>> {
    let mut figures = Vec::new();
    for (k_shot, fusion, _) in FIGURES {
        figures.push(outcome(reports, k_shot, fusion)?.percent(1));
    }
    Ok(figures)
}

fn outcome<'a>(reports: &'a [Report], k_shot: usize, fusion: &str) -> Result<&'a Outcome> {
    let report = reports.iter().find(|report| report.k_shot == k_shot);
    report.with_context(|| format!("no report at {k_shot} shots"))?.outcome(fusion, SETTING)
}

/// A row per bundle, data set and figure of the summary: how unknown images are rejected.
pub(super) fn unknown(folder: &Path) -> Result<String> {
    let heading = ["bundle", "data set", "classes from", "AUROC", "of the cosine"];
    let rates = UNKNOWN_RATES.map(|rate| format!("accepted at {:.0} %", 100.0 * rate));
    let heading = heading.map(str::to_owned).into_iter().chain(rates);
    let heading = heading.chain(["known kept".to_owned(), "ECE".to_owned()]).collect::<Vec<_>>();
    let mut rows = Vec::new();
    for [stem, bundle, data] in SUMMARY {
        let reports = reports(stem, folder)?;
        for (k_shot, fusion, title) in FIGURES {
            let unknown = outcome(&reports, k_shot, fusion)?.unknown();
            let mut row = [bundle, data, title].map(str::to_owned).to_vec();
            row.extend(rejection(unknown.with_context(|| stem.to_owned())?)?);
            rows.push(row);
        }
    }
    Ok(markdown(&heading, &rows))
}

fn rejection(unknown: &Unknown) -> Result<Vec<String>> {
    let Unknown { auroc, auroc_ci95, auroc_cosine, ece, .. } = unknown;
    let mut row = vec![format!("{:.1} ± {:.1}", 100.0 * auroc, 100.0 * auroc_ci95)];
    row.push(format!("{:.1}", 100.0 * auroc_cosine));
    for rate in UNKNOWN_RATES {
        row.push(format!("{:.1} %", 100.0 * unknown.at(rate)?.false_accept_rate));
    }
    row.push(format!("{:.0} %", 100.0 * unknown.at(DEFAULT_RATE)?.true_accept_rate));
    row.push(format!("{:.1} %", 100.0 * ece));
    Ok(row)
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

    fn measured(fusion: &str) -> Outcome {
        let text = format!(
            r#"{{"fusion":"{fusion}","setting":"inductive","accuracy":0.5,"ci95":0.01234}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn report(k_shot: usize, seed: u64) -> Report {
        Report {
            n_way: 5,
            k_shot,
            n_query: 15,
            episodes: 9,
            seed,
            split: "val".to_owned(),
            results: vec![measured("mean")],
        }
    }

    #[test]
    fn policies_are_rows_and_reports_are_columns() {
        let table = policies(&[report(1, 7), report(5, 7)]).unwrap();
        let expected = "| policy | setting | 1 shot | 5 shots |\n|---|---|---|---|\n\
                        | mean | inductive | 50.00 ± 1.23 | 50.00 ± 1.23 |\n";
        assert_eq!(table, expected);
    }

    #[test]
    fn a_report_without_unknown_classes_has_no_such_figures() {
        let error = measured("mean").unknown().unwrap_err();
        check(error, "policy `mean` was measured without --unknown");
    }

    #[test]
    fn unknown_figures_are_percentages() {
        let stated = [0.01, 0.05, 0.1].map(|rate| {
            format!(r#"{{"rate":{rate},"false_accept_rate":0.043,"true_accept_rate":0.875}}"#)
        });
        let stated = stated.join(",");
        let text = format!(
            r#"{{"auroc":0.934,"auroc_ci95":0.002,"auroc_cosine":0.911,"ece":0.07,"stated":[{stated}]}}"#
        );
        let unknown: Unknown = serde_json::from_str(&text).unwrap();
        let expected = ["93.4 ± 0.2", "91.1", "4.3 %", "4.3 %", "4.3 %", "88 %", "7.0 %"];
        assert_eq!(rejection(&unknown).unwrap(), expected);
        assert!(unknown.at(0.02).is_err(), "a rate that was not measured");
    }

    #[test]
    fn reports_of_two_protocols_do_not_share_a_table() {
        assert!(policies(&[report(1, 7), report(5, 8)]).is_err());
    }

    fn check(error: anyhow::Error, expected: &str) {
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_missing_figure_is_an_error() {
        let mut one = report(1, 7);
        let missing = "the report at 1 shots has no inductive policy `semantic`";
        check(figures(&[report(1, 7)]).unwrap_err(), missing);
        one.results = ["semantic", "mean", "trusted"].map(measured).into();
        check(figures(&[one]).unwrap_err(), "no report at 5 shots");
    }

    #[test]
    fn a_policy_that_another_report_lacks_is_an_error() {
        let mut renamed = report(5, 7);
        renamed.results[0].fusion = "median".to_owned();
        let missing = "the report at 5 shots has no inductive policy `mean`";
        check(policies(&[report(1, 7), renamed]).unwrap_err(), missing);
        let mut other = report(5, 7);
        other.results[0].setting = "transductive".to_owned();
        check(policies(&[report(1, 7), other]).unwrap_err(), missing);
        let mut more = report(5, 7);
        more.results.push(measured("median"));
        let different = "the reports have different policies";
        check(policies(&[report(1, 7), more]).unwrap_err(), different);
    }
}
