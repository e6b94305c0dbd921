//! The modules of a crate and what each names of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::Item;

use super::uses::{Named, Uses};
use crate::sources::Source;

/// Names from the crate's root down; the root itself is empty.
pub(super) type ModulePath = Vec<String>;

/// A place where one module names an item of another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edge {
    pub(super) from: ModulePath,
    pub(super) to: ModulePath,
    pub(super) file: PathBuf,
    pub(super) line: usize,
    /// As written or as imported.
    pub(super) path: String,
}

struct Module {
    file: PathBuf,
    uses: Uses,
    /// Names of the items that the module defines.
    items: BTreeSet<String>,
}

/// All modules of one crate (a library or a program).
#[derive(Default)]
pub(super) struct Tree {
    modules: BTreeMap<ModulePath, Module>,
}

/// Re-exports of re-exports are followed this deep; more is a cycle of `use` items.
const MAX_DEPTH: usize = 12;

impl Tree {
    /// Follows the `mod` items from the file of the crate's root.
    pub(super) fn of(root: &Source, sources: &[Source]) -> Tree {
        let mut tree = Tree::default();
        tree.add_file(Vec::new(), root, sources);
        tree
    }

    fn add_file(&mut self, path: ModulePath, source: &Source, sources: &[Source]) {
        self.add_module(path.clone(), source, &source.syntax.items);
        let folder = source.children_folder();
        for item in &source.syntax.items {
            let Item::Mod(module) = item else { continue };
            let name = module.ident.to_string();
            let path = [&path[..], std::slice::from_ref(&name)].concat();
            if let Some((_, items)) = &module.content {
                self.add_module(path, source, items);
                continue;
            }
            let files = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
            // A `mod` for tests only has no source here.
            if let Some(child) = sources.iter().find(|child| files.contains(&child.path)) {
                self.add_file(path, child, sources);
            }
        }
    }

    fn add_module(&mut self, path: ModulePath, source: &Source, items: &[Item]) {
        let file = source.path.clone();
        let uses = Uses::of(items);
        self.modules.insert(path, Module { file, uses, items: item_names(items) });
    }

    /// Every module.
    pub(super) fn paths(&self) -> impl Iterator<Item = &ModulePath> {
        self.modules.keys()
    }

    /// Every place where the code of a module needs an item that another module defines.
    ///
    /// A name is followed through re-exports to the module that defines it, so a parent that only
    /// declares and re-exports its children needs nothing of them. An import of an item counts; an
    /// import of a module or a re-export counts only where the code uses the name.
    pub(super) fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (from, module) in &self.modules {
            let uses = &module.uses;
            let private = uses.imports.iter().filter(|import| !import.is_public);
            let items = private.map(|import| &import.named).chain(&uses.paths);
            edges.extend(items.filter_map(|named| self.edge(from, named, false)));
            let globs = uses.globs.iter().filter(|import| !import.is_public);
            edges.extend(globs.filter_map(|import| self.edge(from, &import.named, true)));
        }
        edges
    }

    /// Every place where a module names another or one of its items, re-exports included.
    pub(super) fn mentions(&self) -> Vec<Edge> {
        let mut mentions = Vec::new();
        for (from, module) in &self.modules {
            let imports = module.uses.imports.iter().chain(&module.uses.globs);
            let named = imports.map(|import| &import.named).chain(&module.uses.paths);
            mentions.extend(named.filter_map(|named| self.edge(from, named, true)));
        }
        mentions
    }

    /// The edge that a name makes; one that names a module itself makes none unless it is asked for.
    fn edge(&self, from: &ModulePath, named: &Named, modules_count: bool) -> Option<Edge> {
        let target = self.resolve(from, &named.path, 0)?;
        let counts = modules_count || !target.is_module;
        (counts && target.module != *from).then(|| Edge {
            from: from.clone(),
            to: target.module,
            file: self.modules[from].file.clone(),
            line: named.line,
            path: named.path.join("::"),
        })
    }

    /// The module where a path of module `from` ends; `None` for names of other crates and locals.
    fn resolve(&self, from: &ModulePath, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(&Vec::new(), rest, depth),
            "self" => self.descend(from, rest, depth),
            "super" => {
                let (_, parent) = from.split_last()?;
                match rest.first().is_some_and(|next| next == "super") {
                    true => self.resolve(&parent.to_vec(), rest, depth),
                    false => self.descend(&parent.to_vec(), rest, depth),
                }
            }
            _ => self.descend(from, path, depth).filter(|target| target.is_known),
        }
    }

    /// Follows a path whose first name is looked up in `module`.
    fn descend(&self, module: &ModulePath, path: &[String], depth: usize) -> Option<Target> {
        let here = self.modules.get(module).filter(|_| depth < MAX_DEPTH)?;
        let Some((name, rest)) = path.split_first() else {
            return Some(Target { module: module.clone(), is_module: true, is_known: true });
        };
        let child = [&module[..], std::slice::from_ref(name)].concat();
        if self.modules.contains_key(&child) {
            return self.descend(&child, rest, depth);
        }
        if let Some(import) = here.uses.import(name).filter(|import| import.named.path != path) {
            let path = [&import.named.path[..], rest].concat();
            return self.resolve(module, &path, depth + 1);
        }
        if here.items.contains(name) {
            return Some(Target { module: module.clone(), is_module: false, is_known: true });
        }
        // A name that only a macro defines is found nowhere; its module is where the path leads.
        let unknown = Target { module: module.clone(), is_module: false, is_known: false };
        Some(self.through_globs(module, path, depth).unwrap_or(unknown))
    }

    fn through_globs(&self, module: &ModulePath, path: &[String], depth: usize) -> Option<Target> {
        self.modules[module].uses.globs.iter().find_map(|glob| {
            let path = [&glob.named.path[..], path].concat();
            self.resolve(module, &path, depth + 1).filter(|target| target.is_known)
        })
    }
}

struct Target {
    module: ModulePath,
    /// The path names the module itself, not an item in it.
    is_module: bool,
    /// The name was found; macros may define names that are not.
    is_known: bool,
}

fn item_names(items: &[Item]) -> BTreeSet<String> {
    items.iter().filter_map(item_name).collect()
}

fn item_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(name.to_string())
}

/// A crate of made-up files, the first of which is its root.
pub(super) fn made_up(files: &[(&str, &str)]) -> Tree {
    let parsed = files.iter().map(|(path, text)| Source::parse(Path::new(path), text));
    let sources: Vec<Source> = parsed.collect::<Result<_, _>>().expect("invariant: made-up Rust");
    Tree::of(&sources[0], &sources)
}
