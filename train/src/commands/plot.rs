//! `handful-train plot`: draws evaluation reports as a chart.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use few_shot::evaluation::policies::Policy;
use few_shot::evaluation::report::Report;
use models::disk;
use train::chart::{Series, svg};
use train::error::BadInput;

use super::print_line;

// A report has a few kilobytes.
const MAX_REPORT_BYTES: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Reports of handful-train evaluate --json, each with its value on the horizontal axis.
    #[arg(required = true, value_name = "X=FILE")]
    reports: Vec<At>,
    /// Label of the horizontal axis.
    #[arg(long, value_name = "TEXT", default_value = "images per class")]
    label: String,
    /// Policies to draw, as the report names them (mean, trusted, ...), separated by commas
    /// [default: all].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    fusion: Vec<Policy>,
    /// Output file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A report and its value on the horizontal axis.
#[derive(Debug, Clone)]
struct At {
    x: f64,
    file: PathBuf,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (x, file) = text.split_once('=').ok_or("expected a number, `=` and a file")?;
        let x = x.parse().ok().filter(|x: &f64| x.is_finite());
        Ok(Self { x: x.ok_or("expected a number before `=`")?, file: file.into() })
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut reports = options.reports.clone();
    // A series needs its points in this order.
    reports.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut series: Vec<Series> = Vec::new();
    for At { x, file } in reports {
        let bytes = disk::read(&file, MAX_REPORT_BYTES)?;
        let report: Report = serde_json::from_slice(&bytes).map_err(|e| {
            BadInput(format!("{} is not a report of evaluate --json: {e}", file.display()))
        })?;
        for outcome in report.results.iter().filter(|outcome| options.draws(outcome.fusion)) {
            let name = outcome.fusion.to_string();
            let point = [x, 100.0 * outcome.accuracy, 100.0 * outcome.ci95];
            // Reports may have different policies: one of a run without a name regressor has only
            // `mean`.
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push(point),
                None => series.push(Series { name, points: vec![point] }),
            }
        }
    }
    disk::write(&options.out, svg(&series, &options.label).as_bytes())?;
    print_line(format_args!("wrote {}: {} lines", options.out.display(), series.len()))
}

impl Options {
    fn draws(&self, fusion: Policy) -> bool {
        self.fusion.is_empty() || self.fusion.contains(&fusion)
    }
}
