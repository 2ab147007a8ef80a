//! Finds functions, items of tests, and texts of clap's attributes in a syntax tree.

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, ItemFn, ItemImpl, ItemMod, Meta, Signature, TraitItemFn};

use super::rust::{Function, Line, LineIndex, SourceFile};

/// Attributes of clap with texts for the user.
const CLAP: [&str; 5] = ["arg", "command", "value", "group", "clap"];

/// Parses the tokens and adds what it finds to `source`.
pub(super) fn find(stream: TokenStream, index: &LineIndex, source: &mut SourceFile) -> Result<()> {
    let file: syn::File = syn::parse2(stream)?;
    Finder { index, source }.visit_file(&file);
    Ok(())
}

struct Finder<'a> {
    index: &'a LineIndex,
    source: &'a mut SourceFile,
}

impl Finder<'_> {
    fn function(&mut self, signature: &Signature, block: &Block) {
        let line = *self.index.lines(signature.fn_token.span).start();
        let end = *self.index.lines(block.brace_token.span.close()).end();
        let name = signature.ident.to_string();
        self.source.functions.push(Function { name, line, lines: end + 1 - line });
    }

    /// Returns true if the item is part of tests. Adds its lines to the source's test lines.
    fn is_test(&mut self, attributes: &[Attribute], span: proc_macro2::Span) -> bool {
        let test = attributes.iter().any(is_test);
        if test {
            self.source.tests.push(self.index.lines(span));
        }
        test
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !self.is_test(&item.attrs, item.span()) {
            visit::visit_item_mod(self, item);
        } else if item.content.is_none() {
            self.source.test_modules.push(item.ident.to_string());
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !self.is_test(&item.attrs, item.span()) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !self.is_test(&item.attrs, item.span()) {
            self.function(&item.sig, &item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !self.is_test(&item.attrs, item.span()) {
            self.function(&item.sig, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta
            && CLAP.iter().any(|name| list.path.is_ident(name))
        {
            self.texts(list.tokens.clone());
        }
    }
}

impl Finder<'_> {
    fn texts(&mut self, stream: TokenStream) {
        for tree in stream {
            match tree {
                TokenTree::Group(group) => self.texts(group.stream()),
                TokenTree::Literal(literal) => {
                    let number = *self.index.lines(literal.span()).start();
                    if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                        self.source.help.push(Line { number, text: text.value() });
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

/// Returns true for `#[test]`, and for `#[cfg]` with a condition that is true in tests only.
fn is_test(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            let names =
                |wanted: &str| list.tokens.clone().into_iter().any(|tree| contains(&tree, wanted));
            names("test") && !names("not") && !names("any")
        }
        _ => false,
    }
}

fn contains(tree: &TokenTree, wanted: &str) -> bool {
    match tree {
        TokenTree::Ident(word) => word == wanted,
        TokenTree::Group(group) => group.stream().into_iter().any(|tree| contains(&tree, wanted)),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> SourceFile {
        SourceFile::parse("x.rs", text).unwrap()
    }

    #[test]
    fn functions_are_measured_and_tests_are_not() {
        let source = parse(
            "/// Doc.\n#[inline]\npub fn f(\n    x: u8,\n) {\n    let _ = x;\n}\n\
             impl S {\n    fn g(&self) { fn h() {} }\n}\n\
             trait T {\n    fn i(&self);\n    fn j(&self) {}\n}\n\
             #[cfg(test)]\nmod tests {\n    fn k() {}\n}\n#[test]\nfn l() {}\n#[cfg(not(test))]\nfn m() {}\n",
        );
        let found: Vec<_> =
            source.functions.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(found, [("f", 3, 5), ("g", 9, 1), ("h", 9, 1), ("j", 13, 1), ("m", 22, 1)]);
        assert_eq!(source.tests, [15..=18, 19..=20]);
        assert!(source.is_test(17) && !source.is_test(22));
    }

    #[test]
    fn test_modules_in_files_are_named() {
        let source = parse(
            "#[cfg(test)]\nmod tests;\n#[cfg(all(test, unix))]\npub(crate) mod testing;\nmod x;\n",
        );
        assert_eq!(source.test_modules, ["tests", "testing"]);
    }

    #[test]
    fn help_is_found_in_attributes_of_clap() {
        let source = parse(
            "#[derive(Args)]\n#[command(after_help = \"One\\nTwo\")]\nstruct S {\n    \
             #[arg(long, help = \"Three\")]\n    #[serde(rename = \"no\")]\n    x: u8,\n}\n",
        );
        let found: Vec<_> =
            source.help.iter().map(|line| (line.number, line.text.as_str())).collect();
        assert_eq!(found, [(2, "One\nTwo"), (4, "Three")]);
    }
}
