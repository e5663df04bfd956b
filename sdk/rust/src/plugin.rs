//! A plugin: its tools under one name.

use crate::bindings::fact::plugin::types as wit;
use crate::tool::Entry;
use crate::{Context, Outcome, ToolError, schema};
use serde_json::{Value, json};

/// A plugin. [`plugin!`](crate::plugin) implements it for a type called `Plugin`.
pub trait Plugin {
    /// Its name: 1 to 32 of a-z, 0-9 and `-`.
    const NAME: &'static str;
    /// Its version.
    const VERSION: &'static str;
    /// What it is for; may be empty.
    const DESCRIPTION: &'static str;
    /// An SPDX expression; may be empty.
    const LICENSE: &'static str;
    /// What it asks for, each with the reason.
    const CAPABILITIES: &'static [(&'static str, &'static str)];
    /// Its tools.
    const TOOLS: &'static [Entry];
}

/// The manifest that the host gets from `describe`.
pub fn manifest<P: Plugin>() -> Value {
    let tools = P::TOOLS.iter().map(|tool| {
        let a = tool.annotations;
        let mut spec = json!({
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "input_schema": (tool.input_schema)(),
        });
        if let Some((schema, object)) = (tool.output_schema)().zip(spec.as_object_mut()) {
            object.insert("output_schema".to_owned(), schema);
        }
        if let Some(object) = spec.as_object_mut() {
            object.insert(
                "annotations".to_owned(),
                json!({
                    "read_only": a.read_only,
                    "destructive": a.destructive,
                    "idempotent": a.idempotent,
                    "open_world": a.open_world,
                }),
            );
            let claim = [("ttl", tool.cache.ttl), ("negative_ttl", tool.cache.negative_ttl)];
            let claim: serde_json::Map<String, Value> = claim
                .into_iter()
                .filter_map(|(key, span)| Some((key.to_owned(), span?.into())))
                .collect();
            if !claim.is_empty() {
                object.insert("cache".to_owned(), claim.into());
            }
        }
        spec
    });
    let requests = P::CAPABILITIES
        .iter()
        .map(|(capability, reason)| json!({ "capability": capability, "reason": reason }));
    json!({
        "name": P::NAME,
        "version": P::VERSION,
        "description": P::DESCRIPTION,
        "license": P::LICENSE,
        "tools": tools.collect::<Vec<_>>(),
        "capabilities": requests.collect::<Vec<_>>(),
    })
}

/// Calls a tool of a plugin by name, as the host does. `arguments` is the text of a JSON object.
///
/// # Errors
/// `not-found` when there is no such tool, `invalid-input` when the arguments don't fit it, else the tool's own.
pub fn call<P: Plugin>(tool: &str, arguments: &str, context: &Context) -> Result<Outcome, ToolError> {
    let entry = P::TOOLS
        .iter()
        .find(|entry| entry.name == tool)
        .ok_or_else(|| ToolError::not_found(format!("`{}` has no tool of that name", P::NAME)))?;
    (entry.call)(arguments, context)
}

/// What the exported `call` does.
pub fn exported_call<P: Plugin>(
    tool: &str,
    arguments: &str,
    context: wit::Context,
) -> Result<wit::Outcome, wit::Error> {
    Context::from_wit(context)
        .and_then(|context| call::<P>(tool, arguments, &context))
        .map(Outcome::into_wit)
        .map_err(ToolError::into_wit)
}

/// The tools whose argument type is no object. A host refuses a plugin that has one; the test that
/// [`plugin!`](crate::plugin) adds finds it before.
pub fn tools_without_object_arguments<P: Plugin>() -> Vec<&'static str> {
    P::TOOLS
        .iter()
        .filter(|tool| !schema::is_object(&(tool.input_schema)()))
        .map(|tool| tool.name)
        .collect()
}

/// Stops the build of a plugin whose names no host would take.
pub const fn check_names(plugin: &str, tools: &[Entry]) {
    assert!(
        is_plugin_name(plugin.as_bytes()),
        "a plugin's name is 1 to 32 of a-z, 0-9 and `-`, beginning with a letter, without `--` or a `-` at the end; \
         set it with plugin!(...; name = \"...\")"
    );
    let mut rest = tools;
    while let [tool, others @ ..] = rest {
        assert!(
            plugin.len() + 1 + tool.name.len() <= 64,
            "PLUGIN_TOOL is longer than the 64 characters that models allow"
        );
        let mut after = others;
        while let [other, more @ ..] = after {
            assert!(
                !same(tool.name.as_bytes(), other.name.as_bytes()),
                "two tools have the same name"
            );
            after = more;
        }
        rest = others;
    }
}

const fn is_plugin_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > 32 {
        return false;
    }
    // A `-` may stand between two others only, so the end counts as one too.
    let mut previous = b'-';
    let mut first = true;
    let mut rest = name;
    while let [c, others @ ..] = rest {
        let good = match *c {
            b'a'..=b'z' => true,
            b'0'..=b'9' => !first,
            b'-' => previous != b'-',
            _ => false,
        };
        if !good {
            return false;
        }
        previous = *c;
        first = false;
        rest = others;
    }
    previous != b'-'
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let (mut a, mut b) = (a, b);
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (more_a, more_b);
    }
    a.is_empty() && b.is_empty()
}

/// Makes a component of tools.
///
/// The first part names the functions that have [`#[tool]`](crate::tool), by path. After a `;` may follow:
///
/// - `name = "..."`, else the package's name;
/// - `capabilities = ["sql:read:*" => "to run the queries you ask for"]`: what the plugin asks for, and why. Asking is not
///   getting: a person grants it, or doesn't.
///
/// Version, description and licence are the package's. The macro stands in the crate's root; it defines a type `Plugin`
/// that tests can hand to [`call`](crate::call) and [`manifest`](crate::manifest), and in test builds one test, that
/// every tool's arguments are an object.
///
/// ```
/// # mod tools { use fact_sdk::{ToolError, tool};
/// # /// Says nothing.
/// # #[tool(read_only)] pub fn quiet() -> Result<(), ToolError> { Ok(()) } }
/// fact_sdk::plugin!(tools::quiet; name = "quiet", capabilities = []);
///
/// # fn main() {
/// assert_eq!(fact_sdk::manifest::<Plugin>()["tools"][0]["name"], "quiet");
/// # }
/// ```
///
/// Names that no host would take, two tools of one name and options that there are not stop the build:
///
/// ```compile_fail
/// # use fact_sdk::{ToolError, tool};
/// # /// Says nothing.
/// # #[tool(read_only)] pub fn quiet() -> Result<(), ToolError> { Ok(()) }
/// fact_sdk::plugin!(quiet; name = "quiet", grants = []);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! plugin {
    ($($tool:path),+ $(,)?) => { $crate::plugin!($($tool),+;); };
    ($($tool:path),+ $(,)?; $($option:ident = $value:tt),* $(,)?) => {
        $($crate::__plugin_option!(@check $option $value);)*

        /// The plugin.
        #[derive(Debug)]
        pub enum Plugin {}

        impl $crate::Plugin for Plugin {
            const NAME: &'static str = $crate::__plugin_option!(@name $($option $value)*);
            const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
            const DESCRIPTION: &'static str = ::core::env!("CARGO_PKG_DESCRIPTION");
            const LICENSE: &'static str = ::core::env!("CARGO_PKG_LICENSE");
            const CAPABILITIES: &'static [(&'static str, &'static str)] =
                $crate::__plugin_option!(@capabilities $($option $value)*);
            const TOOLS: &'static [$crate::__private::Entry] = &[$($crate::__private::Entry::of::<$tool>()),+];
        }

        const _: () = $crate::__private::check_names(
            <Plugin as $crate::Plugin>::NAME,
            <Plugin as $crate::Plugin>::TOOLS,
        );

        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;

            impl $crate::bindings::exports::fact::plugin::tools::Guest for Exported {
                fn describe() -> ::std::string::String {
                    $crate::manifest::<Plugin>().to_string()
                }
                fn call(
                    tool: ::std::string::String,
                    arguments: ::std::string::String,
                    context: $crate::bindings::fact::plugin::types::Context,
                ) -> ::core::result::Result<
                    $crate::bindings::fact::plugin::types::Outcome,
                    $crate::bindings::fact::plugin::types::Error,
                > {
                    $crate::__private::exported_call::<Plugin>(&tool, &arguments, context)
                }
            }

            $crate::bindings::__export!(Exported with_types_in $crate::bindings);
        };

        #[cfg(test)]
        #[test]
        fn every_tool_takes_an_object() {
            let wrong = $crate::__private::tools_without_object_arguments::<Plugin>();
            assert!(wrong.is_empty(), "the arguments of these tools are no JSON object: {wrong:?}");
        }
    };
}

/// Finds one option among those given to [`plugin!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __plugin_option {
    (@check name $value:tt) => {};
    (@check capabilities $value:tt) => {};
    (@check $other:ident $value:tt) => {
        ::core::compile_error!(::core::concat!(
            "`", ::core::stringify!($other), "` is no option of plugin!; there are `name` and `capabilities`"
        ));
    };
    (@name name $value:tt $($rest:tt)*) => { $value };
    (@name $option:ident $value:tt $($rest:tt)*) => { $crate::__plugin_option!(@name $($rest)*) };
    (@name) => { ::core::env!("CARGO_PKG_NAME") };
    (@capabilities capabilities [$($capability:expr => $reason:expr),* $(,)?] $($rest:tt)*) => {
        &[$(($capability, $reason)),*]
    };
    (@capabilities $option:ident $value:tt $($rest:tt)*) => { $crate::__plugin_option!(@capabilities $($rest)*) };
    (@capabilities) => { &[] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_names() {
        for name in [
            "a",
            "sql",
            "issue-tracker",
            "a1-b2",
            "a-very-long-name-of-32-letters-x",
        ] {
            assert!(is_plugin_name(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "A",
            "1a",
            "-a",
            "a-",
            "a--b",
            "a_b",
            "a b",
            "é",
            "a-very-long-name-of-33-letters-xy",
        ] {
            assert!(!is_plugin_name(name.as_bytes()), "{name}");
        }
    }

    fn entry(name: &'static str) -> Entry {
        Entry {
            name,
            title: "T",
            description: "D.",
            annotations: crate::Annotations::default(),
            cache: crate::CacheClaim::NONE,
            input_schema: schema::of_no_arguments,
            output_schema: || None,
            call: |_, _| Err(ToolError::internal("not called")),
        }
    }

    #[test]
    fn good_names() {
        check_names("sql", &[entry("a"), entry("b"), entry("x".repeat(60).leak())]);
    }

    #[test]
    #[should_panic(expected = "two tools have the same name")]
    fn one_name_for_two_tools() {
        check_names("sql", &[entry("a"), entry("b"), entry("a")]);
    }

    #[test]
    #[should_panic(expected = "longer than the 64")]
    fn a_long_name() {
        check_names("sql", &[entry("x".repeat(61).leak())]);
    }

    #[test]
    fn sameness() {
        for (a, b, equal) in [
            ("", "", true),
            ("ab", "ab", true),
            ("ab", "abc", false),
            ("ab", "ac", false),
        ] {
            assert_eq!(same(a.as_bytes(), b.as_bytes()), equal);
        }
    }
}
