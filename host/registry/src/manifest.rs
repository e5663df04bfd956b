//! What a component says about itself, parsed, checked against what it is, and bounded.

use std::collections::BTreeSet;

use fact_component::Inspection;
use fact_types::{Capability, Code, Error, Manifest};

/// Most tools of a plugin. The largest known MCP servers offer some hundred.
const MAX_TOOLS: usize = 256;

/// Largest manifest, as JSON.
pub(crate) const MAX_MANIFEST: usize = 4 << 20;

/// Longest name, title, version or licence, in bytes. People read these in lists.
pub(crate) const MAX_WORDS: usize = 200;

/// Most capabilities that a plugin may ask for. People read these one by one.
const MAX_REQUESTS: usize = 64;

/// Longest description. Models read these.
pub(crate) const MAX_DESCRIPTION: usize = 16 << 10;

fn wrong(why: impl std::fmt::Display) -> Error {
    Error::new(
        Code::BadComponent,
        format!("The plugin's manifest can't be used: {why}."),
    )
}

/// Most keys that a warning names.
const UNKNOWN_MAX: usize = 5;

/// Reads a manifest as its plugin wrote it, and says what is odd about it and does no harm. Its claims are not checked.
///
/// # Errors
/// `bad-component` when it is too large or no manifest, with what its author can do.
pub fn read(text: &str) -> Result<(Manifest, Vec<String>), Error> {
    if text.len() > MAX_MANIFEST {
        return Err(wrong(format!(
            "it has {} bytes; at most {MAX_MANIFEST} are allowed",
            text.len()
        )));
    }
    if text.trim().is_empty() {
        return Err(wrong(
            "it is empty. `fact plugin build` writes it; a component without one is asked what it is",
        ));
    }
    let mut unknown: Vec<String> = Vec::new();
    let mut more = 0_usize;
    let mut json = serde_json::Deserializer::from_str(text);
    let manifest = serde_ignored::deserialize(&mut json, |path| match unknown.len() < UNKNOWN_MAX {
        true => unknown.push(path.to_string()),
        false => more += 1,
    });
    let manifest: Manifest = manifest
        .and_then(|manifest| json.end().map(|()| manifest))
        .map_err(|error| {
            // The parser has no other way to say so.
            match error.to_string().starts_with("recursion limit exceeded") {
                true => wrong(
                    "it is nested too deep to be read. Its author must make the schemas of its tools flatter, with `$defs` and \
                     `$ref` for what repeats",
                ),
                false => wrong(format!("{error}. `fact plugin build` writes one that can")),
            }
        })?;
    let mut warnings = Vec::new();
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.iter().map(String::as_str).collect();
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        warnings.push(format!(
            "Its manifest has keys that this version of FACT does not know and passes over: {}{more}.",
            words(&names)
        ));
    }
    Ok((manifest, warnings))
}

/// Parses a manifest and checks it for itself.
pub(crate) fn parse(text: &str) -> Result<(Manifest, Vec<String>), Error> {
    let (mut manifest, warnings) = read(text)?;
    for tool in &mut manifest.tools {
        // Where a tool is found in the component is for the host to say.
        tool.export = None;
    }
    check(&manifest)?;
    Ok((manifest, warnings))
}

/// Checks a manifest for itself.
pub(crate) fn check(manifest: &Manifest) -> Result<(), Error> {
    if manifest.tools.is_empty() {
        return Err(wrong("it names no tools"));
    }
    if manifest.tools.len() > MAX_TOOLS {
        return Err(wrong(format!(
            "it names {} tools; at most {MAX_TOOLS} are allowed",
            manifest.tools.len()
        )));
    }
    let long = |what: &str, text: &str, most: usize| {
        if text.len() > most {
            return Err(wrong(format!(
                "{what} has {} bytes; at most {most} are allowed",
                text.len()
            )));
        }
        Ok(())
    };
    long("its name", &manifest.name, MAX_WORDS)?;
    long("its version", &manifest.version, MAX_WORDS)?;
    long("its licence", &manifest.license, MAX_WORDS)?;
    long("its description", &manifest.description, MAX_DESCRIPTION)?;
    if manifest.capabilities.len() > MAX_REQUESTS {
        return Err(wrong(format!(
            "it asks for {} capabilities; at most {MAX_REQUESTS} are allowed",
            manifest.capabilities.len()
        )));
    }
    for request in &manifest.capabilities {
        long(
            "a capability that it asks for",
            &request.capability,
            fact_types::capability::MAX_LEN,
        )?;
        long("a reason", &request.reason, fact_types::capability::MAX_LEN)?;
    }
    let mut names = BTreeSet::new();
    for tool in &manifest.tools {
        long(
            &format!("the title of `{}`", tool.name),
            tool.title.as_deref().unwrap_or_default(),
            MAX_WORDS,
        )?;
        if let Some(schema) = &tool.output_schema {
            crate::schema::Schema::output(schema)
                .map_err(|why| wrong(format!("tool `{}`: {why}", tool.name)))?;
        }
        if !names.insert(&tool.name) {
            return Err(wrong(format!("two tools are called `{}`", tool.name)));
        }
        long(
            &format!("the description of `{}`", tool.name),
            &tool.description,
            MAX_DESCRIPTION,
        )?;
    }
    Ok(())
}

/// Checks what a manifest says about its component against the component itself, and completes it.
pub(crate) fn compare(manifest: &mut Manifest, component: &Inspection) -> Result<(), Error> {
    let real: BTreeSet<&str> = component
        .imports
        .iter()
        .map(|import| import.name.as_str())
        .chain(component.imported_functions.iter().map(String::as_str))
        .collect();
    if let Some(claimed) = &manifest.imports {
        let claimed: BTreeSet<&str> = claimed.iter().map(String::as_str).collect();
        let hidden: Vec<&str> = real.difference(&claimed).copied().take(5).collect();
        let absent: Vec<&str> = claimed.difference(&real).copied().take(5).collect();
        let lie = match (hidden.as_slice(), absent.as_slice()) {
            ([], []) => None,
            ([], absent) => Some(format!(
                "it names imports that the component does not have: {}",
                words(absent)
            )),
            (hidden, _) => Some(format!(
                "it keeps imports of the component back: {}",
                words(hidden)
            )),
        };
        if let Some(lie) = lie {
            return Err(wrong(format!(
                "{lie}. Build it again with `fact plugin build`, and don't trust whoever gave you this file"
            )));
        }
    }
    for request in &manifest.capabilities {
        // A kind that this host does not know is shown at installation, and can't be granted.
        let Ok(capability) = request.capability.parse::<Capability>() else {
            continue;
        };
        if !component.can_use(capability.kind()) {
            return Err(wrong(format!(
                "it asks for `{capability}`, but the component imports nothing that could use it. A plugin asks for what it \
                 uses; its author must take that request out, or use it"
            )));
        }
    }
    manifest.imports = Some(real.into_iter().map(str::to_owned).collect());
    Ok(())
}

fn words(names: &[&str]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "`{}`",
                name.chars()
                    .take(100)
                    .flat_map(char::escape_debug)
                    .collect::<String>()
            )
        })
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_not_known_is_told_and_no_error() {
        let text =
            r#"{"name":"p","colour":1,"tools":[{"name":"t","input_schema":{"odd":1},"flavour":{"a":1}}]}"#;
        let (manifest, warnings) = parse(text).unwrap();
        assert_eq!(manifest.tools.len(), 1);
        assert_eq!(
            warnings,
            [
                "Its manifest has keys that this version of FACT does not know and passes over: `colour`, `tools.0.flavour`."
            ]
        );
        let many: String = (0..9).map(|n| format!("\"k{n}\":0,")).collect();
        let many = format!("{{{many}\"name\":\"p\",\"tools\":[{{\"name\":\"t\",\"input_schema\":{{}}}}]}}");
        let (_, warnings) = parse(&many).unwrap();
        assert!(warnings[0].ends_with("`k4` and 4 more."), "{warnings:?}");
    }

    #[test]
    fn what_can_not_be_read_says_what_to_do() {
        let deep = "[".repeat(1000);
        let deep = format!("{{\"name\":\"p\",\"tools\":[{{\"name\":\"t\",\"input_schema\":{deep}");
        for (text, word) in [
            ("", "it is empty. `fact plugin build`"),
            (" \n", "it is empty. `fact plugin build`"),
            (deep.as_str(), "nested too deep"),
            ("{}", "`fact plugin build` writes one that can"),
            ("{\"name\":\"p\"", "`fact plugin build` writes one that can"),
            ("{\"name\":\"p\",\"tools\":[]} x", "trailing characters"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.code, Code::BadComponent, "{text:.20}");
            assert!(error.message.contains(word), "{text:.20}: {}", error.message);
        }
    }

    #[test]
    fn manifests_are_bounded() {
        let good = json!({
            "name": "p",
            "tools": [{ "name": "t", "input_schema": { "type": "object" } }]
        });
        parse(&good.to_string()).unwrap();
        let long = "x".repeat(MAX_DESCRIPTION + 1);
        let request = json!({ "capability": "clock:wall", "reason": "" });
        // A place in the manifest, what stands there, and a word of the refusal.
        let cases: &[(&str, Value, &str)] = &[
            ("/name", json!(long), "its name"),
            ("/version", json!(long), "its version"),
            ("/license", json!(long), "its licence"),
            ("/description", json!(long), "its description"),
            (
                "/capabilities",
                json!(vec![request; MAX_REQUESTS + 1]),
                "asks for",
            ),
            ("/capabilities", json!([{ "capability": long }]), "a capability"),
            (
                "/capabilities",
                json!([{ "capability": "x", "reason": long }]),
                "a reason",
            ),
            ("/tools", json!([]), "no tools"),
            ("/tools/0/title", json!(long), "the title"),
            ("/tools/0/description", json!(long), "the description of"),
            (
                "/tools/0/output_schema",
                json!({ "$ref": "file:///etc/passwd" }),
                "only `#/…`",
            ),
            (
                "/tools/0/output_schema",
                json!({ "type": "nonsense" }),
                "output schema is wrong",
            ),
        ];
        for (place, value, word) in cases {
            let mut text = good.clone();
            let (parent, key) = place.rsplit_once('/').unwrap();
            text.pointer_mut(parent).unwrap()[key] = value.clone();
            let error = parse(&text.to_string()).unwrap_err();
            assert_eq!(error.code, Code::BadComponent, "{place}");
            assert!(error.message.contains(word), "{place}: {}", error.message);
        }
    }
}
