//! The attribute of `fact-sdk`. Use it from there.

mod attribute;
mod docs;
mod expand;

use proc_macro::TokenStream;

/// Makes a tool of a function.
///
/// ```text
/// /// Finds companies by the beginning of their name.
/// ///
/// /// At most 20 of them come back.
/// #[tool(read_only, title = "Find companies")]
/// fn find(args: Find, context: &Context) -> Result<Found, ToolError> { ... }
/// ```
///
/// - The doc comment is the description: whoever chooses among tools, most often a model, reads nothing else. The lines of
///   its first paragraph are joined, and sections such as `# Errors` are left out. It may stand before or after the attribute,
///   and must be there.
/// - The function takes nothing, or one argument of a type with `Deserialize` and `JsonSchema` whose JSON form is an object; then,
///   if it likes, `&Context`. It returns `Result<T, ToolError>`, where T has `Serialize` and `JsonSchema`, or is
///   `Output` or `Outcome`.
/// - `read_only`, `idempotent` and `open_world` promise something about its effects, and are false when not given. A tool that is
///   not read-only is taken to be `destructive`, unless it says `destructive = false`. `name = "..."` and `title = "..."`
///   replace the names made of the function's.
/// - `cache_ttl = "60s"` says for how long an answer may be used again where nothing can prove that it is still true, since it
///   rests on a clock, dice or the like. All other answers are kept for as long as what they read is unchanged, and need no
///   such word. `cache_negative_ttl = "5s"` lets a failure that the tool reports itself (`invalid-input`, `not-found`,
///   `internal`) be remembered for so long. The host has bounds of its own, and an answer that is used again says so.
///
/// The function stays as it is. Beside it, a hidden type of the same name tells `plugin!` about it, so a module and a tool
/// of one name can't stand in the same place.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, item: TokenStream) -> TokenStream {
    // With a mistake, the function still stands, so that its users are no mistakes too.
    let function = item.clone();
    expand::tool(options.into(), item.into()).map_or_else(
        |e| TokenStream::from_iter([TokenStream::from(e.into_compile_error()), function]),
        TokenStream::from,
    )
}
