//! `fact plugin build`: from a project to a component.

use std::path::PathBuf;

use clap::Args;
use fact_author::{BuildOptions, Built, Project};
use serde_json::json;

use super::about;
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{counted, one_line, shell};

const EXAMPLES: &str = "\
Examples:
  fact plugin build
  fact plugin build plugins/adder --out adder.wasm

The project is compiled for speed and size, the component is asked once, with nothing granted, what it is, and the answer
is written into it, so that nobody has to run it to know.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Build {
    /// The project's folder.
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Where the component goes. Without this: NAME.wasm in the project's folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Build {
    pub(in crate::verbs) async fn run(self, context: &Context) -> Result<(), Failure> {
        let project = Project::find(&self.folder)?;
        let options = BuildOptions {
            out: self.out,
            quick: false,
            compiler: context.compiler(),
        };
        let built = fact_author::build(&project, &options).await?;
        told(context, &built)
    }
}

fn told(context: &Context, built: &Built) -> Result<(), Failure> {
    let (screen, manifest, found) = (context.screen(), &built.manifest, &built.inspection);
    if screen.json_wanted() {
        return screen.json(&json!({
            "file": built.path,
            "size": found.size,
            "digest": found.digest,
            "plugin": manifest.name,
            "version": manifest.version,
            "imports": manifest.imports,
            "could_use": found.kinds(),
            "tools": manifest.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
            "asks_for": about::requests_json(manifest),
        }));
    }
    let file = built.path.display().to_string();
    let mut text = format!(
        "Built {} {}: {}, {}, {}\n{}",
        one_line(&manifest.name),
        one_line(&manifest.version),
        one_line(&file),
        about::size(found.size),
        counted(manifest.tools.len(), "tool"),
        about::tools(manifest),
    );
    text.push_str(&format!("It could use {}.\n", about::could_use(found)));
    match about::requests(manifest) {
        requests if requests.is_empty() => text.push_str("It asks for nothing.\n"),
        requests => {
            text.push_str("It asks for\n");
            for request in requests {
                text.push_str(&format!("  {request}\n"));
            }
        }
    }
    screen.line(text)?;
    let file = shell(&file);
    screen.note(format!(
        "Next: fact plugin test {file}, fact plugin install {file}"
    ));
    Ok(())
}
