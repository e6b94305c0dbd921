//! The layers of `few-shot`, from the bottom: what a device computes, `evaluation`, `fit`. A module
//! names only its own layer and those below it.

use super::modules::{ModulePath, Tree};
use crate::root;
use crate::sources::{packages, sources};

/// 0 for what a device computes; above it, by the first name of the module's path.
fn layer(module: &ModulePath) -> usize {
    match module.first().map(String::as_str) {
        Some("evaluation") => 1,
        Some("fit") => 2,
        _ => 0,
    }
}

/// One sentence for each place where a module names a layer above its own.
fn violations(tree: &Tree) -> Vec<String> {
    let upward = tree.mentions().into_iter().filter(|edge| layer(&edge.from) < layer(&edge.to));
    upward.map(|edge| format!("{}:{}: `{}`", edge.file.display(), edge.line, edge.path)).collect()
}

#[test]
fn few_shot_names_no_layer_above() {
    let root = root().unwrap();
    let members = packages(&root).unwrap();
    let few_shot = members.iter().find(|member| member.folder.ends_with("few-shot")).unwrap();
    let sources = sources(&root, few_shot).unwrap();
    let library = sources.iter().find(|source| source.path.ends_with("src/lib.rs")).unwrap();
    let tree = Tree::of(library, &sources);
    assert!(tree.paths().any(|module| layer(module) == 2), "few-shot has no module `fit`");
    let violations = violations(&tree);
    assert!(violations.is_empty(), "{violations:#?}");
}

#[cfg(test)]
mod tests {
    use super::super::modules::made_up;
    use super::*;

    const ROOT: &str = "pub mod metric;\npub mod evaluation;\npub mod fit;";

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let files = [&[("lib.rs", ROOT), ("fit.rs", "pub struct F;")], files].concat();
        assert_eq!(violations(&made_up(&files)), expected);
    }

    #[test]
    fn a_layer_names_those_below_it() {
        check(
            &[
                ("metric.rs", "pub struct M;"),
                ("evaluation.rs", "use crate::metric::M;\npub struct E(M);"),
            ],
            &[],
        );
    }

    #[test]
    fn names_of_layers_above_are_found() {
        let metric = "use crate::evaluation::E;\nfn a() { crate::fit::F; }";
        let evaluation = "pub struct E;\nuse super::fit;";
        check(
            &[("metric.rs", metric), ("evaluation.rs", evaluation)],
            &[
                "evaluation.rs:2: `super::fit`",
                "metric.rs:1: `crate::evaluation::E`",
                "metric.rs:2: `crate::fit::F`",
            ],
        );
    }

    #[test]
    fn a_re_export_is_a_name_too() {
        check(
            &[("metric.rs", "pub use crate::fit::F;"), ("evaluation.rs", "")],
            &["metric.rs:1: `crate::fit::F`"],
        );
    }
}
