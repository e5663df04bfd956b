//! What `#[tool]` writes.

use crate::attribute::Options;
use crate::docs;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, Type};

/// What a tool's function takes.
struct Parameters<'a> {
    arguments: Option<&'a Type>,
    context: bool,
}

pub(crate) fn tool(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(options)?;
    let function: ItemFn = syn::parse2(item)?;
    check_signature(&function)?;
    let parameters = Parameters::of(&function)?;
    let ReturnType::Type(_, answer) = &function.sig.output else {
        return Err(Error::new_spanned(
            &function.sig,
            "a tool returns `Result<T, ToolError>`",
        ));
    };

    let ident = &function.sig.ident;
    let plain = ident.unraw().to_string();
    let description = docs::description(&function.attrs)?.ok_or_else(|| {
        Error::new_spanned(
            ident,
            format!("the tool `{plain}` has no description: write a doc comment that says what it does"),
        )
    })?;
    let name = options
        .name
        .as_ref()
        .map_or_else(|| plain.clone(), syn::LitStr::value);
    if !name.is_ascii() || name.len() > 64 {
        return Err(Error::new_spanned(
            ident,
            "a tool's name is 1 to 64 ASCII characters; set it with `name = \"...\"`",
        ));
    }
    let title = options
        .title
        .as_ref()
        .map_or_else(|| docs::title(&name), syn::LitStr::value);
    let (read_only, destructive) = (options.read_only(), options.destructive());
    let (idempotent, open_world) = (options.idempotent(), options.open_world());

    let lifetime = |text: &Option<syn::LitStr>| match text {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    };
    let (ttl, negative_ttl) = (
        lifetime(&options.cache_ttl),
        lifetime(&options.cache_negative_ttl),
    );

    let (input_schema, read, pass) = match parameters.arguments {
        Some(ty) => (
            quote!(::fact_sdk::__private::of_arguments::<#ty>()),
            quote!(let arguments: #ty = ::fact_sdk::__private::arguments(arguments)?;),
            quote!(arguments,),
        ),
        None => (
            quote!(::fact_sdk::__private::of_no_arguments()),
            quote!(::fact_sdk::__private::no_arguments(arguments)?;),
            quote!(),
        ),
    };
    let pass_context = parameters.context.then(|| quote!(context));
    let visibility = &function.vis;
    let conditions = function
        .attrs
        .iter()
        .filter(|a| a.path().is_ident("cfg"))
        .collect::<Vec<_>>();

    Ok(quote! {
        #function

        #(#conditions)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_docs, missing_debug_implementations, clippy::empty_enums)]
        #visibility enum #ident {}

        #(#conditions)*
        #[automatically_derived]
        impl ::fact_sdk::Tool for #ident {
            const NAME: &'static str = #name;
            const TITLE: &'static str = #title;
            const DESCRIPTION: &'static str = #description;
            const ANNOTATIONS: ::fact_sdk::Annotations = ::fact_sdk::Annotations {
                read_only: #read_only,
                destructive: #destructive,
                idempotent: #idempotent,
                open_world: #open_world,
            };
            const CACHE: ::fact_sdk::CacheClaim = ::fact_sdk::CacheClaim {
                ttl: #ttl,
                negative_ttl: #negative_ttl,
            };
            fn input_schema() -> ::fact_sdk::serde_json::Value {
                #input_schema
            }
            fn output_schema() -> ::core::option::Option<::fact_sdk::serde_json::Value> {
                <#answer as ::fact_sdk::ToolResult>::output_schema()
            }
            fn call(
                arguments: &str,
                context: &::fact_sdk::Context,
            ) -> ::core::result::Result<::fact_sdk::Outcome, ::fact_sdk::ToolError> {
                let _ = context;
                #read
                ::fact_sdk::ToolResult::into_outcome(#ident(#pass #pass_context))
            }
        }
    })
}

fn check_signature(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if let Some(keyword) = &signature.asyncness {
        return Err(Error::new_spanned(
            keyword,
            "a tool is not `async`: what it imports waits by itself",
        ));
    }
    if let Some(keyword) = &signature.unsafety {
        return Err(Error::new_spanned(keyword, "a tool can't be `unsafe`"));
    }
    if signature.generics.type_params().next().is_some() || signature.generics.const_params().next().is_some()
    {
        return Err(Error::new_spanned(
            &signature.generics,
            "a tool can't be generic: its schemas need real types",
        ));
    }
    Ok(())
}

impl<'a> Parameters<'a> {
    fn of(function: &'a ItemFn) -> Result<Self> {
        let mut parameters = Parameters {
            arguments: None,
            context: false,
        };
        for input in &function.sig.inputs {
            let FnArg::Typed(input) = input else {
                return Err(Error::new_spanned(input, "a tool is a function, not a method"));
            };
            match &*input.ty {
                Type::Reference(_) if !parameters.context => parameters.context = true,
                ty if parameters.arguments.is_none()
                    && !parameters.context
                    && !matches!(ty, Type::Reference(_)) =>
                {
                    parameters.arguments = Some(ty);
                }
                _ => {
                    return Err(Error::new_spanned(
                        input,
                        "a tool takes at most one argument (a struct of all its arguments), then `&Context`",
                    ));
                }
            }
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the author of `function` under `#[tool(options)]` reads; none when it is fine.
    #[track_caller]
    fn check(options: TokenStream, function: TokenStream, says: Option<&str>) {
        match (tool(options, function), says) {
            (Ok(_), None) => {}
            (Err(e), Some(says)) => assert!(e.to_string().contains(says), "{e}"),
            (Ok(tokens), Some(says)) => panic!("no error that says `{says}`: {tokens}"),
            (Err(e), None) => panic!("{e}"),
        }
    }

    #[test]
    fn tools() {
        let none = || quote!();
        check(
            none(),
            quote! { #[doc = "D."] fn f() -> Result<(), ToolError> {} },
            None,
        );
        check(
            none(),
            quote! { #[doc = "D."] fn f(args: A) -> Result<(), ToolError> {} },
            None,
        );
        check(
            none(),
            quote! { #[doc = "D."] fn f(context: &Context) -> Result<(), ToolError> {} },
            None,
        );
        check(
            none(),
            quote! { #[doc = "D."] fn f(A { a, b }: A, _: &Context) -> Result<(), ToolError> {} },
            None,
        );
        check(
            none(),
            quote! { #[doc = "D."] pub(crate) fn r#type() -> Result<(), ToolError> {} },
            None,
        );
        check(
            quote!(name = "x"),
            quote! { #[doc = "D."] fn süß() -> Result<(), ToolError> {} },
            None,
        );
    }

    #[test]
    fn mistakes_are_explained() {
        #[track_caller]
        fn refused(function: TokenStream, says: &str) {
            check(quote!(), function, Some(says));
        }
        refused(
            quote! { fn f() -> Result<(), ToolError> {} },
            "the tool `f` has no description",
        );
        refused(
            quote! { #[doc = " "] fn f() -> Result<(), ToolError> {} },
            "no description",
        );
        refused(
            quote! { #[doc = "D."] async fn f() -> Result<(), ToolError> {} },
            "not `async`",
        );
        refused(
            quote! { #[doc = "D."] unsafe fn f() -> Result<(), ToolError> {} },
            "`unsafe`",
        );
        refused(
            quote! { #[doc = "D."] fn f<T>(t: T) -> Result<(), ToolError> {} },
            "generic",
        );
        refused(
            quote! { #[doc = "D."] fn f(a: u8, b: u8) -> Result<(), ToolError> {} },
            "at most one argument",
        );
        refused(
            quote! { #[doc = "D."] fn f(c: &Context, a: A) -> Result<(), ToolError> {} },
            "at most one argument",
        );
        refused(
            quote! { #[doc = "D."] fn f(c: &Context, d: &Context) -> Result<(), ToolError> {} },
            "at most one",
        );
        refused(
            quote! { #[doc = "D."] fn f(&self) -> Result<(), ToolError> {} },
            "not a method",
        );
        refused(quote! { #[doc = "D."] fn f() {} }, "returns `Result");
        refused(
            quote! { #[doc = "D."] fn süß() -> Result<(), ToolError> {} },
            "ASCII",
        );
        refused(quote! { struct S; }, "expected `fn`");
        let fine = || quote! { #[doc = "D."] fn f() -> Result<(), ToolError> {} };
        check(quote!(readonly), fine(), Some("there are `read_only`"));
        check(quote!(read_only, destructive), fine(), Some("both"));
    }
}
