//! The options of `#[tool(...)]`.

use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{LitStr, Result};

/// The options, as written.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) read_only: bool,
    pub(crate) destructive: bool,
    pub(crate) idempotent: bool,
    pub(crate) open_world: bool,
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
}

impl Options {
    pub(crate) fn parse(tokens: proc_macro2::TokenStream) -> Result<Self> {
        let mut options = Options::default();
        syn::meta::parser(|meta| options.take(&meta)).parse2(tokens.clone())?;
        if options.read_only && options.destructive {
            return Err(syn::Error::new_spanned(
                tokens,
                "a tool can't be both `read_only` and `destructive`",
            ));
        }
        Ok(options)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let flag = if meta.path.is_ident("read_only") {
            &mut self.read_only
        } else if meta.path.is_ident("destructive") {
            &mut self.destructive
        } else if meta.path.is_ident("idempotent") {
            &mut self.idempotent
        } else if meta.path.is_ident("open_world") {
            &mut self.open_world
        } else if meta.path.is_ident("name") {
            let name: LitStr = meta.value()?.parse()?;
            check_name(&name)?;
            return set(&mut self.name, name, meta);
        } else if meta.path.is_ident("title") {
            let title: LitStr = meta.value()?.parse()?;
            if title.value().trim().is_empty() {
                return Err(syn::Error::new_spanned(title, "the title is empty"));
            }
            return set(&mut self.title, title, meta);
        } else {
            return Err(meta.error(
                "there are `read_only`, `destructive`, `idempotent`, `open_world`, `name = \"...\"` and `title = \"...\"`",
            ));
        };
        if std::mem::replace(flag, true) {
            Err(meta.error("given twice"))
        } else {
            Ok(())
        }
    }
}

fn set(place: &mut Option<LitStr>, value: LitStr, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if place.replace(value).is_some() {
        Err(meta.error("given twice"))
    } else {
        Ok(())
    }
}

fn check_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let good = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if good {
        Ok(())
    } else {
        Err(syn::Error::new_spanned(
            name,
            "a tool's name is 1 to 64 of a-z, A-Z, 0-9, `_` and `-`",
        ))
    }
}
