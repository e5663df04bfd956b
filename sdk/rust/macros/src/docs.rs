//! Doc comments as descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta, Result};

/// The text of the doc comment; none when there is none. The lines of the first paragraph are joined, the rest is kept. Sections
/// such as `# Errors` are for readers of the source, not for who chooses among tools: the text ends before the first.
pub(crate) fn description(attributes: &[Attribute]) -> Result<Option<String>> {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) = &pair.value
        else {
            return Err(syn::Error::new_spanned(
                &pair.value,
                "a tool's description must be written out here",
            ));
        };
        // A `/** */` comment is one attribute of many lines.
        let text = text.value();
        lines.extend(
            text.split('\n')
                .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()),
        );
    }
    Ok(join(&lines))
}

/// The name for a reader that a function's name makes: `parse_json` is "Parse json".
pub(crate) fn title(name: &str) -> String {
    let words = name
        .split(['_', '-'])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn join(lines: &[String]) -> Option<String> {
    let lines = lines
        .iter()
        .map(String::as_str)
        .take_while(|line| !line.starts_with("# "));
    let lines = lines.collect::<Vec<_>>();
    let text = lines.join("\n");
    let text = text.trim();
    let (first, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let first = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    match (first.is_empty(), rest.trim()) {
        (true, _) => None,
        (false, "") => Some(first),
        (false, rest) => Some(format!("{first}\n\n{rest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::{ItemFn, parse_quote};

    #[track_caller]
    fn check(function: ItemFn, expected: Option<&str>) {
        assert_eq!(description(&function.attrs).unwrap().as_deref(), expected);
    }

    #[test]
    fn descriptions() {
        check(parse_quote! { fn f() {} }, None);
        check(
            parse_quote! {
                ///
                fn f() {}
            },
            None,
        );
        check(
            parse_quote! {
                /// One line.
                fn f() {}
            },
            Some("One line."),
        );
        check(
            parse_quote! {
                /// Broken over
                /// two lines.
                ///
                /// - kept
                ///   as it is
                #[inline]
                fn f() {}
            },
            Some("Broken over two lines.\n\n- kept\n  as it is"),
        );
        check(
            parse_quote! {
                /// Divides.
                ///
                /// # Errors
                /// By zero.
                fn f() {}
            },
            Some("Divides."),
        );
        check(
            parse_quote! {
                /// # Errors
                fn f() {}
            },
            None,
        );
        check(
            parse_quote! {
                #[doc = "Written"]
                #[doc = " otherwise."]
                fn f() {}
            },
            Some("Written otherwise."),
        );
    }

    #[test]
    fn included_descriptions_are_refused() {
        let function: ItemFn = parse_quote! { #[doc = include_str!("x.md")] fn f() {} };
        assert!(description(&function.attrs).is_err());
    }

    #[test]
    fn titles() {
        for (name, expected) in [
            ("add", "Add"),
            ("parse_json", "Parse json"),
            ("_a__b-c", "A b c"),
            ("", ""),
        ] {
            assert_eq!(title(name), expected);
        }
    }
}
