//! `handful-train plot`: reports of evaluations as a chart.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use few_shot::evaluate::Report;
use few_shot::fusion::Fusion;
use models::disk;
use train::chart::{Series, svg};
use train::error::BadInput;

use super::say;

const MAX_REPORT_BYTES: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Reports of `evaluate --json`, each with its place on the horizontal axis.
    #[arg(required = true, value_name = "X=FILE")]
    reports: Vec<At>,
    /// What stands under the horizontal axis.
    #[arg(long, value_name = "TEXT", default_value = "images of a class")]
    label: String,
    /// Policies to draw, a comma between two; all by default.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    fusion: Vec<Fusion>,
    /// The SVG to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A report and where it stands.
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
    reports.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut series: Vec<Series> = Vec::new();
    for At { x, file } in reports {
        let bytes = disk::read(&file, MAX_REPORT_BYTES)?;
        let wrong =
            |e| BadInput(format!("{} is no report of `evaluate --json`: {e}", file.display()));
        let report: Report = serde_json::from_slice(&bytes).map_err(wrong)?;
        let asked = |fusion: Fusion| options.fusion.is_empty() || options.fusion.contains(&fusion);
        for outcome in report.results.iter().filter(|outcome| asked(outcome.fusion)) {
            let name = outcome.fusion.to_string();
            let point = [x, 100.0 * outcome.accuracy, 100.0 * outcome.ci95];
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push(point),
                None => series.push(Series { name, points: vec![point] }),
            }
        }
    }
    disk::write(&options.out, svg(&series, &options.label).as_bytes())?;
    say(format_args!("wrote {}: {} lines", options.out.display(), series.len()))?;
    Ok(())
}
