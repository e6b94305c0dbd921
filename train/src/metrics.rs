//! Progress of a training: a progress bar, `metrics.jsonl`, TensorBoard events and a plot.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use models::disk;
use serde::Serialize;
use terminal::note;

use crate::run::Run;

mod epoch;
mod plot;
mod tensorboard;

pub use epoch::EpochMetrics;

/// A progress bar with rate and remaining time. Hidden unless standard error is a terminal.
pub fn progress_bar(what: &'static str, unit: &str) -> ProgressBar {
    let template =
        format!("{{prefix}} {{wide_bar}} {{pos}}/{{len}} {unit} · {{per_sec}} · {{eta}} left");
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_prefix(what).with_style(style)
}

/// Writes the metrics of a run.
#[derive(Debug)]
pub struct Metrics {
    run: Run,
    log: File,
    events: tensorboard::EventFile,
    history: Vec<EpochMetrics>,
    bar: ProgressBar,
    started: Instant,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    metrics: &'a EpochMetrics,
    seconds: f64,
}

impl Metrics {
    /// Continues after `epochs_done` epochs and drops later lines of an earlier attempt.
    pub fn open(run: &Run, epochs_done: u64) -> Result<Self> {
        let path = run.file("metrics.jsonl");
        // An interrupted epoch may already have a line; without this cut it would appear twice.
        let lines = kept_lines(&path, epochs_done)?;
        disk::write(
            &path,
            lines.iter().map(|(line, _)| format!("{line}\n")).collect::<String>().as_bytes(),
        )?;
        Ok(Self {
            run: run.clone(),
            log: OpenOptions::new()
                .append(true)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))?,
            events: tensorboard::EventFile::create(run.folder())?,
            history: lines.into_iter().map(|(_, metrics)| metrics).collect(),
            bar: ProgressBar::hidden(),
            started: Instant::now(),
        })
    }

    /// Shows the progress bar of an epoch, counted from 0, and starts its clock.
    pub fn start_epoch(&mut self, epoch: u64, epochs: u64, images: u64) -> ProgressBar {
        self.bar = progress_bar("", "images").with_prefix(format!("epoch {}/{epochs}", epoch + 1));
        self.bar.set_length(images);
        self.started = Instant::now();
        self.bar.clone()
    }

    /// Seconds since the start of the epoch.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Writes the metrics of an epoch to all outputs.
    pub fn finish_epoch(&mut self, metrics: EpochMetrics) -> Result<()> {
        let seconds = self.seconds();
        let line = serde_json::to_string(&Line { metrics: &metrics, seconds })?;
        // Before the checkpoint of the epoch: after a crash between the two, the epoch is trained
        // again, and `open` drops this line.
        writeln!(self.log, "{line}").context("cannot write metrics.jsonl")?;
        let val = metrics.val_accuracy;
        self.events.scalars(
            metrics.step,
            &[
                ("train/loss", Some(metrics.loss)),
                ("train/accuracy", Some(metrics.train_accuracy)),
                ("train/learning_rate", Some(metrics.learning_rate)),
                ("val/accuracy", val),
            ],
        )?;
        self.bar.finish_and_clear();
        let shown = val.map_or(String::new(), |v| {
            format!(
                " · val {:.2} ± {:.2} %",
                100.0 * v,
                100.0 * metrics.val_ci95.unwrap_or_default()
            )
        });
        // Standard output is for the results of commands.
        note!(
            "epoch {:>3} · loss {:.4} · train {:.2} %{shown} · {:.0} images/s",
            metrics.epoch,
            metrics.loss,
            100.0 * metrics.train_accuracy,
            metrics.images as f64 / seconds,
        );
        // The plot is drawn anew after each epoch, so that a running training can be watched.
        self.history.push(metrics);
        Ok(disk::write(&self.run.file("plot.svg"), plot::svg(&self.history).as_bytes())?)
    }
}

/// The lines of the first `epochs` epochs, or none without a file.
fn kept_lines(path: &std::path::Path, epochs: u64) -> Result<Vec<(String, EpochMetrics)>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let mut kept = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        // A crash may cut the last line short; its epoch is trained again.
        let Ok(metrics) = serde_json::from_str::<EpochMetrics>(&line) else { break };
        if metrics.epoch <= epochs {
            kept.push((line, metrics));
        }
    }
    Ok(kept)
}
