//! Man pages: one for each program and each of its commands, in the macros of man(7).

use super::help::{Page, Section};

/// Name of the file and its text, for a page and all below it. `date` and `version` are printed in
/// the last line of each.
pub(super) fn pages(page: &Page, date: &str, version: &str) -> Vec<(String, String)> {
    let all = page.all().into_iter();
    all.map(|page| (format!("{}.1", file_name(page)), text(page, date, version))).collect()
}

/// As `man` finds it for `man handful gallery` too.
fn file_name(page: &Page) -> String {
    page.name.replace(' ', "-")
}

fn text(page: &Page, date: &str, version: &str) -> String {
    let name = file_name(page);
    let summary = page.about.lines().next().unwrap_or_default();
    let mut text = format!(".TH {} 1 {date} \"Handful {version}\"\n", name.to_uppercase());
    text += &format!(".SH NAME\n{} \\- {}\n", escaped(&name), escaped(summary));
    text += &format!(".SH SYNOPSIS\n{}", verbatim(&page.usage.join("\n")));
    if page.about != summary {
        text += &format!(".SH DESCRIPTION\n{}", paragraphs(&page.about));
    }
    text.extend(page.sections.iter().map(section));
    if !page.rest.is_empty() {
        let rest = page.rest.strip_prefix("Examples:\n").unwrap_or(&page.rest);
        text += &format!(".SH EXAMPLES\n{}", verbatim(rest));
    }
    text
}

fn section(section: &Section) -> String {
    let mut text = format!(".SH {}\n", section.title.to_uppercase());
    for item in &section.items {
        text += &format!(".TP\n\\fB{}\\fR\n{}\n", escaped(&item.term), escaped(&item.text));
    }
    text
}

fn paragraphs(text: &str) -> String {
    text.split("\n\n").map(|paragraph| format!("{}\n.PP\n", lines(paragraph))).collect()
}

/// Text whose lines stay as they are.
fn verbatim(text: &str) -> String {
    format!(".nf\n{}\n.fi\n", lines(text))
}

fn lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

/// Text without what roff would take for a command or a hyphen.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::help::tests::demo;
    use super::*;

    #[test]
    fn each_command_has_a_page() {
        let pages = pages(&demo(), "2026-12-01", "0.1.0");
        let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["demo.1", "demo-list.1"]);
        let text = &pages[0].1;
        assert!(text.starts_with(".TH DEMO 1 2026-12-01 \"Handful 0.1.0\"\n.SH NAME\n"), "{text}");
        assert!(text.contains(".TP\n\\fB\\-j, \\-\\-json[=<BOOL>]\\fR\nPrint JSON"), "{text}");
        assert!(text.contains(".SH EXAMPLES\n.nf\n  demo list\n\nExit"), "{text}");
    }

    #[test]
    fn commands_of_roff_are_escaped() {
        assert_eq!(escaped(".so a-b\\c"), "\\&.so a\\-b\\ec");
    }
}
