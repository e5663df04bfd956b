//! `fact completions`.

use clap::Args;
use clap_complete::Shell;

use crate::context::Context;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  fact completions bash > ~/.local/share/bash-completion/completions/fact
  fact completions fish > ~/.config/fish/completions/fact.fish
  fact completions zsh > \"${fpath[1]}/_fact\"";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, context: &Context) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::args::command(), "fact", &mut script);
        let script =
            String::from_utf8(script).map_err(|error| Failure::internal("a script is no text", &error))?;
        if context.screen().json_wanted() {
            let shell = self.shell.to_string();
            return context
                .screen()
                .json(&serde_json::json!({ "shell": shell, "script": script }));
        }
        context.screen().line(script)
    }
}
