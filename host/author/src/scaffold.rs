//! A new project: a folder with one tool, its test, and what is needed to build it.

use std::fs;
use std::path::{Path, PathBuf};

use fact_types::{Code, Error, PluginName};

use crate::Language;

/// How many folders above a place are looked at for a checkout of FACT.
const LEVELS: usize = 32;

/// Where the kit is in a checkout.
const SDK: &str = "sdk/rust";

/// A project to make.
#[derive(Debug, Clone)]
pub struct NewOptions {
    /// The plugin's name.
    pub name: PluginName,
    /// What it is to be written in.
    pub language: Language,
    /// The folder to make. It must not be there, or be empty.
    pub folder: PathBuf,
    /// The folder of `fact-sdk`.
    pub sdk: PathBuf,
}

/// A project that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its folder.
    pub folder: PathBuf,
    /// Its files, from there.
    pub files: Vec<&'static str>,
}

/// Makes a project.
///
/// # Errors
/// `conflict` when something is in the folder already; `not-found` when the kit is not where it is said to be;
/// `unavailable` when the folder can't be written.
pub fn create(options: &NewOptions) -> Result<Created, Error> {
    let NewOptions {
        name, folder, sdk, ..
    } = options;
    let sdk = kit(sdk)?;
    let shown = folder.display();
    let failed = |error: std::io::Error| {
        Error::new(
            Code::Unavailable,
            format!("The folder `{shown}` can't be written: {}.", error.kind()),
        )
    };
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Ok(false) | Err(_) => {
            return Err(Error::new(
                Code::Conflict,
                format!(
                    "`{shown}` is there already, and not an empty folder; nothing was changed. --path chooses another."
                ),
            ));
        }
    }
    let files = [
        ("Cargo.toml", manifest(name, &sdk)),
        ("src/lib.rs", TOOL.to_owned()),
        ("README.md", readme(name)),
        (".gitignore", format!("/target\n/{name}.wasm\n")),
    ];
    fs::create_dir_all(folder.join("src")).map_err(failed)?;
    for (file, text) in &files {
        fs::write(folder.join(file), text).map_err(failed)?;
    }
    Ok(Created {
        folder: folder.clone(),
        files: files.map(|(file, _)| file).to_vec(),
    })
}

/// The folder of `fact-sdk`: the one that is named, or that of the checkout which one of the places is in.
///
/// # Errors
/// `not-found` when there is none.
pub fn find_sdk<'a>(
    named: Option<&Path>,
    places: impl IntoIterator<Item = &'a Path>,
) -> Result<PathBuf, Error> {
    if let Some(named) = named {
        return kit(named);
    }
    places
        .into_iter()
        .flat_map(|place| place.ancestors().take(LEVELS))
        .find_map(|folder| kit(&folder.join(SDK)).ok())
        .ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!(
                    "A Rust plugin is built with `fact-sdk`, which comes with FACT's source: give its folder with --sdk, for \
                     example --sdk fact/{SDK}, or set FACT_SDK, or run this inside a checkout of FACT."
                ),
            )
        })
}

/// The folder of the kit, in full; a checkout stands for the kit in it.
fn kit(folder: &Path) -> Result<PathBuf, Error> {
    let is_kit = |folder: &Path| {
        fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| {
            text.parse::<toml::Table>().is_ok_and(|table| {
                table
                    .get("package")
                    .and_then(|package| package.get("name"))
                    .and_then(toml::Value::as_str)
                    == Some("fact-sdk")
            })
        })
    };
    [folder.to_path_buf(), folder.join(SDK)]
        .iter()
        .find(|place| is_kit(place))
        .and_then(|place| place.canonicalize().ok())
        .ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!(
                    "`{}` is not the folder of `fact-sdk`: that is `{SDK}` in FACT's source.",
                    folder.display()
                ),
            )
        })
}

fn manifest(name: &PluginName, sdk: &Path) -> String {
    // A TOML string as TOML writes it, whatever is in the path.
    let sdk = toml::Value::from(sdk.display().to_string());
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
description = "Greets people"
license = "Apache-2.0"
publish = false

[lib]
crate-type = ["cdylib"]

[dependencies]
fact-sdk = {{ path = {sdk} }}
schemars = "1"
serde = {{ version = "1", features = ["derive"] }}

# A small component, which still has the names that a backtrace shows.
[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
strip = "debuginfo"
panic = "abort"

# A workspace of its own, wherever the folder lies.
[workspace]
"#
    )
}

const TOOL: &str = r#"use fact_sdk::{ToolError, plugin, tool};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Greet {
    /// Whom to greet.
    #[schemars(length(min = 1, max = 100))]
    name: String,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Greeting {
    greeting: String,
}

/// Greets somebody by name.
#[tool(read_only, idempotent)]
fn greet(args: Greet) -> Result<Greeting, ToolError> {
    Ok(Greeting {
        greeting: format!("Hello, {}!", args.name),
    })
}

// What a plugin would like to be granted it says here, with the reason:
// plugin!(greet; capabilities = ["clock:wall" => "knows whether it is morning"]);
plugin!(greet);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_greeted_by_name() {
        let greeting = greet(Greet { name: "Ann".into() }).unwrap();
        assert_eq!(greeting.greeting, "Hello, Ann!");
    }
}
"#;

fn readme(name: &PluginName) -> String {
    format!(
        "# {name}\n\nA FACT plugin.\n\n```sh\n\
         cargo test                      # the tests of the functions\n\
         fact plugin build               # makes {name}.wasm\n\
         fact plugin test .              # how it behaves under a host, with made-up arguments\n\
         fact plugin dev                 # installs it, and again each time a file is saved\n\
         fact call {name}_greet name=Ann\n```\n\n\
         Each `#[tool]` function is a tool: its doc comment is the description that models read, and its types are the\n\
         schemas. Nothing is granted to a plugin unless somebody grants it.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust")
    }

    fn options(folder: &Path) -> NewOptions {
        NewOptions {
            name: "hello".parse().unwrap(),
            language: Language::Rust,
            folder: folder.to_owned(),
            sdk: sdk(),
        }
    }

    #[test]
    fn a_project_is_made_and_nothing_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let made = create(&options(&folder.path().join("a/hello"))).unwrap();
        let project = crate::Project::find(&made.folder).unwrap();
        assert_eq!(project.package, "hello");
        assert_eq!(made.files.len(), 4);
        let error = create(&options(&made.folder)).unwrap_err();
        assert_eq!(error.code, Code::Conflict);
        fs::write(folder.path().join("file"), "mine").unwrap();
        assert_eq!(
            create(&options(&folder.path().join("file"))).unwrap_err().code,
            Code::Conflict
        );
        assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "mine");
        fs::create_dir(folder.path().join("empty")).unwrap();
        create(&options(&folder.path().join("empty"))).unwrap();
    }

    #[test]
    fn the_kit_is_found_from_inside_a_checkout_or_by_name() {
        let inside = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
        let kit = sdk().canonicalize().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let root = kit.parent().unwrap().parent().unwrap();
        for (named, place, found) in [
            (None, inside.as_path(), true),
            (None, outside.path(), false),
            (Some(kit.as_path()), outside.path(), true),
            (Some(root), outside.path(), true),
            (Some(outside.path()), inside.as_path(), false),
        ] {
            match find_sdk(named, [place]) {
                Ok(folder) => assert!(found && folder == kit, "{named:?} {place:?}"),
                Err(error) => assert!(
                    !found && error.message.contains("fact-sdk"),
                    "{named:?} {place:?}"
                ),
            }
        }
    }
}
