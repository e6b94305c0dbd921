//! Output on a terminal: aligned tables, bars and progress.

use std::fmt::Display;
use std::iter;

use indicatif::{ProgressBar, ProgressStyle};
use models::fault::AnyFault;
use serde::Serialize;
use terminal::note;
use unicode_width::UnicodeWidthStr;

/// Prints an answer as text or as indented JSON; prints nothing if the text is empty.
///
/// # Errors
/// If standard output cannot be written, as on a full disk.
pub(crate) fn show(answer: &(impl Serialize + Display), json: bool) -> Result<(), AnyFault> {
    let text = if json { to_json(answer) } else { answer.to_string() };
    // JSON escapes control characters itself, so that only text is changed here.
    // Line by line, because a line break is a control character as well.
    let text: Vec<_> = text.lines().map(one_line).collect();
    match text.join("\n").trim_end() {
        "" => Ok(()),
        text => Ok(terminal::print(text)?),
    }
}

/// Prints an error as one line on standard error.
pub(crate) fn print_error(error: &impl Display) {
    note!("error: {}", one_line(&error.to_string()));
}

/// Replaces control characters, so that a file name cannot send commands to the terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

pub(crate) fn to_json(answer: &impl Serialize) -> String {
    serde_json::to_string_pretty(answer).expect("invariant: answers have only string keys")
}

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table: each column is as wide as its widest cell, with two spaces between columns.
pub(crate) fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut widths = vec![0; columns.len()];
    for line in iter::once(&header).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.width().max(*width);
        }
    }
    iter::once(&header).chain(rows).map(|cells| table_line(cells, &widths, columns)).collect()
}

fn table_line(cells: &[String], widths: &[usize], columns: &[(&str, Align)]) -> String {
    let padded = cells.iter().zip(widths).zip(columns);
    let padded = padded.map(|((cell, &width), &(_, align))| pad(cell, width, align));
    let line = padded.collect::<Vec<_>>().join("  ");
    // The last column is not padded: a terminal would wrap the blanks.
    line.trim_end().to_owned() + "\n"
}

/// Pads to a width in terminal cells: `format!` counts characters, and some are wider or invisible.
pub(crate) fn pad(cell: &str, width: usize, align: Align) -> String {
    let space = " ".repeat(width.saturating_sub(cell.width()));
    match align {
        Align::Left => format!("{cell}{space}"),
        Align::Right => format!("{space}{cell}"),
    }
}

/// A bar of at most `cells` blocks for a share in 0..=1, in steps of an eighth of a block.
pub(crate) fn bar(share: f32, cells: u16) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    // The cast turns NaN into 0.
    let eighths = (share.clamp(0.0, 1.0) * f32::from(cells) * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

/// A probability in percent. Neither certainty nor impossibility is ever shown.
pub(crate) fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent >= 99.5 => "> 99 %".to_owned(),
        percent if percent < 0.5 => "< 1 %".to_owned(),
        percent => format!("{} %", percent.round()),
    }
}

/// A rate in percent, with the digits that it was given with.
pub(crate) fn rate(share: f64) -> String {
    // 0.07 is 7 percent, and not 7.000000000000001.
    format!("{} %", (1e6 * share).round() / 1e4)
}

/// A number of examples.
pub(crate) fn counted(examples: usize) -> String {
    if examples == 1 { "1 example".to_owned() } else { format!("{examples} examples") }
}

/// A progress bar on standard error with rate and time left. It is hidden with JSON or without a
/// terminal.
pub(crate) fn progress(what: &'static str, total: usize, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    let style = "{msg} {wide_bar} {pos}/{len}  {per_sec}  {eta} left";
    let style = ProgressStyle::with_template(style).expect("invariant: the template is valid");
    ProgressBar::new(total as u64).with_style(style).with_message(what)
}

/// The same for a number of bytes that is not known before.
pub(crate) fn byte_progress(what: &'static str, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bytes}  {bytes_per_sec}");
    let style = style.expect("invariant: the template is valid");
    ProgressBar::no_length().with_style(style).with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_for_wide_and_combined_characters() {
        let rows =
            [vec!["杯子".to_owned(), "1".to_owned()], vec!["mug".to_owned(), "12".to_owned()]];
        let text = table(&[("class", Align::Left), ("n", Align::Right)], &rows);
        assert_eq!(text, "class   n\n杯子    1\nmug    12\n");
    }

    #[test]
    fn no_probability_is_certain() {
        let shown = [0.0, 0.004, 0.005, 0.934, 0.994, 0.995, 1.0].map(percent);
        assert_eq!(shown, ["< 1 %", "< 1 %", "1 %", "93 %", "99 %", "> 99 %", "> 99 %"]);
    }

    #[test]
    fn rates_keep_their_digits() {
        assert_eq!([0.001, 0.07, 0.125, 0.5].map(rate), ["0.1 %", "7 %", "12.5 %", "50 %"]);
    }

    #[test]
    fn bars_have_eighths() {
        assert_eq!(bar(0.0, 10), "");
        assert_eq!(bar(-1.0, 10), "");
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(0.5 + 1.0 / 32.0, 4), "██▏");
        assert_eq!(bar(f32::NAN, 4), "");
    }
}
