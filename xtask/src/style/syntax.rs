//! Lengths of functions, closures with a name, and lets that bind two things at once.

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Block, Expr, ImplItemFn, ItemFn, Local, Pat, Signature, TraitItemFn};

use super::numbers::{Length, Numbers, Place};
use crate::sources::Source;

pub(super) fn measure(source: &Source, numbers: &mut Numbers) {
    Visitor { source, numbers }.visit_file(&source.syntax);
}

struct Visitor<'a> {
    source: &'a Source,
    numbers: &'a mut Numbers,
}

impl Visitor<'_> {
    fn function(&mut self, signature: &Signature, body: &Block) {
        // Attributes and documentation lie before the signature and do not count.
        let start = signature.fn_token.span.start().line;
        let end = body.brace_token.span.close().end().line;
        let place = Place::new(&self.source.path, start, signature.ident.to_string());
        self.numbers.functions.push(Length { place, lines: end - start + 1 });
    }

    fn place(&self, span: Span, what: String) -> Place {
        Place::new(&self.source.path, span.start().line, what)
    }
}

impl<'a> Visit<'a> for Visitor<'_> {
    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_local(&mut self, local: &'a Local) {
        let span = local.let_token.span;
        if let Some(name) = closure_name(local) {
            self.numbers.closures.push(self.place(span, name));
        }
        if is_tuple_let(local) {
            self.numbers.tuple_lets.push(self.place(span, "let (…) = (…);".to_owned()));
        }
        visit::visit_local(self, local);
    }
}

/// The name of the closure that a `let` binds.
fn closure_name(local: &Local) -> Option<String> {
    if !is_closure(&local.init.as_ref()?.expr) {
        return None;
    }
    let pattern = match &local.pat {
        Pat::Type(typed) => &*typed.pat,
        pattern => pattern,
    };
    match pattern {
        Pat::Ident(name) => Some(name.ident.to_string()),
        _ => None,
    }
}

/// A closure or a reference to one.
fn is_closure(value: &Expr) -> bool {
    match value {
        Expr::Closure(_) => true,
        Expr::Reference(reference) => is_closure(&reference.expr),
        _ => false,
    }
}

/// `let (a, b) = (x, y);`. With `else` it matches several values, which needs a tuple.
fn is_tuple_let(local: &Local) -> bool {
    let Some(init) = local.init.as_ref() else { return false };
    let is_tuple = matches!(local.pat, Pat::Tuple(_)) && matches!(*init.expr, Expr::Tuple(_));
    is_tuple && init.diverge.is_none()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn measured(text: &str) -> Numbers {
        let mut numbers = Numbers::default();
        measure(&Source::parse(Path::new("a.rs"), text).unwrap(), &mut numbers);
        numbers
    }

    #[test]
    fn functions_are_as_long_as_from_signature_to_brace() {
        let text =
            "/// Doc.\n#[inline]\nfn a(\n    x: u8,\n) {\n    fn b() {}\n}\ntrait T { fn c(); }";
        let lengths = measured(text).functions;
        let lengths: Vec<_> =
            lengths.iter().map(|length| (length.place.what.as_str(), length.lines)).collect();
        assert_eq!(lengths, [("a", 5), ("b", 1)]);
    }

    #[test]
    fn only_closures_with_a_name_count() {
        let text = "fn a() {\n let f = |x| x;\n let g: F = move || 1;\n v.map(|x| x);\n let h = &1;\n let i = &mut |x| x;\n}";
        let lines: Vec<_> = measured(text).closures.iter().map(|place| place.line).collect();
        assert_eq!(lines, [2, 3, 6]);
    }

    #[test]
    fn only_tuples_of_tuples_count() {
        let text = "fn a() {\n let (a, b) = (1, 2);\n let (a, b) = f();\n let (1, b) = (a, b) else { return };\n}";
        let lines: Vec<_> = measured(text).tuple_lets.iter().map(|place| place.line).collect();
        assert_eq!(lines, [2]);
    }
}
