//! What a module names: its imports, and the paths in its code.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Ident, Item, ItemMod, ItemUse, UseTree, Visibility};

/// A path and the line where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// A name that a `use` item brings into a module.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Import {
    /// The name in the module.
    pub(super) name: String,
    pub(super) named: Named,
    /// Others can reach the name through this module; an import for own use cannot be reached.
    pub(super) is_public: bool,
}

/// Everything that one module names.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) imports: Vec<Import>,
    pub(super) globs: Vec<Import>,
    /// Paths in the code, `use` items left out.
    pub(super) paths: Vec<Named>,
}

impl Uses {
    /// Reads items; a module within them is not entered.
    pub(super) fn of(items: &[Item]) -> Uses {
        let mut uses = Uses::default();
        for item in items {
            uses.visit_item(item);
        }
        uses
    }

    /// The import that brings a name into the module.
    pub(super) fn import(&self, name: &str) -> Option<&Import> {
        self.imports.iter().find(|import| import.name == name)
    }

    fn add(&mut self, prefix: &[String], tree: &UseTree, is_public: bool) {
        match tree {
            UseTree::Path(path) => {
                let prefix = [prefix, &[path.ident.to_string()]].concat();
                self.add(&prefix, &path.tree, is_public);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add(prefix, tree, is_public);
                }
            }
            UseTree::Name(name) => self.bind(prefix, &name.ident, &name.ident, is_public),
            UseTree::Rename(name) => self.bind(prefix, &name.ident, &name.rename, is_public),
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                let named = Named { path: prefix.to_vec(), line };
                self.globs.push(Import { name: "*".to_owned(), named, is_public });
            }
        }
    }

    /// Notes `use prefix::item as bound`.
    fn bind(&mut self, prefix: &[String], item: &Ident, bound: &Ident, is_public: bool) {
        let line = item.span().start().line;
        let mut path = prefix.to_vec();
        // `use a::b::{self}` is `use a::b`.
        if item != "self" || prefix.is_empty() {
            path.push(item.to_string());
        }
        let bound = if bound == "self" { path.last().cloned() } else { Some(bound.to_string()) };
        let name = bound.unwrap_or_default();
        self.imports.push(Import { name, named: Named { path, line }, is_public });
    }

    /// Paths within the body of a macro call, which has no syntax of its own.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            if let TokenTree::Punct(punct) = &token
                && punct.as_char() == ':'
            {
                colons += 1;
                continue;
            }
            if !matches!(token, TokenTree::Ident(_)) || colons != 2 {
                self.add_path(&mut path, line);
            }
            colons = 0;
            match token {
                TokenTree::Ident(name) => {
                    line = name.span().start().line;
                    path.push(name.to_string());
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                _ => {}
            }
        }
        self.add_path(&mut path, line);
    }

    fn add_path(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.paths.push(Named { path: std::mem::take(path), line });
        }
    }
}

impl<'a> Visit<'a> for Uses {
    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        self.add(&[], &item.tree, is_public);
    }

    fn visit_item_mod(&mut self, _: &'a ItemMod) {}

    fn visit_path(&mut self, path: &'a syn::Path) {
        let mut names = path.segments.iter().map(|part| part.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |part| part.ident.span().start().line);
        self.add_path(&mut names, line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.add_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_vis_restricted(&mut self, _: &'a syn::VisRestricted) {}

    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> Uses {
        Uses::of(&syn::parse_file(text).unwrap().items)
    }

    #[test]
    fn imports_have_a_name_and_a_path() {
        let uses = uses("use a::{self, b::C as D};\npub use e::*;\nfn f() { use g::H; }");
        let shown: Vec<_> = uses
            .imports
            .iter()
            .map(|import| (import.name.as_str(), import.named.path.join("::"), import.is_public))
            .collect();
        let expected = [("a", "a", false), ("D", "a::b::C", false), ("H", "g::H", false)];
        assert_eq!(shown, expected.map(|(name, path, public)| (name, path.to_owned(), public)));
        assert_eq!(uses.globs[0].named, Named { path: vec!["e".to_owned()], line: 2 });
    }

    #[test]
    fn paths_are_read_in_types_calls_and_macros() {
        let uses = uses("fn f(a: b::C) {\n d::e();\n println!(\"{}\", g::h(i));\n}");
        let paths: Vec<_> = uses.paths.iter().map(|named| named.path.join("::")).collect();
        for path in ["b::C", "d::e", "g::h", "i"] {
            assert!(paths.iter().any(|found| found == path), "{path} of {paths:?}");
        }
    }
}
