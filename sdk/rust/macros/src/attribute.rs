//! The options of `#[tool(...)]`.

use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{LitBool, LitStr, Result};

/// The options, as written.
#[derive(Default)]
pub(crate) struct Options {
    read_only: Option<bool>,
    destructive: Option<bool>,
    idempotent: Option<bool>,
    open_world: Option<bool>,
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) cache_ttl: Option<LitStr>,
    pub(crate) cache_negative_ttl: Option<LitStr>,
}

impl Options {
    pub(crate) fn parse(tokens: proc_macro2::TokenStream) -> Result<Self> {
        let mut options = Options::default();
        syn::meta::parser(|meta| options.take(&meta)).parse2(tokens.clone())?;
        if options.read_only() && options.destructive() {
            return Err(syn::Error::new_spanned(
                tokens,
                "a tool can't be both `read_only` and `destructive`",
            ));
        }
        Ok(options)
    }

    pub(crate) fn read_only(&self) -> bool {
        self.read_only.unwrap_or(false)
    }

    /// The worst is assumed of a tool that may write and says no more.
    pub(crate) fn destructive(&self) -> bool {
        self.destructive.unwrap_or(!self.read_only())
    }

    pub(crate) fn idempotent(&self) -> bool {
        self.idempotent.unwrap_or(false)
    }

    pub(crate) fn open_world(&self) -> bool {
        self.open_world.unwrap_or(false)
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
        } else if meta.path.is_ident("cache_ttl") {
            return set(&mut self.cache_ttl, span(meta)?, meta);
        } else if meta.path.is_ident("cache_negative_ttl") {
            return set(&mut self.cache_negative_ttl, span(meta)?, meta);
        } else {
            return Err(meta.error(
                "there are `read_only`, `destructive`, `idempotent`, `open_world`, `name = \"...\"`, `title = \"...\"`, \
                 `cache_ttl = \"...\"` and `cache_negative_ttl = \"...\"`",
            ));
        };
        let value = if meta.input.peek(syn::Token![=]) {
            meta.value()?.parse::<LitBool>()?.value
        } else {
            true
        };
        set(flag, value, meta)
    }
}

fn set<T>(place: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if place.replace(value).is_some() {
        Err(meta.error("given twice"))
    } else {
        Ok(())
    }
}

/// A span of time that every host reads: numbers, each with its unit.
fn span(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    let text: LitStr = meta.value()?.parse()?;
    if is_span(&text.value()) {
        Ok(text)
    } else {
        Err(syn::Error::new_spanned(
            text,
            "a lifetime is whole numbers above 0 with `ms`, `s`, `m`, `h` or `d`, such as \"60s\" or \"1h 30m\"",
        ))
    }
}

fn is_span(text: &str) -> bool {
    let mut parts = text.split_whitespace().peekable();
    parts.peek().is_some()
        && parts.all(|part| {
            let unit = part.trim_start_matches(|c: char| c.is_ascii_digit());
            let number = part.strip_suffix(unit).unwrap_or_default();
            matches!(unit, "ms" | "s" | "m" | "h" | "d")
                && number.parse::<u32>().is_ok_and(|number| number > 0)
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[track_caller]
    fn check(tokens: proc_macro2::TokenStream, expected: Option<[bool; 4]>) {
        let flags = Options::parse(tokens).ok();
        let flags = flags.map(|o| [o.read_only(), o.destructive(), o.idempotent(), o.open_world()]);
        assert_eq!(flags, expected);
    }

    #[test]
    fn promises() {
        check(quote!(), Some([false, true, false, false]));
        check(quote!(read_only), Some([true, false, false, false]));
        check(quote!(destructive = false), Some([false, false, false, false]));
        check(
            quote!(destructive, idempotent, open_world),
            Some([false, true, true, true]),
        );
        check(
            quote!(read_only, name = "a_b-C", title = "A"),
            Some([true, false, false, false]),
        );
    }

    #[test]
    fn lifetimes() {
        for good in ["60s", "1h 30m", "250ms", "7d"] {
            assert!(is_span(good), "{good}");
            let options = Options::parse(quote!(read_only, cache_ttl = #good, cache_negative_ttl = "1s"));
            assert_eq!(options.unwrap().cache_ttl.unwrap().value(), good);
        }
        for bad in [
            "",
            " ",
            "60",
            "s",
            "-1s",
            "1.5s",
            "0s",
            "1 s",
            "soon",
            "60s,",
            "99999999999s",
        ] {
            assert!(!is_span(bad), "{bad}");
            check(quote!(cache_negative_ttl = #bad), None);
        }
    }

    #[test]
    fn refusals() {
        check(quote!(read_only, destructive), None);
        check(quote!(read_only, read_only), None);
        check(quote!(readonly), None);
        check(quote!(name = ""), None);
        check(quote!(name = "a b"), None);
        check(quote!(title = " "), None);
        check(quote!(cache_ttl), None);
        check(quote!(cache_ttl = 60), None);
        check(quote!(cache_ttl = "1s", cache_ttl = "2s"), None);
        check(quote!(destructive = "no"), None);
    }
}
