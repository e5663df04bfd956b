//! `fact plugin new`: a project to begin with.

use std::path::PathBuf;

use clap::Args;
use fact_author::{Language, NewOptions, create, find_sdk};
use fact_types::PluginName;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::shell;

const EXAMPLES: &str = "\
Examples:
  fact plugin new adder                             # inside a checkout of FACT
  fact plugin new adder --sdk ~/fact/sdk/rust       # anywhere
  fact plugin new adder --lang rust --path plugins/adder";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct New {
    /// The plugin's name: 1 to 32 of a-z, 0-9 and `-`.
    name: PluginName,
    /// The language to write it in. There is: rust.
    #[arg(long, default_value = "rust")]
    lang: String,
    /// The folder to make. Without this: one of the plugin's name, here.
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// The folder of fact-sdk, which is sdk/rust in FACT's source. Without this: that of the checkout you are in.
    #[arg(long, value_name = "FOLDER", env = "FACT_SDK")]
    sdk: Option<PathBuf>,
}

impl New {
    pub(in crate::verbs) fn run(self, context: &Context) -> Result<(), Failure> {
        let screen = context.screen();
        let language: Language = self.lang.parse()?;
        let folder = self.path.unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let here = std::env::current_dir().unwrap_or_default();
        // The program itself, as the checkout builds it, lies in the checkout.
        let program = std::env::current_exe().unwrap_or_default();
        let places = [here.join(&folder), program];
        let sdk = find_sdk(self.sdk.as_deref(), places.iter().map(PathBuf::as_path))?;
        let created = create(&NewOptions {
            name: self.name.clone(),
            language,
            folder,
            sdk,
        })?;
        if screen.json_wanted() {
            return screen.json(&json!({
                "plugin": self.name,
                "language": language.as_str(),
                "folder": created.folder,
                "files": created.files,
            }));
        }
        let shown = created.folder.display().to_string();
        let files: String = created
            .files
            .iter()
            .map(|file| format!("  {shown}/{file}\n"))
            .collect();
        screen.line(format!("Made {}:\n{files}", self.name))?;
        let folder = shell(&shown);
        screen.note(format!(
            "Next: fact plugin build {folder}, fact plugin test {folder}, fact plugin dev {folder}"
        ));
        Ok(())
    }
}
