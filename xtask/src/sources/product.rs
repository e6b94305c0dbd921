//! Takes test code out of a source file: items under `#[cfg(test)]` and `#[test]`.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::{Attribute, Item};

use super::Source;

impl Source {
    /// Parses a file and takes its test items out.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Source> {
        let syntax = syn::parse_file(text);
        let mut syntax = syntax.with_context(|| format!("{} is not Rust", path.display()))?;
        let mut taken = Taken::default();
        taken.take(&mut syntax.items);
        let test_lines: usize = taken.lines.iter().map(|lines| lines.clone().count()).sum();
        Ok(Source {
            path: path.to_owned(),
            text: blanked(text, &taken.lines),
            lines: text.lines().count() - test_lines,
            syntax,
            test_modules: taken.modules,
        })
    }
}

/// What was taken out of a file.
#[derive(Default)]
struct Taken {
    lines: Vec<RangeInclusive<usize>>,
    /// Names of test modules that live in files of their own.
    modules: Vec<String>,
}

impl Taken {
    fn take(&mut self, items: &mut Vec<Item>) {
        for item in items.iter_mut() {
            if attributes(item).iter().any(is_test) {
                self.note(item);
            } else if let Item::Mod(syn::ItemMod { content: Some((_, items)), .. }) = item {
                self.take(items);
            }
        }
        // After the loop, since the lines of all test items are needed.
        items.retain(|item| !attributes(item).iter().any(is_test));
    }

    fn note(&mut self, item: &Item) {
        let span = item.span();
        self.lines.push(span.start().line..=span.end().line);
        if let Item::Mod(module) = item
            && module.content.is_none()
        {
            self.modules.push(module.ident.to_string());
        }
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]` and `#[test]`; `#[cfg(not(test))]` is product.
fn is_test(attribute: &Attribute) -> bool {
    let path = attribute.path();
    let Ok(list) = attribute.meta.require_list() else { return path.is_ident("test") };
    // Tokens are printed with spaces that the source may not have.
    let condition = list.tokens.to_string().replace(' ', "");
    path.is_ident("cfg") && (condition == "test" || condition.starts_with("all(test,"))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn blanked(text: &str, ranges: &[RangeInclusive<usize>]) -> String {
    let mut blanked = String::with_capacity(text.len());
    for (index, line) in text.lines().enumerate() {
        if !ranges.iter().any(|range| range.contains(&(index + 1))) {
            blanked.push_str(line);
        }
        blanked.push('\n');
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_items_leave_blank_lines() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n#[cfg(test)]\nmod cases;\nfn b() {}\n";
        let source = Source::parse(Path::new("a.rs"), text).unwrap();
        assert_eq!(source.text, "fn a() {}\n\n\n\n\n\nfn b() {}\n");
        assert_eq!((source.lines, source.syntax.items.len()), (2, 2));
        assert_eq!(source.test_modules, ["cases"]);
    }

    #[test]
    fn other_conditions_are_product() {
        let text = "#[cfg(not(test))]\nfn a() {}\n#[cfg(feature = \"test\")]\nfn b() {}\n";
        let source = Source::parse(Path::new("a.rs"), text).unwrap();
        assert_eq!(source.syntax.items.len(), 2);
    }
}
