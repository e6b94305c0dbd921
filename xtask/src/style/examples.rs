//! Doc examples of library crates: how many compile, and which public modules have none.

use std::path::Path;

use syn::{Item, Visibility};

use super::numbers::{Numbers, Place};
use crate::sources::Source;
use crate::sources::lexer::{Kind, pieces};

/// Folders of the crates that other people's programs use.
const LIBRARIES: [&str; 2] = ["edge", "few-shot"];

pub(super) fn are_wanted(folder: &Path) -> bool {
    LIBRARIES.iter().any(|name| folder.ends_with(name))
}

/// Reads the modules of the library; those of a program beside it are no documentation.
pub(super) fn measure(sources: &[Source], numbers: &mut Numbers) {
    if let Some(root) = sources.iter().find(|source| source.path.ends_with("src/lib.rs")) {
        numbers.examples += module(root, sources, numbers);
    }
}

/// The number of examples in a module, its private modules included. Public ones report their own.
fn module(source: &Source, sources: &[Source], numbers: &mut Numbers) -> usize {
    let mut own = examples(&source.text);
    for item in &source.syntax.items {
        let Item::Mod(item) = item else { continue };
        let name = item.ident.to_string();
        let Some(child) = child(source, &name, sources) else { continue };
        // Private modules are entered too: their items may be re-exported, and rustdoc tests them.
        let found = module(child, sources, numbers);
        if matches!(item.vis, Visibility::Public(_)) {
            numbers.examples += found;
            if found == 0 {
                let what = format!("module {name} has no doc example");
                numbers.bare_modules.push(Place::new(&child.path, 1, what));
            }
        } else {
            own += found;
        }
    }
    own
}

fn child<'a>(parent: &Source, name: &str, sources: &'a [Source]) -> Option<&'a Source> {
    let folder = parent.children_folder();
    let files = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
    sources.iter().find(|source| files.contains(&source.path))
}

/// Code blocks in documentation that `cargo test` compiles.
fn examples(text: &str) -> usize {
    let docs = pieces(text).into_iter().filter(|(kind, _)| *kind == Kind::Doc);
    let lines = docs.flat_map(|(_, range)| text[range].lines());
    let fences =
        lines.filter_map(|line| line.trim_start_matches(['/', '!', '*', ' ']).strip_prefix("```"));
    // Every second fence closes a block.
    fences.step_by(2).filter(|tags| compiles(tags)).count()
}

fn compiles(tags: &str) -> bool {
    const COMPILED: [&str; 4] = ["", "rust", "no_run", "should_panic"];
    tags.split(',').map(str::trim).all(|tag| COMPILED.contains(&tag) || tag.starts_with("edition"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(files: &[(&str, &str)]) -> Numbers {
        let parsed = files.iter().map(|(path, text)| Source::parse(Path::new(path), text).unwrap());
        let mut numbers = Numbers::default();
        measure(&parsed.collect::<Vec<_>>(), &mut numbers);
        numbers
    }

    #[test]
    fn public_modules_without_an_example_are_named() {
        let example = "//! ```\n//! let a = 1;\n//! ```\n";
        let numbers = measured(&[
            ("edge/src/lib.rs", "pub mod a;\npub mod b;\nmod c;"),
            ("edge/src/a.rs", "mod inner;"),
            ("edge/src/a/inner.rs", example),
            ("edge/src/b.rs", "//! ```text\n//! no code\n//! ```"),
            ("edge/src/c.rs", example),
        ]);
        assert_eq!(numbers.examples, 2);
        let bare: Vec<_> = numbers.bare_modules.iter().map(|place| &place.file).collect();
        assert_eq!(bare, [Path::new("edge/src/b.rs")]);
    }

    #[test]
    fn only_blocks_that_compile_are_examples() {
        let text = "/// ```no_run\n/// a\n/// ```\n/// ```ignore\n/// ```\n/// ```json\n/// ```\nfn a() {}";
        assert_eq!(examples(text), 1);
    }
}
