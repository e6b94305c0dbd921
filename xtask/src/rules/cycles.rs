//! The modules of a crate have no import cycles.
//!
//! For every module, its own file and its children must not need each other; a child stands
//! for everything below it. Test code is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::modules::{Edge, ModulePath, Tree};
use crate::root;
use crate::sources::{Source, packages, sources};

/// Modules that need each other.
struct Cycle {
    /// The module that holds them.
    within: ModulePath,
    members: BTreeSet<ModulePath>,
    /// One place for each pair.
    edges: Vec<Edge>,
}

/// The first place where one member needs another.
type Pairs<'a> = BTreeMap<(ModulePath, ModulePath), &'a Edge>;

fn cycles(tree: &Tree) -> Vec<Cycle> {
    let edges = tree.edges();
    tree.paths().flat_map(|within| cycles_within(within, &edges)).collect()
}

fn cycles_within(within: &ModulePath, edges: &[Edge]) -> Vec<Cycle> {
    let pairs = pairs(within, edges);
    let mut cycles: Vec<Cycle> = Vec::new();
    for (start, _) in pairs.keys() {
        if cycles.iter().any(|cycle| cycle.members.contains(start)) {
            continue;
        }
        let members = on_cycles_with(start, &pairs);
        if !members.is_empty() {
            let edges = edges_among(&members, &pairs);
            cycles.push(Cycle { within: within.clone(), members, edges });
        }
    }
    cycles
}

fn pairs<'a>(within: &ModulePath, edges: &'a [Edge]) -> Pairs<'a> {
    let mut pairs = Pairs::new();
    for edge in edges {
        let from = member(within, &edge.from);
        let to = member(within, &edge.to);
        if let Some(pair) = from.zip(to).filter(|(from, to)| from != to) {
            pairs.entry(pair).or_insert(edge);
        }
    }
    pairs
}

/// The module itself for its own file, the child for everything below that child.
fn member(within: &ModulePath, module: &ModulePath) -> Option<ModulePath> {
    let length = module.len().min(within.len() + 1);
    module.starts_with(within).then(|| module[..length].to_vec())
}

/// Members that `start` leads to and that lead back to it; `start` is one if there is any.
fn on_cycles_with(start: &ModulePath, pairs: &Pairs) -> BTreeSet<ModulePath> {
    let leads_back = |member: &ModulePath| reached(member, pairs).contains(start);
    reached(start, pairs).into_iter().filter(leads_back).collect()
}

fn edges_among(members: &BTreeSet<ModulePath>, pairs: &Pairs) -> Vec<Edge> {
    let inner =
        pairs.iter().filter(|((from, to), _)| members.contains(from) && members.contains(to));
    inner.map(|(_, edge)| (*edge).clone()).collect()
}

/// All modules that one leads to.
fn reached(start: &ModulePath, pairs: &Pairs) -> BTreeSet<ModulePath> {
    let mut found = BTreeSet::new();
    let mut open = vec![start.clone()];
    while let Some(module) = open.pop() {
        for (from, to) in pairs.keys() {
            if *from == module && found.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    found
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<String> = self.members.iter().map(shown).collect();
        writeln!(f, "in {}: {}", shown(&self.within), members.join(" <-> "))?;
        for edge in &self.edges {
            let Edge { from, to, file, line, path } = edge;
            writeln!(
                f,
                "    {} -> {}  ({}:{line} `{path}`)",
                shown(from),
                shown(to),
                file.display()
            )?;
        }
        Ok(())
    }
}

fn shown(path: &ModulePath) -> String {
    if path.is_empty() { "crate".to_owned() } else { path.join("::") }
}

#[test]
fn modules_have_no_import_cycles() {
    let root = root().unwrap();
    let mut found = Vec::new();
    for package in packages(&root).unwrap() {
        let sources = sources(&root, &package).unwrap();
        let roots: Vec<&Source> = sources.iter().filter(|source| source.is_crate_root()).collect();
        assert!(!roots.is_empty(), "no root of a crate in {}", package.folder.display());
        for root in roots {
            let cycles = cycles(&Tree::of(root, &sources));
            found.extend(cycles.iter().map(|cycle| format!("{}: {cycle}", package.name)));
        }
    }
    assert!(found.is_empty(), "{} import cycles:\n{}", found.len(), found.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::super::modules::made_up;
    use super::*;

    /// The members of each cycle of a made-up crate.
    fn check(files: &[(&str, &str)], expected: &[&[&str]]) {
        let cycles = cycles(&made_up(files));
        let members: Vec<Vec<String>> =
            cycles.iter().map(|cycle| cycle.members.iter().map(shown).collect()).collect();
        assert_eq!(
            members,
            expected,
            "{}",
            cycles.iter().map(Cycle::to_string).collect::<String>()
        );
    }

    #[test]
    fn two_children_that_import_each_other_are_a_cycle() {
        let a = "use super::b::B;\npub struct A(B);";
        let b = "pub struct B;\nfn f() { crate::a::A; }";
        check(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", a), ("b.rs", b)], &[&["a", "b"]]);
    }

    #[test]
    fn re_exports_are_followed_to_the_child_that_defines() {
        let root = "mod a;\nmod b;\npub use a::A;\npub use b::B;";
        let a = "use super::B;\npub struct A(B);";
        let one_way = [("lib.rs", root), ("a.rs", a), ("b.rs", "pub struct B;")];
        check(&one_way, &[]);
        let b = "pub struct B;\nfn f(a: crate::A) {}";
        check(&[("lib.rs", root), ("a.rs", a), ("b.rs", b)], &[&["a", "b"]]);
    }

    #[test]
    fn a_parent_that_uses_a_child_which_uses_it_is_a_cycle() {
        let root = "mod a;\npub struct P;\nfn f() { a::run(); }";
        let a = "use super::P;\npub fn run() -> P { P }";
        check(&[("lib.rs", root), ("a.rs", a)], &[&["crate", "a"]]);
        let declares = "mod a;\npub use a::run;\npub struct P;";
        check(&[("lib.rs", declares), ("a.rs", a)], &[]);
    }

    #[test]
    fn folders_that_need_each_other_are_a_cycle() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "mod c;\npub mod d;"),
            ("a/c.rs", "use crate::b::f::F;"),
            ("a/d.rs", "pub struct D;"),
            ("b.rs", "pub mod e;\npub mod f;"),
            ("b/e.rs", "fn g() { vec![crate::a::d::D] }"),
            ("b/f.rs", "pub struct F;"),
        ];
        check(&files, &[&["a", "b"]]);
    }

    #[test]
    fn test_code_is_left_out() {
        let a = "use super::b::B;\npub struct A(B);";
        let b = "pub struct B;\n#[cfg(test)]\nmod tests { use crate::a::A; }";
        check(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", a), ("b.rs", b)], &[]);
    }

    #[test]
    fn a_cycle_shows_where_it_can_be_cut() {
        let a = "\nuse super::b::B;\npub struct A(B);";
        let b = "use super::a::A;\npub struct B;";
        let files = [("lib.rs", "mod a;\nmod b;"), ("a.rs", a), ("b.rs", b)];
        let shown = cycles(&made_up(&files))[0].to_string();
        assert!(shown.starts_with("in crate: a <-> b\n"), "{shown}");
        assert!(shown.contains("a -> b  (a.rs:2 `super::b::B`)"), "{shown}");
    }
}
