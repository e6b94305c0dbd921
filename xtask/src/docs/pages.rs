//! The built pages: every link leads to a file of the site, and nothing comes from another host.

use std::path::Path;

use anyhow::{Context, Result};

use crate::sources::{entries, read};

/// What is wrong with the pages, a line each.
pub(super) fn problems(site: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    look_at(site, site, &mut problems)?;
    problems.sort();
    problems.dedup();
    Ok(problems)
}

fn look_at(site: &Path, folder: &Path, problems: &mut Vec<String>) -> Result<()> {
    for path in entries(folder)? {
        // rustdoc checks its own links.
        if path.is_dir() && path != site.join("rust") {
            look_at(site, &path, problems)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            let page = path.strip_prefix(site).context("invariant: found in the site")?;
            // The page for lost addresses is shown at any address.
            if page != Path::new("404.html") {
                problems.extend(problems_of(site, page, &read(&path)?));
            }
        }
    }
    Ok(())
}

fn problems_of(site: &Path, page: &Path, html: &str) -> Vec<String> {
    let folder = page.parent().unwrap_or(page);
    let mut problems = Vec::new();
    for target in attributes(html, "href").chain(attributes(html, "src")) {
        let path = target.split(['#', '?']).next().unwrap_or_default();
        if is_local(target) && !path.is_empty() && !site.join(folder).join(path).exists() {
            problems.push(format!("{}: no {target}", page.display()));
        }
    }
    let loaded = attributes(html, "src").filter(|target| target.contains("://"));
    problems.extend(loaded.map(|target| format!("{}: loads {target}", page.display())));
    problems
}

/// The values of an attribute.
fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {name}=\"");
    let values = html.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap_or(rest));
    values.collect::<Vec<_>>().into_iter()
}

fn is_local(target: &str) -> bool {
    // Of a data: or mailto: address too.
    !target.split(['/', '#', '?']).next().unwrap_or_default().contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_links_and_other_hosts_are_named() {
        let site = std::env::temp_dir().join(format!("handful-pages-{}", std::process::id()));
        std::fs::create_dir_all(site.join("docs")).unwrap();
        let page = "<a href=\"b.html#x\"></a> <a href=\"../index.html\"></a> <a href=\"#y\"></a> \
                    <a href=\"https://example.org/\"></a> <img src=\"https://example.org/a.png\">";
        std::fs::write(site.join("docs/a.html"), page).unwrap();
        std::fs::write(site.join("index.html"), "<img src=\"data:,\">").unwrap();
        let found = problems(&site).unwrap();
        std::fs::remove_dir_all(&site).unwrap();
        let expected = ["docs/a.html: loads https://example.org/a.png", "docs/a.html: no b.html#x"];
        assert_eq!(found, expected);
    }
}
