//! What the programs print for `--help`, read back: man pages and completions are made of it.
//!
//! So they need no library, the programs need no hidden command, and both state what `--help` does.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The help of a program, or of one of its commands.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    /// As it is typed: `handful gallery`.
    pub(super) name: String,
    pub(super) about: String,
    /// Lines of the usage, without the word.
    pub(super) usage: Vec<String>,
    pub(super) sections: Vec<Section>,
    /// Examples and what follows them, as printed.
    pub(super) rest: String,
    pub(super) commands: Vec<Page>,
}

/// A list of terms: commands, arguments or options.
#[derive(Debug, PartialEq)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) items: Vec<Item>,
}

/// `--json` and what it does.
#[derive(Debug, PartialEq)]
pub(super) struct Item {
    pub(super) term: String,
    pub(super) text: String,
}

impl Page {
    /// Reads the help of a program and of all its commands.
    pub(super) fn of(program: &Path) -> Result<Self> {
        let name = program.file_name().context("the program has no name")?;
        Self::of_command(program, &name.to_string_lossy(), &[])
    }

    fn of_command(program: &Path, name: &str, words: &[&str]) -> Result<Self> {
        let mut help = Command::new(program);
        // Wide, so that no text is broken into lines.
        help.args(words).arg("--help").env("COLUMNS", "100000");
        let mut page = Self::parse(name, &process::output(&mut help)?);
        for command in page.command_names() {
            let name = format!("{name} {command}");
            let words = [words, &[command.as_str()]].concat();
            page.commands.push(Self::of_command(program, &name, &words)?);
        }
        Ok(page)
    }

    fn parse(name: &str, help: &str) -> Self {
        let (about, help) = help.split_once("Usage: ").unwrap_or((help, ""));
        let (usage, help) = help.split_once("\n\n").unwrap_or((help, ""));
        let (sections, rest) = sections(help);
        Self {
            name: name.to_owned(),
            about: about.trim().to_owned(),
            usage: usage.lines().map(|line| line.trim().to_owned()).collect(),
            sections,
            rest,
            commands: Vec::new(),
        }
    }

    /// Commands below this one. `help` is none: it only prints the others.
    fn command_names(&self) -> Vec<String> {
        let lists = self.sections.iter().filter(|section| section.title == "Commands");
        let terms = lists.flat_map(|section| &section.items).map(|item| item.term.clone());
        terms.filter(|term| term != "help").collect()
    }

    /// Every option with what it does, as `--long`, or `-s` if it has no long form.
    pub(super) fn options(&self) -> Vec<(String, &str)> {
        let items = self.sections.iter().flat_map(|section| &section.items);
        let options = items.filter(|item| item.term.starts_with('-'));
        options.map(|item| (option(&item.term), item.text.as_str())).collect()
    }

    /// This page and all below it.
    pub(super) fn all(&self) -> Vec<&Self> {
        let below = self.commands.iter().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }
}

/// `--json` of `-j, --json[=<BOOL>]`.
fn option(term: &str) -> String {
    let start = term.find("--").unwrap_or(0);
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    let name = &term[start..];
    name[..name.find(is_end).unwrap_or(name.len())].to_owned()
}

/// The lists at the front, and the text after them.
fn sections(help: &str) -> (Vec<Section>, String) {
    let mut sections: Vec<Section> = Vec::new();
    let mut lines = help.lines().peekable();
    while let Some(line) = lines.peek() {
        if let Some(title) = title(line) {
            sections.push(Section { title: title.to_owned(), items: Vec::new() });
        } else if let Some(section) = sections.last_mut().filter(|_| line.starts_with("  ")) {
            section.add(line);
        } else if !line.is_empty() {
            break;
        }
        lines.next();
    }
    let rest: Vec<&str> = lines.collect();
    (sections, rest.join("\n"))
}

/// The title of a list; that of examples begins the text after the lists.
fn title(line: &str) -> Option<&str> {
    let title = line.strip_suffix(':').filter(|title| !title.starts_with(' '))?;
    (title != "Examples").then_some(title)
}

impl Section {
    fn add(&mut self, line: &str) {
        let is_term = line.len() - line.trim_start().len() < 10;
        let line = line.trim();
        match self.items.last_mut().filter(|_| !is_term) {
            Some(item) => {
                item.text += if item.text.is_empty() { "" } else { " " };
                item.text += line;
            }
            None => {
                let (term, text) = line.split_once("  ").unwrap_or((line, ""));
                self.items.push(Item { term: term.to_owned(), text: text.trim().to_owned() });
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const HELP: &str = "\
Recognizes images

Usage: demo [OPTIONS] <COMMAND>
       demo FILE

Commands:
  list  List what is there
  help  Print this message

Options:
  -j, --json[=<BOOL>]  Print JSON
          and nothing else
  -h                   Print help

Examples:
  demo list

Exit codes: 0 done.
";

    #[test]
    fn a_help_is_read_back() {
        let page = Page::parse("demo", HELP);
        assert_eq!(page.about, "Recognizes images");
        assert_eq!(page.usage, ["demo [OPTIONS] <COMMAND>", "demo FILE"]);
        assert_eq!(page.command_names(), ["list"]);
        let options = [("--json".to_owned(), "Print JSON and nothing else")];
        assert_eq!(page.options(), [&options[..], &[("-h".to_owned(), "Print help")]].concat());
        assert_eq!(page.rest, "Examples:\n  demo list\n\nExit codes: 0 done.");
    }

    /// A page with one command.
    pub(in crate::dist) fn demo() -> Page {
        let mut page = Page::parse("demo", HELP);
        page.commands.push(Page::parse("demo list", "List\n\nUsage: demo list\n\nOptions:\n"));
        page
    }
}
